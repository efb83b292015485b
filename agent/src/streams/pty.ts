import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import type { PodStream } from '@flotilla/shared/protocol/stream-messages.js';
import { mergedOutput } from '#runtime/podman/merged-output.ts';
import { writeTo } from '#runtime/write-to.ts';
import { ptyProgram } from './pty-program.ts';

export interface StartedShell {
  readonly command: readonly string[];
  /** All of it: nothing of the agent's own comes along. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** In a terminal of its own; otherwise output and error output are apart and the input has an end. */
  readonly tty: boolean;
}

interface Said {
  readonly started?: true;
  readonly exitCode?: number;
  readonly error?: string;
}

/**
 * Starts a program of this machine. The signal's end, and the end of this process, kill it with all that is in its session. Resolves when it
 * runs. @throws Error in the system's words
 */
export async function startShell({ command, env, cwd, tty }: StartedShell, signal: AbortSignal): Promise<PodStream> {
  const nodePty = tty ? nodePtyPath() : undefined;
  const helper = spawn(process.execPath, ['-e', ptyProgram, JSON.stringify({ command, cwd, ...(nodePty ? { nodePty } : {}) })], {
    ...{ env: { ...env }, cwd: '/' },
    stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
  });
  const { stdin, stdout, stderr } = helper;
  if (!stdin || !stdout || !stderr) throw new Error('no pipes');
  // Without a listener Node throws away what nobody has read yet when the program ends.
  for (const stream of [stdout, stderr]) stream.on('readable', () => {}).on('error', () => {});
  stdin.on('error', () => {});
  const started = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<number>();
  ended.promise.catch(() => {});
  helper.on('message', ({ started: runs, exitCode, error }: Said) => {
    if (runs) started.resolve();
    if (exitCode !== undefined) ended.resolve(exitCode);
    if (error !== undefined) ended.reject(new Error(error));
  });
  const gone = (why: string): void => {
    started.reject(new Error(why));
    ended.reject(new Error(why));
  };
  helper.once('error', (error) => gone(error.message));
  helper.once('exit', (code) => {
    const told = (): void => gone(`the process that carries the shell ended with status ${code ?? 'unknown'}`);
    // Its last word may not have been read yet.
    if (helper.connected) helper.once('disconnect', told);
    else told();
  });
  const end = (): void => {
    // It kills the session before it ends itself.
    if (helper.connected) helper.disconnect();
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
  };
  signal.addEventListener('abort', end, { once: true });
  helper.once('exit', () => signal.removeEventListener('abort', end));
  if (signal.aborted) end();
  await started.promise;
  return {
    write: (data) => writeTo(stdin, data),
    end: () => void stdin.end(),
    resize: (size) => {
      if (tty && helper.connected) helper.send(size, () => {});
    },
    output: mergedOutput([
      [1, stdout],
      [2, stderr],
    ]),
    result: ended.promise.then((exitCode) => ({ exitCode })),
  };
}

/** @throws Error where it is not installed */
function nodePtyPath(): string {
  return createRequire(import.meta.url).resolve('node-pty');
}
