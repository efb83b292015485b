import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeExec } from '@flotilla/shared/platform/fake-exec.js';
import type { PodStream } from '@flotilla/shared/protocol/stream-messages.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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

describe('an OCI runtime', () => {
  let dir: string;
  let execs: ContainerExecs;
  let programs = 0;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'flotilla-test-execs-'));
    const script = ['/usr/bin/script', '/bin/script'].find((file) => existsSync(file));
    execs = new ContainerExecs({ clock: new SystemClock(), exec: new FakeExec({}), log: silentLogger, dir: join(dir, 'execs'), script });
  });
  afterEach(async () => {
    await execs.close();
    expect(await readdir(join(dir, 'execs'))).toEqual([]);
    await rm(dir, { recursive: true, force: true });
  });

  /** @param body a shell's, with `$pid` and `$log` for the runtime's files */
  async function start(body: string, tty: boolean): Promise<PodStream> {
    // One for each: a shell that reads a file while it is written anew finds it empty.
    const file = join(dir, `runc-${++programs}`);
    const files = 'while [ $# -gt 0 ]; do case $1 in --pid-file) pid=$2 ;; --log) log=$2 ;; esac; shift; done';
    await writeFile(file, `${files}\n${body}\n`);
    const runtime = { command: ['/bin/sh', file] };
    const request = { containerId: 'c', firstPid: 0, runtime, command: ['true'], stdin: true, stdout: true, stderr: true, tty };
    return execs.start(request, new AbortController().signal);
  }

  test.each([true, false])('that fails is told with all that its carrier said (terminal: %s)', async (tty) => {
    await expect(start('echo "cannot enter: no such process" >&2; exit 9', tty)).rejects.toMatchObject({
      code: 500,
      message: expect.stringMatching(/error executing command in container: \S+ ended with status 9: cannot enter: no such process$/),
    });
    await expect(
      start(`echo '{"level":"error","msg":"exec \\"x\\""}' > $log; echo '{"level":"warning","msg":"late"}' >> $log; exit 1`, tty),
    ).rejects.toThrow(/container: exec "x"$/);
    await expect(start('exit 1', tty)).rejects.toThrow(/ended with status 1 and said nothing$/);
  });

  const runs = 'printf %s $$ > $pid; echo done; exit 3';
  /** The first time it does this, then it runs. */
  const atFirst = (body: string): string => `if [ ! -e ${dir}/again ]; then : > ${dir}/again; ${body}; fi; ${runs}`;
  const logged = (msg: string): string => `echo '{"level":"error","msg":"${msg}"}' > $log; exit 1`;

  test.each([
    ['its carrier failed', 'exit 1', true],
    ['the kernel had no room', logged('exec failed: fork/exec: resource temporarily unavailable'), true],
    ['the program is not there', logged('exec: not found'), false],
    ['it may have been begun', 'kill -9 $$', false],
  ])('is called a second time only where that may help: %s', async (_why, body, helps) => {
    const started = start(atFirst(body), true);
    if (helps) expect(await (await started).result).toEqual({ exitCode: 3 });
    else await expect(started).rejects.toMatchObject({ code: 500 });
  });

  test.each([true, false])('whose program is over at once has run all the same (terminal: %s)', async (tty) => {
    const streams = await Promise.all(Array.from({ length: 12 }, () => start(runs, tty)));
    for (const stream of streams) {
      let shown = '';
      for await (const { data } of stream.output) shown += data.toString();
      expect([shown.trim(), await stream.result]).toEqual(['done', { exitCode: 3 }]);
    }
  });
});
