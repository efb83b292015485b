import { expect, test } from 'vitest';
import { parseRetry, retryBounds, retryWaitMs } from './retry-message.ts';

test('a time to come again is read, and nothing else is', () => {
  expect(parseRetry({ bootId: 'b', afterMs: 5_000, more: true })).toEqual({ bootId: 'b', afterMs: 5_000 });
  for (const afterMs of [-1, 1.5, '5000', Number.NaN, Number.POSITIVE_INFINITY, undefined, 2 ** 60, {}])
    expect(() => parseRetry({ bootId: 'b', afterMs }), String(afterMs)).toThrow('retry.afterMs');
  expect(() => parseRetry({ afterMs: 1 })).toThrow('bootId');
});

test('no value locks a board out, or makes it knock all the time', () => {
  expect(retryWaitMs(0, 0)).toBe(retryBounds.leastMs);
  expect(retryWaitMs(Number.MAX_SAFE_INTEGER, 0.999)).toBeLessThan(retryBounds.mostMs * 1.25);
  expect(retryWaitMs(20_000, 0)).toBe(20_000);
  expect(new Set([0, 0.2, 0.4, 0.6, 0.8].map((chance) => retryWaitMs(20_000, chance))).size).toBe(5);
});
