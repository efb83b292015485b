import { badRequest, StatusError, tooLarge } from '@flotilla/shared/errors/status.js';
import { isObject, type JsonObject, jsonEqual, member, withMember, withoutMember } from './json-value.ts';

/** What Kubernetes takes in one patch. */
export const maxOperations = 10_000;
/** What `copy` may add altogether: a document that is copied into itself doubles each time. */
const maxCopiedNodes = 1_000_000;

type Operation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string[]; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string[] }
  | { readonly op: 'move' | 'copy'; readonly path: string[]; readonly from: string[] };

/**
 * A JSON patch (RFC 6902), all of it or none. Neither argument changes.
 * @throws StatusError BadRequest for what is no patch, RequestEntityTooLarge for too many operations, Invalid (422, in
 * Kubernetes' words, with the reason as its cause) when an operation does not apply
 */
export function applyJsonPatch<T extends object>(object: T, patch: unknown): T {
  if (!Array.isArray(patch))
    throw badRequest(`error decoding patch: json: cannot unmarshal ${kindOf(patch)} into Go value of type []handlers.jsonPatchOp`);
  if (patch.length > maxOperations) {
    throw tooLarge(`Request entity too large: The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`);
  }
  const budget = { nodes: maxCopiedNodes };
  const result = patch.map(parse).reduce<unknown>((document, operation) => apply(document, operation, budget), object);
  if (!isObject(result)) throw rejected('the patched document is no object');
  return result as T;
}

function rejected(why: string): StatusError {
  return new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {
    causes: [{ reason: 'UnexpectedServerResponse', message: why, field: 'patch' }],
  });
}

const missing = (op: string, path: readonly string[]): StatusError =>
  rejected(`${op} operation does not apply: doc is missing path: ${JSON.stringify(pointer(path))}: missing value`);

function parse(value: unknown): Operation {
  if (!isObject(value))
    throw badRequest(`error decoding patch: json: cannot unmarshal ${kindOf(value)} into Go value of type handlers.jsonPatchOp`);
  const op = member(value, 'op');
  const path = () => parsePointer(member(value, 'path'), 'path');
  switch (op) {
    case 'add':
    case 'replace':
    case 'test':
      return { op, path: path(), value: member(value, 'value') ?? null };
    case 'remove':
      return { op, path: path() };
    case 'move':
    case 'copy':
      return { op, path: path(), from: parsePointer(member(value, 'from'), 'from') };
    default:
      throw rejected(`Unexpected kind: ${typeof op === 'string' ? op : 'unknown'}`);
  }
}

function parsePointer(text: unknown, name: string): string[] {
  if (typeof text !== 'string') throw rejected(`operation missing ${name} field`);
  if (text === '') return [];
  if (!text.includes('/')) throw rejected(`${name} ${JSON.stringify(text)} does not begin with a slash`);
  // As in the library Kubernetes uses, what stands before the first slash does not count.
  const [, ...parts] = text.split('/');
  return parts.map((part) => {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (key === '__proto__') throw rejected(`${name} ${JSON.stringify(text)} names __proto__, which no object has`);
    return key;
  });
}

const pointer = (path: readonly string[]): string => path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

function apply(document: unknown, operation: Operation, budget: { nodes: number }): unknown {
  switch (operation.op) {
    case 'add':
      return change(document, operation.path, 'add', () => operation.value);
    case 'replace':
      parentAt(document, operation.path, 'replace');
      return change(document, operation.path, 'replace', () => operation.value);
    case 'remove':
      valueAt(document, operation.path, 'remove');
      return change(document, operation.path, 'remove', () => undefined);
    case 'test': {
      const found = find(document, operation.path) ?? null;
      if (jsonEqual(found, operation.value)) return document;
      throw rejected(`testing value ${pointer(operation.path)} failed: test failed`);
    }
    case 'copy': {
      parentAt(document, operation.from, 'copy');
      const value = find(document, operation.from) ?? null;
      budget.nodes -= countNodes(value, budget.nodes);
      if (budget.nodes < 0) throw rejected('Unable to complete the copy, the accumulated size increase of copy is too large');
      return change(document, operation.path, 'add', () => value);
    }
    case 'move': {
      const { from, path } = operation;
      const value = valueAt(document, from, 'move');
      const inside = path.length > from.length && from.every((key, index) => key === path[index]);
      if (inside) throw rejected(`move operation does not apply: ${pointer(path)} is inside ${pointer(from)}`);
      return change(
        change(document, from, 'remove', () => undefined),
        path,
        'add',
        () => value,
      );
    }
  }
}

/** Stops counting when `limit` is passed. */
function countNodes(value: unknown, limit: number): number {
  let count = 1;
  if (typeof value !== 'object' || value === null) return count;
  for (const item of Object.values(value)) {
    count += countNodes(item, limit - count);
    if (count > limit) return count;
  }
  return count;
}

function find(document: unknown, path: readonly string[]): unknown {
  let value = document;
  for (const key of path) {
    if (Array.isArray(value)) value = value[indexOf(key, value.length - 1) ?? -1];
    else if (isObject(value)) value = member(value, key);
    else return undefined;
  }
  return value;
}

function valueAt(document: unknown, path: readonly string[], op: string): unknown {
  const value = find(document, path);
  if (value === undefined) throw missing(op, path);
  return value;
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
}

/** @throws StatusError when there is nothing that could have such a member */
function parentAt(document: unknown, path: readonly string[], op: string): void {
  const parent = find(document, path.slice(0, -1));
  if (path.length > 0 && (Array.isArray(parent) ? find(document, path) === undefined : !isObject(parent))) throw missing(op, path);
}

/** Digits without a leading zero, at most `last`; -1 is the last one. */
function indexOf(key: string, last: number): number | undefined {
  if (!/^-?(0|[1-9]\d{0,9})$/.test(key)) return undefined;
  const given = Number(key);
  const index = given < 0 ? given + last + 1 : given;
  return index >= 0 && index <= last ? index : undefined;
}

type Change = 'add' | 'replace' | 'remove';

/** A copy of the document with the change at its place; what is not on the way is shared. */
function change(document: unknown, path: readonly string[], op: Change, value: () => unknown, at = 0): unknown {
  const key = path[at];
  if (key === undefined) {
    if (op === 'remove') throw rejected('the whole document cannot be removed');
    return value();
  }
  const last = at === path.length - 1;
  if (Array.isArray(document)) return changeList(document, { path, op, value, at, key, last });
  if (!isObject(document)) throw missing(op, path);
  if (last) return changeMember(document, key, op, value());
  if (!Object.hasOwn(document, key)) throw missing(op, path);
  return withMember(document, key, change(document[key], path, op, value, at + 1));
}

function changeMember(document: JsonObject, key: string, op: Change, value: unknown): JsonObject {
  return op === 'remove' ? withoutMember(document, key) : withMember(document, key, value);
}

interface ListChange {
  readonly path: readonly string[];
  readonly op: Change;
  readonly value: () => unknown;
  readonly at: number;
  readonly key: string;
  readonly last: boolean;
}

function changeList(list: readonly unknown[], { path, op, value, at, key, last }: ListChange): unknown[] {
  if (last && op === 'add') {
    const index = key === '-' ? list.length : indexOf(key, list.length);
    if (index === undefined) throw rejected(`add operation does not apply: ${pointer(path)}: Unable to access invalid index: ${key}`);
    return list.toSpliced(index, 0, value());
  }
  const index = indexOf(key, list.length - 1);
  if (index === undefined) throw missing(op, path);
  if (last && op === 'remove') return list.toSpliced(index, 1);
  return list.with(index, last ? value() : change(list[index], path, op, value, at + 1));
}
