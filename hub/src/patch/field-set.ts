import { badRequest } from '@flotilla/shared/errors/status.js';
import { isObject, type JsonObject } from './json-value.ts';

/**
 * A set of paths in an object: what `fieldsV1` of managedFields holds. A path element is in its written form: `f:name` a
 * field, `k:{"name":"a"}` an item of a keyed list, `v:"x"` an item of a set. Sets never change; operations give new ones.
 */
export class FieldSet {
  /** Elements that are in the set themselves. */
  readonly members: ReadonlySet<string>;
  /** What is in the set below an element; never an empty set. */
  readonly children: ReadonlyMap<string, FieldSet>;

  constructor(members: ReadonlySet<string>, children: ReadonlyMap<string, FieldSet>) {
    this.members = members;
    this.children = children;
  }

  get empty(): boolean {
    return this.members.size === 0 && this.children.size === 0;
  }

  has(element: string): boolean {
    return this.members.has(element);
  }

  below(element: string): FieldSet {
    return this.children.get(element) ?? emptySet;
  }

  union(other: FieldSet): FieldSet {
    if (other.empty) return this;
    if (this.empty) return other;
    const children = new Map(this.children);
    for (const [element, set] of other.children) children.set(element, this.below(element).union(set));
    return new FieldSet(new Set([...this.members, ...other.members]), children);
  }

  /** The paths that are not in the other set; a path there does not take what lies below it. */
  difference(other: FieldSet): FieldSet {
    if (other.empty || this.empty) return this;
    const members = without(this.members, other.members);
    const children = kept(this.children, (element, set) => set.difference(other.below(element)));
    return this.#with(members, children);
  }

  intersection(other: FieldSet): FieldSet {
    if (other.empty || this.empty) return emptySet;
    const members = new Set([...this.members].filter((element) => other.members.has(element)));
    return new FieldSet(
      members,
      kept(this.children, (element, set) => set.intersection(other.below(element))),
    );
  }

  /** Without the paths of the other set and all that lies below them. */
  recursiveDifference(other: FieldSet): FieldSet {
    if (other.empty || this.empty) return this;
    const members = without(this.members, other.members);
    const children = kept(this.children, (element, set) =>
      other.members.has(element) ? emptySet : set.recursiveDifference(other.below(element)),
    );
    return this.#with(members, children);
  }

  #with(members: ReadonlySet<string>, children: ReadonlyMap<string, FieldSet>): FieldSet {
    return members === this.members && children === this.children ? this : new FieldSet(members, children);
  }

  /** Without the paths that have others below them. */
  leaves(): FieldSet {
    const members = new Set([...this.members].filter((element) => !this.children.has(element)));
    return new FieldSet(members, new Map([...this.children].map(([element, set]) => [element, set.leaves()])));
  }

  /** Every path, members of a level before what lies below. */
  *paths(): Generator<readonly string[]> {
    for (const element of sorted(this.members)) yield [element];
    for (const element of sorted(this.children.keys())) {
      for (const path of this.below(element).paths()) yield [element, ...path];
    }
  }

  equals(other: FieldSet): boolean {
    return this.difference(other).empty && other.difference(this).empty;
  }
}

export const emptySet = new FieldSet(new Set(), new Map());

/** The set itself where there is nothing to take away. */
function without(members: ReadonlySet<string>, others: ReadonlySet<string>): ReadonlySet<string> {
  if (others.size === 0) return members;
  for (const element of members) {
    if (others.has(element)) return new Set([...members].filter((each) => !others.has(each)));
  }
  return members;
}

/** The very children where none of them changes. */
function kept(
  children: ReadonlyMap<string, FieldSet>,
  change: (element: string, set: FieldSet) => FieldSet,
): ReadonlyMap<string, FieldSet> {
  let same = true;
  const result = new Map<string, FieldSet>();
  for (const [element, set] of children) {
    const changed = change(element, set);
    same &&= changed === set;
    if (!changed.empty) result.set(element, changed);
  }
  return same ? children : result;
}

/** Fields, then keys, then values, each in the order of their texts. */
const ranks: Readonly<Record<string, number>> = { f: 0, k: 1, v: 2, i: 3 };

function sorted(elements: Iterable<string>): string[] {
  const rank = (element: string): number => ranks[element[0] ?? ''] ?? 4;
  return [...elements].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0));
}

/** Collects paths into a set. */
export class FieldSetBuilder {
  readonly members = new Set<string>();
  readonly children = new Map<string, FieldSetBuilder>();

  insert(path: readonly string[]): void {
    let at: FieldSetBuilder = this;
    for (let depth = 0; depth < path.length; depth++) {
      const element = path[depth] as string;
      if (depth === path.length - 1) at.members.add(element);
      else at = at.#child(element);
    }
  }

  #child(element: string): FieldSetBuilder {
    let child = this.children.get(element);
    if (!child) {
      child = new FieldSetBuilder();
      this.children.set(element, child);
    }
    return child;
  }

  build(): FieldSet {
    const children = new Map<string, FieldSet>();
    for (const [element, builder] of this.children) children.set(element, builder.build());
    return new FieldSet(this.members, children);
  }
}

export function setOf(...paths: readonly (readonly string[])[]): FieldSet {
  const builder = new FieldSetBuilder();
  for (const path of paths) builder.insert(path);
  return builder.build();
}

/** The form of `fieldsV1`. */
export function encodeFieldSet(set: FieldSet): JsonObject {
  const result: Record<string, unknown> = {};
  for (const element of sorted(new Set([...set.members, ...set.children.keys()]))) {
    const child = set.children.get(element);
    const own = set.members.has(element) && child ? { '.': {} } : {};
    result[element] = { ...own, ...(child ? encodeFieldSet(child) : {}) };
  }
  return result;
}

const maxDepth = 100;

/** @throws StatusError BadRequest */
export function decodeFieldSet(fields: unknown, depth = 0): FieldSet {
  if (!isObject(fields)) throw badRequest('fieldsV1 must be an object');
  if (depth > maxDepth) throw badRequest('fieldsV1 is nested too deeply');
  const members = new Set<string>();
  const children = new Map<string, FieldSet>();
  for (const [name, value] of Object.entries(fields)) {
    if (name === '.') continue;
    const element = canonicalElement(name);
    const below = decodeFieldSet(value, depth + 1);
    if (below.empty || (isObject(value) && Object.hasOwn(value, '.'))) members.add(element);
    if (!below.empty) children.set(element, below);
  }
  return new FieldSet(members, children);
}

function canonicalElement(text: string): string {
  if (/^[fi]:/.test(text)) return text;
  if (!/^[kv]:/.test(text)) throw badRequest(`${JSON.stringify(text)} is no path element of fieldsV1`);
  let value: unknown;
  try {
    value = JSON.parse(text.slice(2)) as unknown;
  } catch (error) {
    throw badRequest(`${JSON.stringify(text)} is no path element of fieldsV1: ${error instanceof Error ? error.message : ''}`);
  }
  return text.startsWith('k:') && isObject(value) ? keyElement(Object.entries(value)) : `v:${JSON.stringify(value)}`;
}

export const fieldElement = (name: string): string => `f:${name}`;

/** An item by its keys, which are written in alphabetical order. */
export function keyElement(keys: readonly (readonly [string, unknown])[]): string {
  const fields = [...keys].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${JSON.stringify(name)}:${scalar(value)}`);
  return `k:{${fields.join(',')}}`;
}

export const valueElement = (value: unknown): string => `v:${scalar(value)}`;

const scalar = (value: unknown): string => (typeof value === 'bigint' ? String(value) : JSON.stringify(value));

/** A path as Kubernetes prints it: `.spec.template.spec.containers[name="a"].image`. */
export function printPath(path: readonly string[]): string {
  return path.map(printElement).join('');
}

function printElement(element: string): string {
  const rest = element.slice(2);
  if (element.startsWith('f:')) return `.${rest}`;
  if (element.startsWith('i:')) return `[${rest}]`;
  if (element.startsWith('v:')) return `[=${rest}]`;
  const keys = JSON.parse(rest) as Record<string, unknown>;
  return `[${Object.entries(keys)
    .map(([name, value]) => `${name}=${scalar(value)}`)
    .join(',')}]`;
}
