import { spawnSync } from 'node:child_process';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { expect, test } from 'vitest';
import type { LibpodContainer } from './libpod-types.ts';
import { UnnoticedEnds } from './unnoticed-ends.ts';

/** A process that has ended. */
const gone = spawnSync('true').pid;

const listed = (State: string, Pid: number): LibpodContainer =>
  ({ Id: 'c'.repeat(64), State, Pid, ExitCode: 0, ExitedAt: 0 }) as unknown as LibpodContainer;

/** Corrects a list while podman says these, one after another. */
async function corrected(container: LibpodContainer, ...words: ({ Status: string; ConmonPid?: number } | undefined)[]) {
  const clock = new FakeClock();
  let asked = 0;
  const ends = new UnnoticedEnds({
    clock,
    inspect: async () => {
      const State = words[asked++];
      return State && { State };
    },
  });
  const [shown] = await ends.correct([container]);
  return { shown, asked, has: ends.has(container.Id), seconds: Math.floor(clock.wallMs() / 1000) };
}

test('what podman shows as running without a process or a conmon has ended', async () => {
  const { shown, has, seconds } = await corrected(
    listed('running', gone),
    { Status: 'running', ConmonPid: gone },
    { Status: 'running', ConmonPid: gone },
  );
  expect(shown).toMatchObject({ State: 'exited', ExitCode: 137, ExitedAt: seconds });
  expect(has).toBe(true);
});

test('one that ends while it is looked at ends with its own exit status, by the next list', async () => {
  const container = listed('running', gone);
  expect(await corrected(container, { Status: 'exited' })).toMatchObject({ shown: container, has: false });
  // conmon wrote it down and went in between.
  expect(await corrected(container, { Status: 'running', ConmonPid: gone }, { Status: 'exited' })).toMatchObject({ shown: container });
  expect(await corrected(container, undefined)).toMatchObject({ shown: container });
  expect(await corrected(container, { Status: 'running', ConmonPid: gone }, undefined)).toMatchObject({ shown: container });
});

test('nobody is asked about one that has ended', async () => {
  const container = listed('exited', 0);
  expect(await corrected(container)).toMatchObject({ shown: container, asked: 0 });
});
