import { userInfo } from 'node:os';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import type { PodStream } from '@flotilla/shared/protocol/stream-messages.js';
import { expect, test } from 'vitest';
import { BoardShell } from './board-shell.ts';
import type { StartedShell } from './pty.ts';

const request = { kind: 'shell', by: 'jane', tty: true, term: 'xterm' } as const;

function shells(allowed: { readonly user?: string } | undefined) {
  const started: StartedShell[] = [];
  const ends: (() => void)[] = [];
  const start = async (shell: StartedShell): Promise<PodStream> => {
    if (shell.command.includes('nobody')) throw new Error('no such user');
    started.push(shell);
    const result = new Promise<{ exitCode: number }>((resolve) => ends.push(() => resolve({ exitCode: 0 })));
    return { write: async () => {}, end: () => {}, resize: () => {}, output: (async function* () {})(), result };
  };
  const door = allowed && { user: allowed.user, start };
  const shell = new BoardShell({ door, logger: silentLogger });
  return { started, ends, open: () => shell.open(request, new AbortController().signal) };
}

test('a board that was not told to allows none', async () => {
  const { open, started } = shells(undefined);
  await expect(open()).rejects.toMatchObject({ code: 403, message: expect.stringContaining('--allow-shell') });
  expect(started).toEqual([]);
});

test('it is a login shell of the agent’s user with nothing of the agent’s environment', async () => {
  const { open, started } = shells({});
  await open();
  const { username, shell } = userInfo();
  expect(started[0]).toMatchObject({ command: [shell || '/bin/sh', '-l'], tty: true, env: { USER: username, TERM: 'xterm' } });
  expect(Object.keys(started[0]?.env ?? {}).sort()).toEqual(['HOME', 'LANG', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER']);
});

test('it is another user’s where the board says so; what cannot be started is told', async () => {
  const { open, started } = shells({ user: 'pi' });
  await open();
  expect(started[0]).toMatchObject({ command: ['su', '-l', 'pi'], cwd: '/' });
  await expect(shells({ user: 'nobody' }).open()).rejects.toMatchObject({ code: 500, message: 'cannot start a shell: no such user' });
});

test('there are eight at once and no more', async () => {
  const { open, ends } = shells({});
  for (let count = 0; count < 8; count++) await open();
  await expect(open()).rejects.toMatchObject({ code: 429 });
  ends[0]?.();
  await new Promise(setImmediate);
  await expect(open()).resolves.toBeDefined();
});
