import { compareKeys } from './key-order.ts';

/**
 * A map whose values can be listed in the order of their keys. Changing it costs what a map costs; a list after changes
 * merges only what changed into the list before.
 */
export class SortedEntries<T extends { readonly key: string }> {
  readonly #entries = new Map<string, T>();
  readonly #changed = new Set<string>();
  #sorted: readonly T[] = [];

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  set(entry: T): void {
    this.#entries.set(entry.key, entry);
    this.#changed.add(entry.key);
  }

  delete(key: string): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#changed.add(key);
    return true;
  }

  /** All of them in order: an array that never changes afterwards. */
  list(): readonly T[] {
    if (this.#changed.size === 0) return this.#sorted;
    const old = this.#sorted;
    const keys = [...this.#changed].sort(compareKeys);
    const merged: T[] = [];
    let at = 0;
    for (const key of keys) {
      const from = at;
      at = firstNotBefore(old, key, at);
      for (let index = from; index < at; index++) merged.push(old[index] as T);
      if (old[at]?.key === key) at++;
      const entry = this.#entries.get(key);
      if (entry) merged.push(entry);
    }
    for (let index = at; index < old.length; index++) merged.push(old[index] as T);
    this.#changed.clear();
    this.#sorted = merged;
    return merged;
  }
}

/** The place of the first entry whose key is not before `key`. */
function firstNotBefore(sorted: readonly { readonly key: string }[], key: string, from = 0): number {
  let low = from;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(sorted[middle]?.key ?? '', key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The entries with this prefix out of a sorted list. */
export function withPrefix<T extends { readonly key: string }>(sorted: readonly T[], prefix: string): readonly T[] {
  const from = firstNotBefore(sorted, prefix);
  let to = from;
  while (to < sorted.length && sorted[to]?.key.startsWith(prefix)) to++;
  return from === 0 && to === sorted.length ? sorted : sorted.slice(from, to);
}

/** One page of a sorted list and how many follow it. */
export function page<T extends { readonly key: string }>(
  sorted: readonly T[],
  options: { readonly after?: string | undefined; readonly limit?: number | undefined },
): { items: readonly T[]; remaining: number } {
  let from = options.after === undefined ? 0 : firstNotBefore(sorted, options.after);
  if (options.after !== undefined && sorted[from]?.key === options.after) from++;
  const to = options.limit ? Math.min(sorted.length, from + options.limit) : sorted.length;
  const items = from === 0 && to === sorted.length ? sorted : sorted.slice(from, to);
  return { items, remaining: sorted.length - to };
}
