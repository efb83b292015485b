import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeExec } from '@flotilla/shared/platform/fake-exec.js';
import { expect, test } from 'vitest';
import { ContainerExecs } from './container-execs.ts';
import { belonging } from './process-table.ts';

test('what belongs to a program is below it, or of its session with its parent gone', () => {
  const of = (pid: number, parent: number, session: number) => ({ pid, parent, session });
  // 10 carries 11, the program; 12 and 13 are its children, 14 a grandchild; 15 lost its parent; 20 and 21 are others'.
  const table = [
    of(1, 0, 1),
    of(10, 5, 5),
    of(11, 10, 11),
    of(12, 11, 11),
    of(13, 11, 13),
    of(14, 13, 13),
    of(15, 1, 11),
    of(20, 1, 20),
    of(21, 20, 20),
  ];
  expect(belonging(table, { root: 10 }).sort()).toEqual([11, 12, 13, 14]);
  expect(belonging(table, { session: 11 }).sort()).toEqual([11, 12, 15]);
  expect(belonging(table, { root: 99 })).toEqual([]);
  expect(belonging(table, {})).toEqual([]);
});

test('without script there are no terminals, in plain words, and nothing is left', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-test-execs-'));
  try {
    const execs = new ContainerExecs({ clock: new FakeClock(), exec: new FakeExec({}), log: silentLogger, dir, script: undefined });
    const runtime = { command: ['/nowhere/runc'] };
    const request = { containerId: 'c', firstPid: 0, runtime, command: ['sh'], stdin: true, stdout: true, stderr: true, tty: true };
    const { signal } = new AbortController();
    await expect(execs.start(request, signal)).rejects.toMatchObject({ code: 501, message: expect.stringContaining('bsdutils') });
    await expect(execs.start({ ...request, tty: false }, signal)).rejects.toMatchObject({ code: 500 });
    await execs.close();
    expect(await readdir(dir)).toEqual([]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
