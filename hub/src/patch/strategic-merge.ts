import { type MergeRule, mergeRule } from '@flotilla/shared/api/list-keys.js';
import { referencedName, resolveSchema, type Schema, schemas } from '@flotilla/shared/api/schemas.js';
import { badRequest, StatusError } from '@flotilla/shared/errors/status.js';
import { byItself, byMergeKey, orderElements } from './element-order.ts';
import { goText } from './go-text.ts';
import { isObject, type JsonObject, jsonEqual, member } from './json-value.ts';

const directive = '$patch';
const retainKeys = '$retainKeys';
const deleteFromList = '$deleteFromPrimitiveList/';
const deleteWithoutField = deleteFromList.slice(0, -1);
const elementOrder = '$setElementOrder/';

const badRetainKeys = 'invalid patch format of retainKeys';
const badPrimitiveList = 'invalid patch format of primitive list';
const badElementOrder = 'invalid patch format of setElementOrder list';

/** A patch that makes no sense: Kubernetes counts it as a fault of the server. */
const unusable = (why: string): StatusError => new StatusError(500, '', why);
const goType = (value: unknown): string => (typeof value === 'number' ? 'int64' : typeof value === 'boolean' ? 'bool' : typeof value);

/**
 * A strategic merge patch: a merge patch that merges lists by their keys and knows the directives `$patch`, `$retainKeys`,
 * `$deleteFromPrimitiveList/…` and `$setElementOrder/…` (apimachinery, strategicpatch). Neither argument changes.
 * @param definition `io.k8s.api.apps.v1.Deployment`
 * @throws StatusError BadRequest, or 500 in Kubernetes' words for directives that make no sense
 */
export function applyStrategicMergePatch<T extends object>(object: T, patch: unknown, definition: string): T {
  if (!isObject(patch))
    throw badRequest(
      `json: cannot unmarshal ${Array.isArray(patch) ? 'array' : typeof patch === 'boolean' ? 'bool' : typeof patch} into Go value of type map[string]interface {}`,
    );
  return mergeMap(object as JsonObject, patch, { name: definition, schema: schemas[definition] }) as T;
}

/** What is known of a value: its schema and, for a struct, the definition that has the rules of its fields. */
interface Place {
  readonly name: string;
  readonly schema: Schema | undefined;
}

interface FieldPlace extends Place {
  readonly rule: MergeRule;
}

function fieldOf(place: Place, key: string): FieldPlace {
  const { properties, additionalProperties } = place.schema ?? {};
  const schema = properties && Object.hasOwn(properties, key) ? properties[key] : additionalProperties;
  return { ...placeOf(schema), rule: mergeRule(place.name, key) };
}

function placeOf(schema: Schema | undefined): Place {
  return { name: schema ? (referencedName(schema) ?? '') : '', schema: schema && resolveSchema(schema) };
}

function mergeMap(original: JsonObject, patch: JsonObject, place: Place): JsonObject {
  const action = member(patch, directive);
  if (action !== undefined) return byDirective(action, patch);
  const result: Record<string, unknown> = retained(original, patch);
  const done = new Set<string>([retainKeys, '__proto__']);
  for (const key of Object.keys(patch)) {
    if (key.startsWith(elementOrder)) mergeOrdered(result, patch, key, place, done);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (done.has(key)) continue;
    if (key === deleteWithoutField) throw badRequest(badPrimitiveList);
    if (key.startsWith(deleteFromList)) deleteScalars(result, key.slice(deleteFromList.length), value);
    else mergeField(result, key, value, fieldOf(place, key));
  }
  return result;
}

function byDirective(action: unknown, patch: JsonObject): JsonObject {
  const { [directive]: _action, ...rest } = patch;
  if (action === 'replace') return rest;
  if (action === 'delete') return {};
  throw unusable(
    `unknown patch type: ${typeof action === 'string' ? action : `%!s(${goType(action)}=${String(action)})`} in map: ${goText(patch)}`,
  );
}

/** A copy of the original, without what `$retainKeys` does not name. */
function retained(original: JsonObject, patch: JsonObject): Record<string, unknown> {
  const keep = member(patch, retainKeys);
  if (keep === undefined) return { ...original };
  if (!Array.isArray(keep)) throw badRequest(badRetainKeys);
  for (const [key, value] of Object.entries(patch)) {
    if (key === retainKeys || value === null || key.startsWith(deleteFromList) || key.startsWith(elementOrder)) continue;
    if (!keep.includes(key)) throw badRequest(badRetainKeys);
  }
  return Object.fromEntries(Object.entries(original).filter(([key]) => keep.includes(key)));
}

function mergeField(result: Record<string, unknown>, key: string, value: unknown, field: FieldPlace): void {
  const current = member(result, key);
  if (value === null) {
    delete result[key];
  } else if (isObject(current) && isObject(value)) {
    result[key] = field.rule.patchStrategy === 'replace' ? withoutDirectives(value) : mergeMap(current, value, field);
  } else if (Array.isArray(current) && Array.isArray(value)) {
    result[key] = mergeList(current, value, field);
  } else {
    const plain = withoutNulls(withoutDirectives(value));
    if (plain === undefined) delete result[key];
    else result[key] = plain;
  }
}

const merges = ({ patchStrategy }: MergeRule): boolean => patchStrategy?.split(',').includes('merge') ?? false;

function mergeList(original: readonly unknown[], patch: readonly unknown[], field: FieldPlace): readonly unknown[] {
  if (!merges(field.rule)) return patch.map(withoutDirectives);
  const mergeKey = field.rule.patchMergeKey;
  if (mergeKey === undefined) {
    return orderElements([...new Set([...original, ...patch])], patch, original, byItself);
  }
  const { kept, items, replaced } = byItems(original, patch, mergeKey);
  if (replaced) return items.map(withoutDirectives);
  const itemPlace = placeOf(field.schema?.items);
  const merged: unknown[] = [...kept];
  for (const item of items) {
    const key = keyOf(item, mergeKey);
    const index = merged.findIndex((other) => isObject(other) && jsonEqual(member(other, mergeKey), key));
    const current = merged[index];
    if (isObject(current)) merged[index] = mergeMap(current, item, itemPlace);
    else merged.push(withoutNulls(withoutDirectives(item)));
  }
  return orderElements(merged, items, original, byMergeKey(mergeKey));
}

/** Takes the items with directives out of a patch list: those that delete are obeyed at once. */
function byItems(
  original: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string,
): { kept: readonly unknown[]; items: JsonObject[]; replaced: boolean } {
  let kept = original;
  let replaced = false;
  const items: JsonObject[] = [];
  for (const item of patch) {
    if (!isObject(item)) throw badRequest(`expected a map[string]interface {}, but received a ${typeof item}`);
    const action = member(item, directive);
    if (action === undefined) {
      items.push(item);
    } else if (action === 'delete') {
      const key = keyOf(item, mergeKey);
      kept = kept.filter((other) => !(isObject(other) && jsonEqual(member(other, mergeKey), key)));
    } else if (action === 'replace') {
      replaced = true;
    } else if (action === 'merge') {
      throw badRequest('merging lists cannot yet be specified in the patch');
    } else {
      throw unusable(`unknown patch type: ${String(action)} in map: ${goText(item)}`);
    }
  }
  return { kept, items, replaced };
}

function keyOf(item: unknown, mergeKey: string): unknown {
  const key = isObject(item) ? member(item, mergeKey) : undefined;
  if (key === undefined) throw unusable(`map: ${goText(item)} does not contain declared merge key: ${mergeKey}`);
  return key;
}

/** As Kubernetes has it null takes the whole field, and what is of another form than the field does nothing. */
function deleteScalars(result: Record<string, unknown>, key: string, values: unknown): void {
  const current = member(result, key);
  if (values === null) delete result[key];
  else if (Array.isArray(current) && Array.isArray(values)) result[key] = current.filter((item) => !values.includes(item));
}

/** A list whose patch comes with the order that its items shall have. */
function mergeOrdered(result: Record<string, unknown>, patch: JsonObject, orderKey: string, place: Place, done: Set<string>): void {
  done.add(orderKey);
  const key = orderKey.slice(elementOrder.length);
  const order = patch[orderKey];
  const field = fieldOf(place, key);
  if (key === '' || key === '__proto__' || !Array.isArray(order)) throw badRequest(badElementOrder);
  const original = member(result, key);
  const list = member(patch, key);
  if (original !== undefined && !Array.isArray(original)) throw badRequest(badElementOrder);
  if (list !== undefined && list !== null && !Array.isArray(list)) throw badRequest(badElementOrder);
  if (list === null) return;
  const mergeKey = field.rule.patchMergeKey;
  const identify = mergeKey === undefined ? byItself : byMergeKey(mergeKey);
  if (mergeKey !== undefined) for (const item of order) keyOf(item, mergeKey);
  if (list !== undefined) checkOrder(list, order, identify);
  done.add(key);
  let merged: readonly unknown[];
  if (original === undefined && list === undefined) return;
  if (original === undefined) merged = (withoutNulls(withoutDirectives(list)) as unknown[]) ?? [];
  else merged = list === undefined ? original : mergeList(original, list, field);
  const deletion = member(patch, `${deleteFromList}${key}`);
  if (Array.isArray(deletion)) merged = merged.filter((item) => !deletion.includes(item));
  result[key] = orderElements(merged, order, original ?? [], identify);
}

/** The items of the patch must stand in the order given beside it. */
function checkOrder(list: readonly unknown[], order: readonly unknown[], identify: (item: unknown) => unknown): void {
  if (list.length === 0 || order.length === 0) return;
  let at = 0;
  for (const item of list) {
    if (isObject(item) && Object.hasOwn(item, directive)) continue;
    while (at < order.length && !jsonEqual(identify(order[at]), identify(item))) at++;
    if (at === order.length) {
      throw unusable(`The order in patch list:\n${goText(list)}\n doesn't match $setElementOrder list:\n${goText(order)}\n`);
    }
    at++;
  }
}

/** A value of a patch as it is stored where there was nothing: directives are instructions, not data. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isObject(value)) return value;
  if (Object.hasOwn(value, directive)) return undefined;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === retainKeys || key === '__proto__' || key.startsWith(elementOrder) || key.startsWith(deleteFromList)) continue;
    const plain = withoutDirectives(item);
    if (plain !== undefined) result[key] = plain;
  }
  return result;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key, withoutNulls(item)]),
  );
}
