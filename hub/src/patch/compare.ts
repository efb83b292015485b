import { type FieldSet, FieldSetBuilder } from './field-set.ts';
import { isObject, type JsonObject, jsonEqual, member } from './json-value.ts';
import { type ListType, type MapType, type MergeType, memberType, type StructType } from './merge-type.ts';

/** No path is in more than one of the three. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** What changed from one object to another, by path. */
export function compare(before: unknown, after: unknown, type: MergeType): Comparison {
  const [added, modified, removed] = [new FieldSetBuilder(), new FieldSetBuilder(), new FieldSetBuilder()];
  new Walk(added, modified, removed).visit(before, after, type);
  return { added: added.build(), modified: modified.build(), removed: removed.build() };
}

/** Two changes of one type have the same text exactly where `compare` answers the same. Cheaper than the answer. */
export function changeText(before: unknown, after: unknown, type: MergeType): string {
  const text = new ChangeText();
  new Walk(text.of('+'), text.of('~'), text.of('-')).visit(before, after, type);
  return text.text;
}

interface Paths {
  insert(path: readonly string[]): void;
}

class ChangeText {
  text = '';

  of(what: string): Paths {
    return {
      insert: (path) => {
        let text = what;
        // An element may hold any character, so its length goes before it.
        for (const element of path) text += `${element.length} ${element}`;
        this.text += text;
      },
    };
  }
}

class Walk {
  readonly added: Paths;
  readonly modified: Paths;
  readonly removed: Paths;
  readonly path: string[] = [];

  constructor(added: Paths, modified: Paths, removed: Paths) {
    this.added = added;
    this.modified = modified;
    this.removed = removed;
  }

  visit(before: unknown, after: unknown, type: MergeType): void {
    // Shared subtrees, too: most writes change little and share the rest.
    if (before === after) return;
    if (isLeaf(before, after, type)) {
      if (before === undefined) this.added.insert(this.path);
      else if (after === undefined) this.removed.insert(this.path);
      else if (!jsonEqual(before, after)) this.modified.insert(this.path);
      return;
    }
    if (type.kind === 'list') this.visitItems(asList(before), asList(after), type);
    else if (type.kind !== 'leaf') this.visitMembers(asObject(before), asObject(after), type);
    if (before === undefined) this.added.insert(this.path);
    else if (after === undefined) this.removed.insert(this.path);
  }

  descend(element: string, before: unknown, after: unknown, type: MergeType): void {
    this.path.push(element);
    this.visit(before, after, type);
    this.path.pop();
  }

  visitMembers(before: JsonObject | undefined, after: JsonObject | undefined, type: StructType | MapType): void {
    for (const name in before) this.visitMember(name, before, after, type);
    for (const name in after) if (!before || !Object.hasOwn(before, name)) this.visitMember(name, before, after, type);
  }

  visitMember(name: string, before: JsonObject | undefined, after: JsonObject | undefined, type: StructType | MapType): void {
    let left = before && member(before, name);
    let right = after && member(after, name);
    if (left === right && left !== undefined) return;
    const { element, type: inner, byValue, nullWhenAbsent } = memberType(type, name);
    if (nullWhenAbsent) {
      if (before) left ??= null;
      if (after) right ??= null;
    } else if (byValue) {
      if (before) left ??= emptyLike(right);
      if (after) right ??= emptyLike(left);
    }
    this.descend(element, left, right, inner);
  }

  visitItems(before: readonly unknown[], after: readonly unknown[], type: ListType): void {
    const left = grouped(before, type);
    const right = grouped(after, type);
    for (const element of new Set([...left.keys(), ...right.keys()])) {
      const olds = left.get(element) ?? [];
      const news = right.get(element) ?? [];
      if (olds.length <= 1 && news.length <= 1) {
        this.descend(element, olds[0], news[0], type.item);
      } else if (olds.length > 1 && news.length > 1) {
        if (!jsonEqual(olds, news)) this.modified.insert([...this.path, element]);
      } else if (olds.length > 1) {
        if (news.length > 0) this.descend(element, undefined, news[0], type.item);
        this.removed.insert([...this.path, element]);
      } else {
        if (olds.length > 0) this.descend(element, olds[0], undefined, type.item);
        this.added.insert([...this.path, element]);
      }
    }
  }
}

function emptyLike(value: unknown): unknown {
  if (Array.isArray(value)) return [];
  return isObject(value) ? {} : undefined;
}

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const asObject = (value: unknown): JsonObject | undefined => (isObject(value) ? value : undefined);

/** Items by their path elements: more than one where the keys are not unique. */
export function grouped(items: readonly unknown[], type: ListType): Map<string, unknown[]> {
  const groups = new Map<string, unknown[]>();
  for (const [index, item] of items.entries()) {
    const element = type.element(item, index);
    const group = groups.get(element);
    if (group) group.push(item);
    else groups.set(element, [item]);
  }
  return groups;
}

export const isVoid = (value: unknown): boolean =>
  value === undefined || value === null || (Array.isArray(value) ? value.length === 0 : isObject(value) && !hasMembers(value));

function hasMembers(value: JsonObject): boolean {
  for (const _ in value) return true;
  return false;
}

/** What is not looked into: scalars, atomic types, values of the wrong form, and pairs of which neither holds anything. */
export function isLeaf(left: unknown, right: unknown, type: MergeType): boolean {
  if (type.kind === 'leaf' || (isVoid(left) && isVoid(right))) return true;
  return !fits(left, type) || !fits(right, type);
}

function fits(value: unknown, type: MergeType): boolean {
  return value === undefined || (type.kind === 'list' ? Array.isArray(value) : isObject(value));
}
