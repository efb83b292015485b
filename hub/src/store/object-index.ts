import type { CachedEntry } from './cached-entry.ts';
import type { Revision } from './contract.ts';
import { compareKeys } from './key-order.ts';
import { SortedEntries, withPrefix } from './sorted-entries.ts';

/** Where a key lies: its resource (`/registry/<group>/<resource>/`) and its namespace, with the slash behind it, or ''. */
export interface Place {
  readonly bucket: string;
  readonly namespace: string;
}

/** Keys of another shape lie together in the bucket ''. */
export function placeOf(key: string): Place {
  let end = -1;
  for (let slashes = 0; slashes < 4; slashes++) {
    end = key.indexOf('/', end + 1);
    if (end < 0) return { bucket: '', namespace: '' };
  }
  const slash = key.indexOf('/', end + 1);
  return { bucket: key.slice(0, end + 1), namespace: slash < 0 ? '' : key.slice(end + 1, slash + 1) };
}

interface Shelf {
  readonly entries: SortedEntries<CachedEntry>;
  changedAt: Revision;
}

interface Bucket {
  readonly shelves: Map<string, Shelf>;
  changedAt: Revision;
  /** What was listed last, until something changes. */
  all: readonly CachedEntry[] | undefined;
}

const nothing: readonly never[] = [];

/** The newest state of every object, by resource and namespace. */
export class ObjectIndex {
  readonly #buckets = new Map<string, Bucket>();
  /** Before this revision nothing is known about changes. */
  #since: Revision = 0;

  get(key: string): CachedEntry | undefined {
    const { bucket, namespace } = placeOf(key);
    return this.#buckets.get(bucket)?.shelves.get(namespace)?.entries.get(key);
  }

  set(entry: CachedEntry, at: Revision): void {
    this.#touch(entry.key, at).entries.set(entry);
  }

  delete(key: string, at: Revision): void {
    this.#touch(key, at).entries.delete(key);
  }

  clear(): void {
    this.#buckets.clear();
  }

  /** Everything up to here was taken over at once; when single objects changed is not known. */
  loadedAt(revision: Revision): void {
    this.#since = revision;
  }

  list(prefix: string): readonly CachedEntry[] {
    const { bucket: name, namespace } = placeOf(prefix);
    if (name === '') return this.#across(prefix);
    const bucket = this.#buckets.get(name);
    if (!bucket) return nothing;
    if (prefix === name) return everything(bucket);
    const inNamespace = bucket.shelves.get(namespace)?.entries.list() ?? nothing;
    if (namespace && prefix.length === name.length + namespace.length) return inNamespace;
    return withPrefix(namespace ? inNamespace : everything(bucket), prefix);
  }

  /** How many objects there are of each resource, by its bucket. */
  *sizes(): Generator<readonly [bucket: string, objects: number]> {
    for (const [name, { shelves }] of this.#buckets)
      yield [name, [...shelves.values()].reduce((sum, { entries }) => sum + entries.size, 0)];
  }

  /** A revision since which nothing with this prefix has changed. */
  changedAt(prefix: string): Revision {
    const { bucket: name, namespace } = placeOf(prefix);
    const buckets = name === '' ? [...this.#buckets.values()] : [this.#buckets.get(name)];
    const latest = Math.max(this.#since, ...buckets.map((bucket) => bucket?.changedAt ?? 0));
    if (name === '' || namespace === '') return latest;
    return Math.max(this.#since, buckets[0]?.shelves.get(namespace)?.changedAt ?? 0);
  }

  #touch(key: string, at: Revision): Shelf {
    const place = placeOf(key);
    const bucket: Bucket = this.#buckets.get(place.bucket) ?? { shelves: new Map(), changedAt: 0, all: undefined };
    const shelf: Shelf = bucket.shelves.get(place.namespace) ?? { entries: new SortedEntries(), changedAt: 0 };
    this.#buckets.set(place.bucket, bucket);
    bucket.shelves.set(place.namespace, shelf);
    bucket.changedAt = at;
    bucket.all = undefined;
    shelf.changedAt = at;
    return shelf;
  }

  #across(prefix: string): readonly CachedEntry[] {
    const names = [...this.#buckets.keys()].filter((name) => name.startsWith(prefix) || prefix.startsWith(name));
    const found = names.flatMap((name) => everything(this.#buckets.get(name) as Bucket));
    return found.filter((entry) => entry.key.startsWith(prefix)).sort((one, other) => compareKeys(one.key, other.key));
  }
}

function everything(bucket: Bucket): readonly CachedEntry[] {
  if (bucket.all) return bucket.all;
  const { shelves } = bucket;
  const flat = shelves.get('')?.entries.list() ?? nothing;
  const names = [...shelves.keys()].filter((name) => name !== '').sort(compareKeys);
  const nested = names.flatMap((name) => shelves.get(name)?.entries.list() ?? nothing);
  // Where keys with and without a namespace lie side by side, their orders interleave.
  bucket.all =
    flat.length && nested.length
      ? [...flat, ...nested].sort((one, other) => compareKeys(one.key, other.key))
      : names.length
        ? nested
        : flat;
  return bucket.all;
}
