import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Clock } from '@flotilla/shared/clock/clock.js';

export interface EndedCarrier {
  readonly child: ChildProcess;
  /** Where the OCI runtime wrote to, as JSON. */
  readonly logFile: string;
  readonly clock: Clock;
  /** Why there is no process, where there is none. */
  readonly failure: Error | undefined;
}

/** Of what was said: the rest is no help. */
const mostBytes = 2_000;
/** Something may hold the ends of its pipes open. */
const readWithinMs = 2_000;

export interface LastWords {
  readonly words: string;
  /** The program did not run, and what stood in the way may be gone the next moment. */
  readonly mayPass: boolean;
}

/** What OCI runtimes say when the kernel or the way between their own processes failed them, before the program was there. */
const passing = /resource temporarily unavailable|interrupted system call|connection reset|broken pipe|setns process|quota exceeded/i;
/** From here on a shell says what became of the OCI runtime itself. */
const firstOfRuntime = 126;

/**
 * Why a program was not started: the OCI runtime's own words; where it has none, how its carrier ended and what that said. Call it when the carrier has
 * ended and nobody has read its output.
 */
export async function lastWords({ child, logFile, clock, failure }: EndedCarrier): Promise<LastWords> {
  const said = lastMessage(await readFile(logFile, 'utf8').catch(() => ''));
  if (said !== undefined) return { words: said, mayPass: passing.test(said) };
  if (failure) return { words: failure.message, mayPass: 'code' in failure && failure.code === 'EAGAIN' };
  const { exitCode, signalCode, spawnfile, stdout, stderr } = child;
  const [printed, complained] = await Promise.all([stdout, stderr].map((stream) => (stream ? tailOf(stream, clock) : '')));
  const words = [complained, printed].filter(Boolean).join('; ');
  const end = signalCode === null ? `status ${exitCode ?? 'unknown'}` : `signal ${signalCode}`;
  return {
    words: `${spawnfile} ended with ${end}${words === '' ? ' and said nothing' : `: ${words}`}`,
    // The OCI runtime logs why it fails: it never ran.
    mayPass: exitCode !== null && exitCode > 0 && exitCode < firstOfRuntime,
  };
}

/** The last complaint; where there is none, there is nothing that explains a failure. */
function lastMessage(log: string): string | undefined {
  for (const line of log.trimEnd().split('\n').reverse()) {
    try {
      const { level, msg } = JSON.parse(line) as { level?: unknown; msg?: unknown };
      if (typeof msg === 'string' && (level === undefined || level === 'error' || level === 'fatal')) return msg;
    } catch {
      // Half a line, or none of it.
    }
  }
  return undefined;
}

/** What waits in it, on one line; all of it when its other end is closed in time. */
async function tailOf(stream: Readable, clock: Clock): Promise<string> {
  let tail: Buffer = Buffer.alloc(0);
  const over = new AbortController();
  const timer = clock.after('podman: what an OCI runtime said', readWithinMs, () => over.abort());
  const take = (): void => {
    for (let more = stream.read() as Buffer | null; more !== null; more = stream.read() as Buffer | null)
      tail = Buffer.concat([tail, more]).subarray(-mostBytes);
  };
  stream.on('readable', take);
  take();
  if (!stream.readableEnded && !stream.destroyed) await once(stream, 'close', { signal: over.signal }).catch(() => {});
  timer.cancel();
  stream.off('readable', take);
  return tail.toString().replace(/\s+/g, ' ').trim();
}
