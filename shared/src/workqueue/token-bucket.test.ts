import { expect, test } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

test('so many at once, then so many a second', () => {
  const bucket = new TokenBucket({ perSecond: 2, burst: 3 });
  expect([1, 2, 3, 4].map(() => bucket.take(1_000))).toEqual([true, true, true, false]);
  expect(bucket.waitMs(1_000)).toBe(500);
  expect([bucket.take(1_499), bucket.take(1_500), bucket.take(1_500)]).toEqual([false, true, false]);
  expect([1, 2, 3, 4].map(() => bucket.take(1_000_000))).toEqual([true, true, true, false]);
});

test('what is overdrawn is paid back before anything else', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 20 });
  expect(bucket.spend(0, 20)).toBe(0);
  expect(bucket.spend(0, 30)).toBe(3_000);
  expect(bucket.take(3_000)).toBe(false);
  expect(bucket.spend(3_000, 0)).toBe(0);
  expect(bucket.take(3_100)).toBe(true);
});

test('what is given on top does not count against the burst, and is not refilled', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 20 });
  bucket.give(100);
  expect(bucket.spend(0, 120)).toBe(0);
  expect(bucket.spend(100_000, 20)).toBe(0);
  expect(bucket.spend(100_000, 1)).toBe(100);
});

test('a clock that stands still gives nothing', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 1 });
  expect([bucket.take(5_000), bucket.take(5_000), bucket.take(4_000)]).toEqual([true, false, false]);
});
