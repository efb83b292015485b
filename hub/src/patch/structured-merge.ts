import { StatusError } from '@flotilla/shared/errors/status.js';
import { grouped, isLeaf, isVoid } from './compare.ts';
import { type FieldSet, FieldSetBuilder, printPath } from './field-set.ts';
import { isObject, type JsonObject, member } from './json-value.ts';
import { type ListType, type MapType, type MergeType, memberType, type StructType } from './merge-type.ts';

/** What server-side apply does with objects, by type. Nothing changes its arguments. */

/** A list of the configuration has a key twice. */
export class DuplicateKeyError extends StatusError {
  constructor(message: string) {
    super(400, 'BadRequest', message);
    this.name = 'DuplicateKeyError';
  }
}

/** The paths that somebody owns who applies this object. @throws StatusError BadRequest for a list with a key twice */
export function fieldsOf(object: unknown, type: MergeType): FieldSet {
  const builder = new FieldSetBuilder();
  collect(object, type, [], builder);
  return builder.build();
}

function collect(value: unknown, type: MergeType, path: readonly string[], into: FieldSetBuilder): void {
  if (type.kind === 'leaf' || !fits(value, type)) {
    into.insert(path);
  } else if (type.kind === 'list') {
    for (const [element, items] of grouped(value as unknown[], type)) {
      if (items.length > 1) throw new DuplicateKeyError(`${printPath(path)}: duplicate entries for key ${printPath([element])}`);
      collect(items[0], type.item, [...path, element], into);
      into.insert([...path, element]);
    }
  } else {
    for (const [name, item] of Object.entries(value as JsonObject)) {
      const { element, type: inner } = memberType(type, name);
      collect(item, inner, [...path, element], into);
      if (type.kind === 'map' || (isObject(item) && isVoid(item))) into.insert([...path, element]);
    }
  }
}

const fits = (value: unknown, type: MergeType): boolean => (type.kind === 'list' ? Array.isArray(value) : isObject(value));

/** The live object with what is applied laid over it. */
export function mergeApplied(live: unknown, applied: unknown, type: MergeType): unknown {
  if (applied === undefined) return live;
  if (live === undefined || isLeaf(live, applied, type)) return applied;
  if (type.kind === 'list') return mergeItems(live as unknown[], applied as unknown[], type);
  if (type.kind === 'leaf') return applied;
  const result: Record<string, unknown> = { ...(live as JsonObject) };
  for (const [name, item] of Object.entries(applied as JsonObject)) {
    if (name === '__proto__') continue;
    result[name] = mergeApplied(member(live as JsonObject, name), item, memberType(type, name).type);
  }
  return result;
}

/** Items both have stand in the order of the applied list; items of one alone stand where they stood among the others. */
function mergeItems(live: readonly unknown[], applied: readonly unknown[], type: ListType): unknown[] {
  const named = (items: readonly unknown[]): Named[] => items.map((item, index) => ({ element: type.element(item, index), item }));
  const olds = named(live);
  const wanted = named(applied);
  const groups = grouped(live, type);
  const applies = new Set(wanted.map(({ element }) => element));
  const shared = wanted.map(({ element }) => element).filter((element) => groups.has(element));
  const done = new Set<string>();
  const result: unknown[] = [];
  const take = ({ element, item }: Named): void => {
    const group = groups.get(element);
    result.push(mergeApplied(group?.length === 1 ? group[0] : undefined, item, type.item));
    done.add(element);
    if (shared[0] === element) shared.shift();
  };
  let at = 0;
  for (const item of wanted) {
    // Live items go ahead of this one until the place of the next shared item is reached.
    for (let old = olds[at]; old !== undefined && old.element !== item.element; old = olds[++at]) {
      if (!applies.has(old.element)) result.push(old.item);
      else if (!done.has(old.element) && (shared.length === 0 || shared[0] === old.element)) break;
    }
    if (olds[at]?.element === item.element) at++;
    take(item);
  }
  for (const old of olds.slice(at)) if (!applies.has(old.element)) result.push(old.item);
  return result;
}

interface Named {
  readonly element: string;
  readonly item: unknown;
}

/** Without the paths of the set, each with all below it; a list, map or struct that loses all it had goes too. */
export function removePaths(value: unknown, paths: FieldSet, type: MergeType): unknown {
  if (paths.empty || type.kind === 'leaf' || !fits(value, type) || isVoid(value)) return value;
  if (type.kind === 'list') {
    const items: unknown[] = [];
    for (const [index, item] of (value as unknown[]).entries()) {
      const element = type.element(item, index);
      if (!paths.has(element)) items.push(removePaths(item, paths.below(element), type.item));
    }
    return items.length > 0 ? items : undefined;
  }
  const result: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value as JsonObject)) {
    const { element, type: inner } = memberType(type, name);
    if (paths.has(element)) continue;
    const left = removePaths(item, paths.below(element), inner);
    if (left !== undefined) result[name] = left;
  }
  return Object.keys(result).length > 0 ? result : undefined;
}

/** With the structs and named fields on the way to a member: whoever owns `a.b.c` owns the fields `a` and `a.b` too. */
export function withNamedFields(set: FieldSet, type: MergeType): FieldSet {
  const builder = new FieldSetBuilder();
  addNamed(set, type, [], builder);
  return builder.build();
}

function addNamed(set: FieldSet, type: MergeType | undefined, path: readonly string[], into: FieldSetBuilder): void {
  for (const element of set.members) into.insert([...path, element]);
  for (const [element, below] of set.children) {
    const inner = typeBelow(type, element);
    if (type?.kind === 'struct' && element.startsWith('f:') && inner) into.insert([...path, element]);
    addNamed(below, inner, [...path, element], into);
  }
}

function typeBelow(type: StructType | MapType | MergeType | undefined, element: string): MergeType | undefined {
  switch (type?.kind) {
    case 'struct':
      return type.field(element.slice(2));
    case 'map':
      return type.value;
    case 'list':
      return type.item;
    default:
      return undefined;
  }
}
