import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { expect, test } from 'vitest';
import { SilenceWatch } from './silence-watch.ts';

function setUp() {
  const clock = new FakeClock();
  const answers: (() => void)[] = [];
  const seen = { asked: 0, silent: 0, wanted: true };
  const watch = new SilenceWatch({
    clock,
    wanted: () => seen.wanted,
    ask: () => {
      seen.asked++;
      return new Promise((resolve) => answers.push(resolve));
    },
    silent: () => seen.silent++,
  });
  return { clock, answers, seen, watch };
}

test('a board that says nothing any more is asked, and given up when it does not answer', async () => {
  const { clock, seen, watch } = setUp();
  watch.heard();
  await clock.advance(3_000);
  watch.heard();
  await clock.advance(3_999);
  expect(seen.asked).toBe(0);
  await clock.advance(1);
  expect(seen).toMatchObject({ asked: 1, silent: 0 });
  await clock.advance(21_999);
  expect(seen.silent).toBe(0);
  await clock.advance(1);
  expect(seen).toMatchObject({ asked: 1, silent: 1 });
});

test('one that answers is asked again only when something was said', async () => {
  const { clock, answers, seen, watch } = setUp();
  watch.sent();
  await clock.advance(4_000);
  answers[0]?.();
  await clock.advance(3_600_000);
  expect(seen).toMatchObject({ asked: 1, silent: 0 });
  watch.sent();
  await clock.advance(4_000);
  expect(seen.asked).toBe(2);
});

test('words count as an answer, and without streams nobody asks', async () => {
  const { clock, seen, watch } = setUp();
  watch.sent();
  await clock.advance(4_000);
  await clock.advance(20_000);
  watch.heard();
  await clock.advance(2_000);
  expect(seen.silent).toBe(0);
  seen.wanted = false;
  await clock.advance(3_600_000);
  expect(seen).toMatchObject({ asked: 1, silent: 0 });
  seen.wanted = true;
  watch.sent();
  watch.stop();
  await clock.advance(3_600_000);
  expect(seen.asked).toBe(1);
});
