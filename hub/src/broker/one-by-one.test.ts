import { expect, test } from 'vitest';
import { OneByOne } from './one-by-one.ts';

test('each has a time of its own, so far apart, and none waits longer than so long', () => {
  const turns = new OneByOne();
  const bounds = { leastMs: 1_000, apartMs: 100, mostMs: 1_300 };
  expect([0, 0, 0, 0, 0].map((nowMs) => turns.next(nowMs, bounds))).toEqual([1_000, 1_100, 1_200, 1_300, 1_300]);
  expect(turns.next(200, bounds)).toBe(1_100);
  expect(turns.next(10_000, bounds)).toBe(1_000);
});
