import { spawn } from 'node:child_process';

/** The door to other programs. A fake with the same shape is in fake-exec.ts. */
export interface Exec {
  /**
   * Runs a program to its end. A non-zero exit status is a result, not an error.
   * @throws ExecError when the program cannot be started, took too long or was given up by the signal
   */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Starts a program that stays. It is in a session of its own: a Ctrl-C in our terminal does not reach it. @throws ExecError */
  start(command: string, args: readonly string[], options: StartOptions): Promise<Child>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly input?: string | Buffer;
  /** 30 s when left out. */
  readonly timeoutMs?: number;
  /** What is kept of standard output, and of standard error; 1 MiB when left out. The rest is read and dropped. */
  readonly maxOutputBytes?: number;
  readonly signal?: AbortSignal;
}

export interface RunResult {
  /** The exit status; 128 + the signal's number when a signal ended it, as a shell says it. */
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** Some output was dropped. */
  readonly truncated: boolean;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Called for every line of standard output and standard error; lines longer than 8 KiB are cut. */
  readonly onLine: (line: string) => void;
}

export interface Child {
  readonly pid: number;
  /** Resolves with the exit status when it has ended. */
  readonly exited: Promise<number>;
  kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGINT' | 'SIGHUP'): void;
}

export class ExecError extends Error {
  readonly reason: 'not found' | 'failed' | 'timeout' | 'aborted';

  constructor(reason: ExecError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ExecError';
    this.reason = reason;
  }
}

const signalNumbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15, SIGSEGV: 11, SIGABRT: 6 };
const maxLineBytes = 8192;

export class SystemExec implements Exec {
  run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const { timeoutMs = 30_000, maxOutputBytes = 1 << 20, signal } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new ExecError('aborted', `${command}: given up`, { cause: signal.reason }));
      const child = spawn(command, args, { cwd: options.cwd, env: options.env, stdio: ['pipe', 'pipe', 'pipe'] });
      const stdout = new Head(maxOutputBytes);
      const stderr = new Head(maxOutputBytes);
      let failure: ExecError | undefined;
      const end = (error: ExecError): void => {
        failure ??= error;
        child.kill('SIGKILL');
      };
      const onAbort = (): void => end(new ExecError('aborted', `${command}: given up`, { cause: signal?.reason }));
      const timer = setTimeout(() => end(new ExecError('timeout', `${command}: no end after ${timeoutMs / 1000} s`)), timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
      // A program that does not read its input is no error of ours.
      child.stdin.on('error', () => {});
      child.stdin.end(options.input ?? '');
      child.on('error', (error) => {
        settle();
        reject(startError(command, error));
      });
      child.on('close', (code, killedBy) => {
        settle();
        if (failure) return reject(failure);
        const truncated = stdout.dropped || stderr.dropped;
        resolve({ code: exitStatus(code, killedBy), stdout: stdout.bytes(), stderr: stderr.bytes().toString(), truncated });
      });
    });
  }

  start(command: string, args: readonly string[], options: StartOptions): Promise<Child> {
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, { cwd: options.cwd, env: options.env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
      for (const stream of [child.stdout, child.stderr]) {
        const lines = lineSplitter(options.onLine);
        stream.on('data', (chunk: Buffer) => lines.push(chunk));
        stream.on('close', () => lines.end());
        // Its own children may hold the pipe open; that must not keep this process alive.
        (stream as unknown as { unref(): void }).unref();
      }
      child.unref();
      const exited = new Promise<number>((done) => child.on('exit', (code, killedBy) => done(exitStatus(code, killedBy))));
      child.once('error', (error) => reject(startError(command, error)));
      child.once('spawn', () => {
        resolve({ pid: child.pid ?? -1, exited, kill: (signal) => void child.kill(signal) });
      });
    });
  }
}

function exitStatus(code: number | null, killedBy: NodeJS.Signals | null): number {
  return code ?? 128 + (signalNumbers[killedBy ?? ''] ?? 0);
}

function startError(command: string, error: Error): ExecError {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return missing
    ? new ExecError('not found', `${command}: no such program`, { cause: error })
    : new ExecError('failed', `${command}: ${error.message}`, { cause: error });
}

/** Keeps the first bytes of a stream. */
class Head {
  readonly #max: number;
  readonly #parts: Buffer[] = [];
  #length = 0;
  dropped = false;

  constructor(max: number) {
    this.#max = max;
  }

  push(chunk: Buffer): void {
    const room = this.#max - this.#length;
    if (chunk.length > room) this.dropped = true;
    if (room <= 0) return;
    this.#parts.push(chunk.subarray(0, room));
    this.#length += Math.min(room, chunk.length);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

function lineSplitter(onLine: (line: string) => void): { push(chunk: Buffer): void; end(): void } {
  let rest = '';
  return {
    push: (chunk) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = (lines.pop() ?? '').slice(0, maxLineBytes);
      for (const line of lines) onLine(line.slice(0, maxLineBytes));
    },
    end: () => {
      if (rest) onLine(rest);
      rest = '';
    },
  };
}
