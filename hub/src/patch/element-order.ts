import { isObject } from './json-value.ts';

/** What tells two items of a merged list apart: the value of the merge key, or the scalar itself. */
export type KeyOf = (item: unknown) => unknown;

export const byMergeKey =
  (mergeKey: string): KeyOf =>
  (item) =>
    isObject(item) ? item[mergeKey] : undefined;

export const byItself: KeyOf = (item) => item;

/**
 * The order of a merged list: items the patch names stand as in the patch, the others as they stood; where both are known
 * from before, an item of the others goes ahead of those of the patch that it preceded.
 */
export function orderElements(
  merged: readonly unknown[],
  patchOrder: readonly unknown[],
  liveOrder: readonly unknown[],
  keyOf: KeyOf,
): unknown[] {
  const patchPlace = places(patchOrder, keyOf);
  const livePlace = places(liveOrder, keyOf);
  const named = sorted(
    merged.filter((item) => patchPlace.has(keyOf(item))),
    patchPlace,
    keyOf,
  );
  const others = sorted(
    merged.filter((item) => !patchPlace.has(keyOf(item))),
    livePlace,
    keyOf,
  );
  const result: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const place = livePlace.get(keyOf(item));
    for (; next < others.length; next++) {
      const other = livePlace.get(keyOf(others[next]));
      if (place === undefined || other === undefined || other > place) break;
      result.push(others[next]);
    }
    result.push(item);
  }
  result.push(...others.slice(next));
  return result;
}

function places(order: readonly unknown[], keyOf: KeyOf): Map<unknown, number> {
  const map = new Map<unknown, number>();
  for (const [index, item] of order.entries()) if (!map.has(keyOf(item))) map.set(keyOf(item), index);
  return map;
}

function sorted(items: readonly unknown[], place: ReadonlyMap<unknown, number>, keyOf: KeyOf): unknown[] {
  const at = (item: unknown): number => place.get(keyOf(item)) ?? Number.MAX_SAFE_INTEGER;
  return [...items].sort((a, b) => at(a) - at(b));
}
