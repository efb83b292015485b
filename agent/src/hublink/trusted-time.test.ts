import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { beforeEach, expect, test } from 'vitest';
import { TrustedTime } from './trusted-time.ts';

const dayMs = 24 * 3_600_000;
const joinedMs = Date.UTC(2026, 5, 1);
const farMs = Date.UTC(2090, 0, 1);
let clock: FakeClock;
let files: FakeFiles;
let writes: number;

beforeEach(async () => {
  clock = new FakeClock(0);
  files = new FakeFiles();
  await files.mkdir('/id', { mode: 0o700 });
  writes = 0;
});

const open = (): Promise<TrustedTime> =>
  TrustedTime.open({
    files: {
      readText: (path) => files.readText(path),
      writeAtomic: (path, data, options) => {
        writes++;
        return files.writeAtomic(path, data, options);
      },
    },
    ...{ dir: '/id', clock, logger: silentLogger, floorMs: joinedMs },
  });

test('before the hub was heard: the clock, but never before the floor', async () => {
  const time = await open();
  expect(time.bestMs()).toBe(joinedMs);
  clock.jumpWall(joinedMs + dayMs);
  expect(time.bestMs()).toBe(joinedMs + dayMs);
});

test('afterwards the time of the hub, counted on by the boot clock whatever the wall does', async () => {
  const time = await open();
  time.proven(joinedMs + 5 * dayMs, farMs);
  await clock.advance(1000);
  for (const jumpMs of [farMs, -2 * farMs]) {
    clock.jumpWall(jumpMs);
    expect(time.bestMs()).toBe(joinedMs + 5 * dayMs + 1000);
  }
});

test('the floor never passes the end of the certificate that came with the proof', async () => {
  const time = await open();
  time.proven(joinedMs + 500 * dayMs, joinedMs + 300 * dayMs);
  expect(time.floorMs).toBe(joinedMs + 300 * dayMs);
  await clock.advance(dayMs);
  time.tick();
  expect(time.floorMs).toBe(joinedMs + 300 * dayMs);
});

test('it is on disk after a day, and after an orderly stop; what is new every minute is not written', async () => {
  const time = await open();
  for (let minute = 1; minute < 1000; minute++) time.proven(joinedMs + minute * 60_000, farMs);
  expect(writes).toBe(0);
  time.proven(joinedMs + dayMs, farMs);
  await clock.advance(3 * dayMs);
  time.tick();
  await clock.advance(3_600_000);
  time.tick();
  expect(writes).toBe(2);
  await time.stop();
  expect(writes).toBe(3);
  expect((await open()).floorMs).toBe(joinedMs + 4 * dayMs + 3_600_000);
});

test('a floor that a wrong clock of the hub had raised goes down by its proven word, and by nothing else', async () => {
  const time = await open();
  time.proven(farMs, farMs + dayMs);
  expect(time.floorMs).toBe(farMs);
  // Hours apart are no reason: two hubs, or one that was set.
  time.proven(farMs - dayMs / 2, farMs + dayMs);
  expect(time.floorMs).toBe(farMs);
  // An ended certificate, and the hub says itself that it has ended.
  expect(time.proven(joinedMs + 300 * dayMs, joinedMs + 200 * dayMs)).toContain("the hub's certificate ended on");
  expect(time.floorMs).toBe(farMs);
  expect(time.proven(joinedMs + dayMs, joinedMs + 300 * dayMs)).toBeUndefined();
  expect(time.floorMs).toBe(joinedMs + dayMs);
  await time.stop();
  expect((await open()).floorMs).toBe(joinedMs + dayMs);
});

test('a damaged file is as good as none', async () => {
  await files.writeAtomic('/id/clock-floor.json', 'torn', { mode: 0o600 });
  expect((await open()).floorMs).toBe(joinedMs);
});
