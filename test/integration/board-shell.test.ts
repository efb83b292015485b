import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { startShell } from '@flotilla/agent/streams/pty.js';
import type { PodStream } from '@flotilla/shared/protocol/stream-messages.js';
import { expect, test } from 'vitest';
import { until } from '../harness/until.ts';

const env = { PATH: process.env['PATH'] ?? '', TERM: 'xterm' };

function start(script: string, tty = true, signal = new AbortController().signal): Promise<PodStream> {
  return startShell({ command: ['/bin/sh', '-c', script], env, cwd: '/', tty }, signal);
}

/** Everything it says. */
async function said({ output }: PodStream, channel = 1): Promise<string> {
  let text = '';
  for await (const part of output) if (part.channel === channel) text += part.data.toString();
  return text;
}

test('nothing of the end of the output is lost, also where it is read late', async () => {
  const shell = await start('seq 1 4000; tty >/dev/null && echo in a terminal; exit 7');
  const text = await said(shell);
  expect(text.split('\r\n').slice(0, 4000)).toEqual(Array.from({ length: 4000 }, (_, index) => String(index + 1)));
  expect(text.endsWith('4000\r\nin a terminal\r\n')).toBe(true);
  expect(await shell.result).toEqual({ exitCode: 7 });
});

test('what is typed, and the size, come to the program; a signal is its exit code', async () => {
  const shell = await start('until [ "$(stty size)" = "33 101" ]; do :; done; echo sized; read line; echo "got $line"; kill -9 $$');
  shell.resize({ width: 101, height: 33 });
  await shell.write(Buffer.from('this\n'));
  expect(await said(shell)).toMatch(/sized\r\n(.*\r\n)*got this\r\n$/);
  expect(await shell.result).toEqual({ exitCode: 137 });
});

test('without a terminal outputs are apart, and the input ends', async () => {
  const shell = await start('cat; echo wrong >&2; tty; exit 3', false);
  await shell.write(Buffer.from('typed\n'));
  shell.end();
  expect(await said(shell)).toBe('typed\nnot a tty\n');
  expect(await shell.result).toEqual({ exitCode: 3 });
  expect(await said(await start('echo wrong >&2', false), 2)).toBe('wrong\n');
});

test.each([true, false])('with its signal all of it ends, also what does not hear (terminal: %s)', async (tty) => {
  const over = new AbortController();
  const shell = await start('trap "" HUP TERM; sleep 1000 & (trap "" HUP; sleep 1000) & echo "pid $$"; read x; wait', tty, over.signal);
  let text = '';
  for await (const { data } of shell.output) {
    text += data.toString();
    if (/pid \d+\s/.test(text)) break;
  }
  const session = Number(/pid (\d+)/.exec(text)?.[1]);
  const alive = (): number => readdirSync('/proc').filter((name) => /^\d+$/.test(name) && sessionOf(name) === session).length;
  await until('all of it runs', () => alive() >= 3);
  over.abort();
  await expect(shell.result).rejects.toThrow();
  await until('nothing of it is left', () => alive() === 0);
});

function sessionOf(pid: string): number | undefined {
  const path = `/proc/${pid}/stat`;
  try {
    const text = existsSync(path) ? readFileSync(path, 'latin1') : '';
    const [state, , , session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? undefined : Number(session);
  } catch {
    // It ended while it was looked at.
    return undefined;
  }
}

test('what cannot be started is told', async () => {
  const missing = await startShell({ command: ['/no/such/shell'], env, cwd: '/', tty: true }, new AbortController().signal);
  expect(await said(missing)).toContain('not found');
  expect(await missing.result).toEqual({ exitCode: 127 });
});
