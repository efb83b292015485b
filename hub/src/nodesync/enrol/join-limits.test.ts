import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { beforeEach, expect, test } from 'vitest';
import { JoinLimits, joinLimits } from './join-limits.ts';

let clock: FakeClock;
let limits: JoinLimits;

beforeEach(() => {
  clock = new FakeClock();
  limits = new JoinLimits(clock);
});

const tooMany = expect.objectContaining({ code: 429, details: { retryAfterSeconds: 1 } });

test('so many join with one token at once; one more is told when to come again, and may then', async () => {
  for (let count = 0; count < joinLimits.token.burst; count++) limits.join('a');
  expect(() => limits.join('a')).toThrow(tooMany);
  expect(limits.counters.limited).toBe(1);
  await clock.advance(1000);
  for (let count = 0; count < joinLimits.token.perSecond; count++) limits.join('a');
  expect(() => limits.join('a')).toThrow(tooMany);
});

test('who floods with one token does not keep others out', () => {
  for (let count = 0; count < 10_000; count++) {
    try {
      limits.join('flood');
    } catch {
      // Told to come again.
    }
  }
  limits.join('other');
  limits.renew('board');
});

test('all together have a limit', () => {
  let joined = 0;
  expect(() => {
    for (let token = 0; token <= joinLimits.all.burst; token++) {
      limits.join(`token-${token}`);
      joined++;
    }
  }).toThrow(tooMany);
  expect(joined).toBe(joinLimits.all.burst);
});

test('a board renews as often as it needs, and not all the time', async () => {
  for (let day = 0; day < 100; day++) {
    limits.renew('a');
    await clock.advance(86_400_000);
  }
  for (let count = 0; count < joinLimits.renewal.burst; count++) limits.renew('a');
  expect(() => limits.renew('a')).toThrow(expect.objectContaining({ code: 429, details: { retryAfterSeconds: 60 } }));
  limits.renew('b');
});
