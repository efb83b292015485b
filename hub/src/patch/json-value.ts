/** Trees of JSON values, shared and never changed in place. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether both are the same JSON, whatever the order of keys. A bigint equals the same integer. */
export function jsonEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left)) {
    return Array.isArray(right) && left.length === right.length && left.every((item, index) => jsonEqual(item, right[index]));
  }
  if (isObject(left) && isObject(right)) {
    const keys = Object.keys(left);
    return keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key) && jsonEqual(left[key], right[key]));
  }
  if (typeof left === 'bigint' || typeof right === 'bigint') return String(left) === String(right) && isNumber(left) && isNumber(right);
  return false;
}

const isNumber = (value: unknown): boolean => typeof value === 'number' || typeof value === 'bigint';

/** A copy with one member set. `__proto__` is never set: no schema has such a field, and it would change a prototype. */
export function withMember(object: JsonObject, key: string, value: unknown): JsonObject {
  if (key === '__proto__') return object;
  return { ...object, [key]: value };
}

export function withoutMember(object: JsonObject, key: string): JsonObject {
  const { [key]: _gone, ...rest } = object;
  return rest;
}

/** The member an object has of its own; undefined for what it inherits. */
export function member(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
