import { describe, expect, test } from 'vitest';
import { SystemExec } from './exec.ts';
import { FakeExec } from './fake-exec.ts';

const exec = new SystemExec();
const sh = (script: string): string[] => ['-c', script];

describe('SystemExec.run', () => {
  test('gives output, errors and status, and takes input', async () => {
    const result = await exec.run('sh', sh('cat; echo err >&2; exit 3'), { input: 'in' });
    expect(result).toEqual({ code: 3, stdout: Buffer.from('in'), stderr: 'err\n', truncated: false });
  });

  test('says that a signal ended it', async () => {
    expect((await exec.run('sh', sh('kill -9 $$'))).code).toBe(137);
  });

  test('keeps no more output than it may', async () => {
    const result = await exec.run('sh', sh('head -c 100000 /dev/zero'), { maxOutputBytes: 1000 });
    expect([result.stdout.length, result.truncated]).toEqual([1000, true]);
    expect((await exec.run('sh', sh('head -c 1000 /dev/zero'), { maxOutputBytes: 1000 })).truncated).toBe(false);
  });

  test('gives up in time and with the signal', async () => {
    await expect(exec.run('sleep', ['60'], { timeoutMs: 50 })).rejects.toMatchObject({ reason: 'timeout' });
    const giveUp = new AbortController();
    const running = exec.run('sleep', ['60'], { signal: giveUp.signal });
    giveUp.abort();
    await expect(running).rejects.toMatchObject({ reason: 'aborted' });
    await expect(exec.run('sleep', ['60'], { signal: giveUp.signal })).rejects.toMatchObject({ reason: 'aborted' });
  });

  test('names a program that is not there', async () => {
    await expect(exec.run('/no/such', [])).rejects.toMatchObject({ reason: 'not found', message: '/no/such: no such program' });
    await expect(exec.start('/no/such', [], { onLine: () => {} })).rejects.toMatchObject({ reason: 'not found' });
    await expect(new FakeExec().run('x', [])).rejects.toMatchObject({ reason: 'not found' });
  });
});

test('SystemExec.start hands over lines and the end', async () => {
  const lines: string[] = [];
  const child = await exec.start('sh', sh('echo one; echo two >&2; exec sleep 60'), { onLine: (line) => lines.push(line) });
  await expect.poll(() => [...lines].sort(), { timeout: 10_000 }).toEqual(['one', 'two']);
  child.kill('SIGTERM');
  expect(await child.exited).toBe(143);
});
