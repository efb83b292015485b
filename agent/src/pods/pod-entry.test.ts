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

test.for([
  { policy: 'FallbackToLogsOnError', exitCode: 1, file: '', message: `${'x'.repeat(2044)}end\n` },
  { policy: 'FallbackToLogsOnError', exitCode: 1, file: 'its own words', message: 'its own words' },
  { policy: 'FallbackToLogsOnError', exitCode: 0, file: '', message: undefined },
  { policy: 'File', exitCode: 1, file: '', message: undefined },
])('the last words of a container with $policy that ended with $exitCode', async ({ policy, exitCode, file, message }) => {
  const files = new FakeFiles();
  await files.mkdir('/pods/u/containers/main', { mode: 0o700 });
  await files.write('/pods/u/containers/main/0', file);
  const asked: object[] = [];
  const runtime = {
    async *logs(id: string, options: object): AsyncIterable<Buffer> {
      asked.push({ id, ...options });
      yield Buffer.from('x'.repeat(3000));
      yield Buffer.from('end\n');
    },
  };
  const doors = { clock: new FakeClock(), files, runtime, volumes: { podDir: (uid: string) => `/pods/${uid}` } } as unknown as PodDoors;
  const container = { name: 'main', image: 'app:1', terminationMessagePolicy: policy };
  const failing = { ...pod, spec: { containers: [container] } };
  const entry = (await PodEntry.open(doors, 'u', failing, undefined)) ?? expect.fail('no entry');
  const times = { createdWallMs: 0, startedWallMs: 0, finishedWallMs: 0 };
  const state = { id: 'c', name: 'main', attempt: 0, hash: '', image: 'app:1', imageId: 'i', oomKilled: false, ...times };
  const place = { namespace: 'default', name: 'web', uid: 'u' };
  const sandbox = {
    ...place,
    id: 's',
    ready: true,
    ip: '',
    createdWallMs: 0,
    containers: [{ ...state, status: 'exited' as const, exitCode }],
  };
  await entry.look(failing, [sandbox]);
  expect(entry.record.containers['main']?.ended?.message).toBe(message);
  if (message?.endsWith('end\n')) expect(asked).toEqual([{ id: 'c', tailLines: 80 }]);
});
