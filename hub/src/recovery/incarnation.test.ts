import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { expect, test } from 'vitest';
import { MemoryStore } from '#store/memory/memory-store.ts';
import { nextIncarnation } from './incarnation.ts';

const clock = new FakeClock();

test('grows with each start, over a lost store, and for hubs that start at once', async () => {
  const store = new MemoryStore({ clock, firstRevision: 5e12 });
  const first = await nextIncarnation(store, 1);
  const both = await Promise.all([nextIncarnation(store, 1), nextIncarnation(store, 1)]);
  expect([first, ...both.sort()]).toEqual([first, first + 1, first + 2]);
  const lost = await nextIncarnation(new MemoryStore({ clock }), 2);
  expect(lost).toBeGreaterThan(first + 2);
  expect(lost).toBeLessThan(2 ** 33);
});

test('a store that takes no write still lets the hub start', async () => {
  const store = new MemoryStore({ clock });
  const full = Object.assign(Object.create(store), {
    get: store.get.bind(store),
    put: () => Promise.reject(new Error('full')),
  }) as MemoryStore;
  expect(await nextIncarnation(full, 1)).toBe(2 ** 20 + 1);
});
