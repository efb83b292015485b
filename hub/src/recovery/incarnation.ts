import type { Store } from '#store/contract.ts';

const key = '/flotilla/hub-start';
/** Starts in one epoch; epochs are few, and the whole leaves room below 2^33 for what is counted above it. */
const startsPerEpoch = 2 ** 20;
const attempts = 10;

/**
 * A number that grows with each start of a hub, also of another hub on the same store and of one that lost its store: the epoch, then a
 * count in the store. On a full disk, where nothing can be written, a start shares its number with the next one.
 */
export async function nextIncarnation(store: Store, epoch: number): Promise<number> {
  let starts = 1;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const current = await store.get(key);
    const before: unknown = current && JSON.parse(current.value);
    starts = 1 + countOf(before);
    const written = await store.put(key, JSON.stringify({ starts }), { expectedRevision: current?.revision ?? 0 }).catch(() => undefined);
    if (!written || written.ok) break;
  }
  return epoch * startsPerEpoch + (starts % startsPerEpoch);
}

function countOf(value: unknown): number {
  const { starts } = (value ?? {}) as { starts?: unknown };
  return typeof starts === 'number' ? starts : 0;
}
