import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { expect, test } from 'vitest';
import type { PodDoors } from './pod-doors.ts';
import { PodEntry } from './pod-entry.ts';

const pod = { metadata: { name: 'web', namespace: 'default', uid: 'u' } };

test.for([10 * 365, -50 * 365, 0])(
  'an agent that starts again counts a pod’s time by the boot clock, with the wall set by %s days',
  async (days) => {
    const clock = new FakeClock();
    const files = new FakeFiles();
    await files.mkdir('/pods/u', { mode: 0o700 });
    let boot = 'boot-1';
    // An entry touches no more than these until there is something to run.
    const doors = { clock, files, bootId: () => boot, volumes: { podDir: (uid: string) => `/pods/${uid}` } } as unknown as PodDoors;
    const open = async (): Promise<PodEntry> => (await PodEntry.open(doors, 'u', pod, undefined)) ?? expect.fail('no entry');
    const first = await open();
    await first.save();
    const begunMs = first.memory.activeSinceMs;
    await clock.advance(60_000);
    clock.jumpWall(days * 86_400_000);
    expect((await open()).memory.activeSinceMs).toBe(begunMs);
    // After a reboot only the wall can tell, and never less than nothing.
    boot = 'boot-2';
    expect(clock.monotonicMs() - (await open()).memory.activeSinceMs).toBe(Math.max(0, 60_000 + days * 86_400_000));
  },
);
