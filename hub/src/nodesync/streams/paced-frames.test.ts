import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { encodeData } from '@flotilla/shared/protocol/frame.js';
import { expect, test } from 'vitest';
import { PacedFrames } from './paced-frames.ts';

/** A stream that never ends, to a board that answers after two seconds. */
function setUp() {
  const clock = new FakeClock();
  const seen = { frames: 0, marks: 0 };
  const frames: PacedFrames = new PacedFrames({
    clock,
    send: async () => void seen.frames++,
    mark: async (number) => {
      seen.marks++;
      clock.after('the board', 2_000, () => frames.marked(number));
    },
  });
  const feed = async (): Promise<void> => {
    for (let offset = 0; ; offset += 16_384) await frames.send(encodeData({ stream: 1, channel: 0, offset, data: Buffer.alloc(16_384) }));
  };
  const ended = feed().catch((error: Error) => error.message);
  return { clock, frames, seen, ended };
}

test('streams rest for a round trip and a half when the board was told what to do, and something small follows', async () => {
  const { clock, frames, seen, ended } = setUp();
  await clock.advance(20_000);
  const before = { ...seen };
  expect(before.frames).toBeGreaterThan(10);
  frames.rest();
  await clock.advance(2_900);
  expect(seen.frames).toBe(before.frames);
  expect(seen.marks).toBeGreaterThanOrEqual(before.marks + 2);
  await clock.advance(2_000);
  expect(seen.frames).toBeGreaterThan(before.frames);
  frames.end(new Error('enough'));
  expect(await ended).toBe('enough');
});

test('where no stream waits nothing follows', async () => {
  const clock = new FakeClock();
  let marks = 0;
  const frames = new PacedFrames({ clock, send: async () => {}, mark: async () => void marks++ });
  frames.rest();
  await clock.advance(60_000);
  expect(marks).toBe(0);
});
