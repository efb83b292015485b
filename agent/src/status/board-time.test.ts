import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { describe, expect, it } from 'vitest';
import { BoardTime } from './board-time.ts';

const trueMs = Date.UTC(2026, 5, 1);
const minute = 60_000;

async function board(startWallMs: number) {
  const clock = new FakeClock(startWallMs);
  const files = new FakeFiles();
  await files.mkdir('/d');
  const start = async (bootId: string): Promise<BoardTime> => {
    const time = new BoardTime({ clock, files, path: '/d/time', logger: silentLogger, floorMs: Date.UTC(2026, 0, 1) });
    await time.load(bootId);
    return time;
  };
  return { clock, files, start };
}

describe('what time it is on a board', () => {
  it('is known for the whole boot once the hub told it, whatever the clock says', async () => {
    const { clock, start } = await board(0);
    const time = await start('a');
    const early = time.now();
    await clock.advance(10 * minute);
    expect(time.locate(early)).toBeUndefined();
    time.heard(trueMs + 10 * minute);
    expect(time.locate(early)).toEqual({ notBeforeMs: trueMs, notAfterMs: trueMs });
    clock.jumpWall(-86_400_000);
    await clock.advance(minute);
    expect(time.locate(time.now())).toEqual({ notBeforeMs: trueMs + 11 * minute, notAfterMs: trueMs + 11 * minute });
  });

  it('is an interval for a boot that met no hub, and exact for one that did, also boots later', async () => {
    const { clock, start } = await board(0);
    const first = await start('a');
    first.heard(trueMs);
    await clock.advance(minute);
    const known = first.now();
    clock.reboot(0);
    const second = await start('b');
    await clock.advance(minute);
    const unknown = second.now();
    expect(second.locate(unknown)).toBeUndefined();
    clock.reboot(0);
    const third = await start('c');
    await clock.advance(minute);
    third.heard(trueMs + 60 * minute);
    expect(third.locate(known)).toEqual({ notBeforeMs: trueMs + minute, notAfterMs: trueMs + minute });
    // Between the last time that was told before it, and the begin of the boot that knows.
    expect(third.locate(unknown)).toEqual({ notBeforeMs: trueMs, notAfterMs: trueMs + 59 * minute });
  });

  it('corrects what the runtime dated, before and after the clock was set', async () => {
    const { clock, start } = await board(0);
    const time = await start('a');
    await clock.advance(5 * minute);
    const began = clock.wallMs();
    time.heard(trueMs);
    expect(time.correct(began)).toBe(trueMs);
    await clock.advance(5 * minute);
    // NTP at last.
    clock.jumpWall(trueMs + 5 * minute - clock.wallMs());
    await clock.advance(minute);
    const later = clock.wallMs();
    expect(time.correct(later)).toBe(later);
    expect(time.correct(began)).toBe(trueMs);
    // An agent that starts anew in the same boot knows as much.
    const again = await start('a');
    expect(again.trusted).toBe(true);
    expect(again.correct(began)).toBe(trueMs);
    clock.reboot(0);
    const next = await start('b');
    expect(next.correct(began, 'a')).toBe(trueMs);
    // Of a boot that is not known there is only that it was not before the board joined.
    expect(next.correct(began, 'x')).toBe(Date.UTC(2026, 0, 1));
  });

  it('is not held back by a hub whose clock said 2099 for an hour', async () => {
    const { start } = await board(trueMs);
    const time = await start('a');
    time.heard(Date.UTC(2099, 0, 1));
    time.heard(trueMs);
    expect(time.locate(time.now())).toEqual({ notBeforeMs: trueMs, notAfterMs: trueMs });
    expect(time.now().notBeforeMs).toBe(trueMs);
  });

  it('leaves a good clock alone, and writes once a boot and once a day', async () => {
    const { clock, files, start } = await board(trueMs);
    const time = await start('a');
    time.heard(trueMs + 300);
    await clock.advance(0);
    const { steps } = files;
    expect(steps).toBeGreaterThan(0);
    for (let sessions = 0; sessions < 100; sessions++) {
      await clock.advance(10 * minute);
      time.heard(clock.wallMs() + 500);
      expect(time.correct(clock.wallMs() - minute)).toBe(clock.wallMs() - minute);
    }
    await clock.advance(0);
    expect(files.steps).toBe(steps);
    await clock.advance(12 * 60 * minute);
    time.heard(clock.wallMs());
    await clock.advance(0);
    expect(files.steps).toBe(steps + 4);
  });
});
