import { expect, test } from 'vitest';
import { FakeClock } from '../clock/fake-clock.ts';
import { StreamRest } from './stream-rest.ts';

function setUp(roundTripMs: number | null = 2_000) {
  const clock = new FakeClock();
  const seen = { probes: [] as number[], moved: 0 };
  const rest = new StreamRest({
    clock,
    roundTripMs: () => roundTripMs ?? undefined,
    probe: () => void seen.probes.push(Math.round(clock.monotonicMs())),
    moved: () => {
      seen.moved++;
      // Whoever waits looks again.
      void rest.goesOn;
    },
  });
  return { clock, rest, seen };
}

test('a rest lasts a round trip and a half; while a stream waits, the line is probed', async () => {
  const { clock, rest, seen } = setUp();
  expect(rest.goesOn).toBe(false);
  rest.begin();
  expect(rest.goesOn).toBe(true);
  await clock.advance(2_999);
  expect([rest.goesOn, seen.probes]).toEqual([true, [1_000, 2_000]]);
  await clock.advance(1);
  expect(rest.goesOn).toBe(false);
  const { moved } = seen;
  expect(moved).toBeGreaterThan(2);
  await clock.advance(60_000);
  expect([seen.moved, seen.probes.length, clock.pending()]).toEqual([moved, 2, []]);
});

test('where no stream waits nothing is sent', async () => {
  const { clock, rest, seen } = setUp();
  rest.begin();
  await clock.advance(60_000);
  expect(seen).toEqual({ probes: [], moved: 0 });
});

test('nothing rests on a line that is not known', () => {
  const { rest } = setUp(null);
  rest.begin();
  expect(rest.goesOn).toBe(false);
});

test('what comes within a rest makes it longer, up to five round trips', async () => {
  const { clock, rest } = setUp();
  const rested: number[] = [];
  for (let second = 0; second < 12; second++) {
    if (second < 11) rest.begin();
    if (rest.goesOn) rested.push(second);
    await clock.advance(1_000);
  }
  expect(rested).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('streams have a third of the time, however often the board is told something', async () => {
  const { clock, rest } = setUp();
  let free = 0;
  for (let tenth = 0; tenth < 10_000; tenth++) {
    rest.begin();
    if (!rest.goesOn) free++;
    await clock.advance(100);
  }
  expect(free).toBeGreaterThanOrEqual(3_300);
  expect(free).toBeLessThan(4_000);
});
