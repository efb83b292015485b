/** Copies and comparisons of API objects: trees of JSON values (bigint where an int64 needs it), never with cycles. */

/** A deep copy that may be changed, but for the frozen trees of `fieldsV1`, which nobody changes in place. `__proto__` is never copied. */
export function clone<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key];
    if (key === '__proto__' || member === undefined) continue;
    result[key] = key === 'fieldsV1' && Object.isFrozen(member) ? member : copy(member);
  }
  return result;
}

/**
 * The same JSON with each part that is as it was before in the very form it had: `before` itself when nothing differs. The value is
 * given away: what of it may be changed is.
 */
export function sharing<T>(value: T, before: unknown): T {
  return shared(value, before) as T;
}

function shared(value: unknown, before: unknown): unknown {
  if (value === before || typeof value !== 'object' || value === null || typeof before !== 'object' || before === null) return value;
  const isList = Array.isArray(value);
  if (isList !== Array.isArray(before)) return value;
  const own = value as Record<string, unknown>;
  const was = before as Record<string, unknown>;
  const mayChange = !Object.isFrozen(value);
  let same = !isList || (value as unknown[]).length === (before as unknown[]).length;
  for (const key in own) {
    const member = own[key];
    const old = Object.hasOwn(was, key) ? was[key] : undefined;
    const kept = shared(member, old);
    same &&= kept === old;
    if (kept !== member && mayChange) own[key] = kept;
  }
  if (same) for (const key in was) same &&= was[key] === undefined || Object.hasOwn(own, key);
  return same ? before : value;
}

/** Freezes the whole tree. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}

/** Whether both would be written as the same JSON, the order of keys aside. */
export function jsonEqual(left: unknown, right: unknown): boolean {
  return equal(left, right, false);
}

/**
 * Equality as Kubernetes' Go structs see it: what `omitempty` leaves out (zero, false, empty text, empty list, empty map)
 * equals what is not there.
 */
export function semanticEqual(left: unknown, right: unknown): boolean {
  return equal(left, right, true);
}

function equal(left: unknown, right: unknown, zeroIsAbsent: boolean): boolean {
  if (left === right) return true;
  if (zeroIsAbsent && isZero(left) && isZero(right)) return true;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => equal(item, right[index], zeroIsAbsent));
  }
  if (!isMap(left) || !isMap(right)) return false;
  for (const key of Object.keys(left)) if (!equal(left[key], right[key], zeroIsAbsent)) return false;
  for (const key of Object.keys(right)) if (left[key] === undefined && !equal(undefined, right[key], zeroIsAbsent)) return false;
  return true;
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isZero(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return isMap(value) && Object.values(value).every((member) => member === undefined);
}
