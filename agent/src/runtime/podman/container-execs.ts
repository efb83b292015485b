import { type ChildProcess, spawn } from 'node:child_process';
import { type FSWatcher, watch } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { internalError, StatusError } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { PodStream, TerminalSize } from '@flotilla/shared/protocol/stream-messages.js';
import type { ExecRequest } from '../types.ts';
import { writeTo } from '../write-to.ts';
import { type LastWords, lastWords } from './last-words.ts';
import { mergedOutput } from './merged-output.ts';
import type { OciCommand } from './oci-command.ts';
import { belonging, homeOf, isIn, namespacesOf, type ProcessEntry, processEntry, processTable } from './process-table.ts';

/*
 * Programs are started by the OCI runtime itself (`runc exec`): nothing is written to flash and no conmon stays behind. One that needs a
 * terminal gets it from script(1). agent/docs/streams.md has the reasons.
 *
 * INVARIANT: the signal's end leaves no process of the exec: neither in the container nor of those that carry it. What an agent left that was
 * killed is ended by the next one's `sweep`, by the container and pid on file.
 */

export interface ContainerExecsOptions {
  readonly clock: Clock;
  readonly exec: Exec;
  readonly log: Logger;
  /** In memory, the agent's own: one folder for each exec. */
  readonly dir: string;
  /** Where script(1) is; undefined where it is not. */
  readonly script: string | undefined;
}

export interface ContainerExec extends ExecRequest {
  readonly containerId: string;
  /** Of the container's own process. */
  readonly firstPid: number;
  readonly runtime: OciCommand;
}

interface Inside {
  readonly containerId: string;
  /** Where its processes have no cgroup of their own: their namespaces. */
  readonly home: string | undefined;
}

const noScript = 'a terminal needs the program script on the board: install the package bsdutils (or util-linux)';
const startWithinMs = 30_000;
/** The folder is watched too, as far as that is to be had. */
const lookAgainMs = 250;
const killRounds = 100;
const killAgainMs = 10;

export class ContainerExecs {
  readonly #options: ContainerExecsOptions;
  readonly #running = new Set<{ readonly end: () => void; readonly over: Promise<void> }>();
  #lastId = 0;
  #looking: Promise<unknown> = Promise.resolve();
  #nextTable: Promise<ProcessEntry[]> | undefined;

  constructor(options: ContainerExecsOptions) {
    this.#options = options;
  }

  /** Ends what an agent before this one started and did not end. */
  async sweep(): Promise<void> {
    const { dir } = this.#options;
    for (const name of await readdir(dir).catch(() => [])) {
      const [, containerId] = name.split('.');
      const pid = await readPid(join(dir, name));
      const home = (await readFile(join(dir, name, 'home'), 'utf8').catch(() => '')) || undefined;
      if (containerId && pid !== undefined) await this.#kill({ containerId, home }, undefined, pid);
      await rm(join(dir, name), { recursive: true, force: true });
    }
  }

  /** Ends all that run. */
  async close(): Promise<void> {
    const running = [...this.#running];
    for (const { end } of running) end();
    await Promise.all(running.map(({ over }) => over));
  }

  /** Resolves when the program runs; what never ran for a reason that may pass is tried a second time. @throws StatusError with the OCI runtime's words */
  async start(request: ContainerExec, signal: AbortSignal): Promise<PodStream> {
    if (request.tty && this.#options.script === undefined) throw new StatusError(501, 'NotImplemented', noScript);
    const first = await this.#attempt(request, signal);
    if ('output' in first) return first;
    const { words, mayPass } = first;
    if (!mayPass || signal.aborted) throw notStarted(words);
    this.#options.log.warn('a program in a container could not be started, once more', { container: request.containerId, error: words });
    const second = await this.#attempt(request, signal);
    if ('output' in second) return second;
    throw notStarted(second.words);
  }

  async #attempt(request: ContainerExec, signal: AbortSignal): Promise<PodStream | LastWords> {
    const dir = join(this.#options.dir, `${process.pid}-${++this.#lastId}.${request.containerId}`);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const { containerId } = request;
    const home = await homeOf(containerId, request.firstPid);
    if (home !== undefined) await writeFile(join(dir, 'home'), home);
    const child = await this.#spawn(request, dir);
    let failure: Error | undefined;
    const exited = new Promise<number>((resolve) => {
      child.once('exit', (code, killed) => resolve(code ?? (killed === 'SIGKILL' ? 137 : 255)));
      child.once('error', (error) => {
        failure = error;
        resolve(255);
      });
    });
    let ending: Promise<void> | undefined;
    const end = (): void => {
      ending ??= this.#end(child, { containerId, home }, dir);
    };
    // Its files are looked at before they go: a short program may have ended by then.
    const begun = this.#started(dir, exited, end).then(async (pid) => {
      const logFile = join(dir, 'log');
      return pid ?? lastWords({ child, logFile, clock: this.#options.clock, failure });
    });
    const over = exited.then(async () => {
      signal.removeEventListener('abort', end);
      await begun;
      await ending;
      // In the container something may run on that the OCI runtime waits for no longer.
      if (ending !== undefined) await this.#kill({ containerId, home }, undefined, await readPid(dir));
      await rm(dir, { recursive: true, force: true });
      this.#running.delete(running);
    });
    const running = { end, over };
    this.#running.add(running);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    const came = await begun;
    if (typeof came === 'number') return this.#stream(request, child, came, exited);
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
    await over;
    return ending === undefined ? came : { words: `given up: ${came.words}`, mayPass: false };
  }

  #stream(request: ContainerExec, child: ChildProcess, pid: number, exited: Promise<number>): PodStream {
    let resizing: Promise<void> = Promise.resolve();
    let wanted: TerminalSize | undefined;
    const resize = async (): Promise<void> => {
      if (!wanted) return;
      const { width, height } = wanted;
      wanted = undefined;
      // The terminal of the OCI runtime, which passes its size on to the one in the container.
      const carrier = (await processEntry(pid))?.parent;
      const args = ['-F', `/proc/${carrier}/fd/0`, 'rows', String(height), 'cols', String(width)];
      if (carrier) await this.#options.exec.run('stty', args, { timeoutMs: 10_000 }).catch(() => {});
    };
    return {
      write: (data) => (child.stdin ? writeTo(child.stdin, data) : Promise.resolve()),
      end: () => void child.stdin?.end(),
      resize: (size) => {
        if (!request.tty) return;
        wanted = size;
        resizing = resizing.then(resize);
      },
      output: mergedOutput([
        [1, child.stdout],
        [2, request.tty ? null : child.stderr],
      ]),
      result: exited.then((exitCode) => ({ exitCode })),
    };
  }

  async #spawn({ containerId, runtime, command, stdin, stdout, stderr, tty }: ContainerExec, dir: string): Promise<ChildProcess> {
    const [program = '', ...global] = runtime.command;
    const log = ['--log', join(dir, 'log'), '--log-format', 'json'];
    const options = ['exec', ...(tty ? ['--tty'] : []), '--pid-file', join(dir, 'pid'), containerId, ...command];
    const args = [...global, ...log, ...options];
    // From our own folder: the agent may have been started somewhere that is gone.
    const common = { cwd: '/', env: { ...process.env, ...runtime.env, SHELL: '/bin/sh' } };
    let child: ChildProcess;
    if (tty) {
      const file = join(dir, 'run');
      await writeFile(file, `stty raw -echo\nexec ${[program, ...args].map(quoted).join(' ')}\n`, { mode: 0o600 });
      const carried = ['--quiet', '--return', '--command', `sh ${quoted(file)}`, '/dev/null'];
      child = spawn(this.#options.script ?? 'script', carried, { ...common, stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'] });
    } else {
      const [out, err] = [stdout, stderr].map((is) => (is ? 'pipe' : 'ignore') as 'pipe' | 'ignore');
      child = spawn(program, args, { ...common, stdio: [stdin ? 'pipe' : 'ignore', out, err] });
    }
    // Without a listener Node throws away what nobody has read yet when the program ends.
    for (const stream of [child.stdout, child.stderr]) stream?.on('readable', () => {});
    // A program that does not read its input, or is gone, is no error of ours.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.on('error', () => {});
    child.on('error', (error) => this.#options.log.warn('cannot start a program in a container', { error }));
    return child;
  }

  /** Resolves with the program's pid on the host when it runs, with undefined when it did not start. */
  async #started(dir: string, exited: Promise<number>, giveUp: () => void): Promise<number | undefined> {
    const { clock } = this.#options;
    const written = Promise.withResolvers<number>();
    const look = (): void => void readPid(dir).then((pid) => pid !== undefined && written.resolve(pid));
    const watcher = watched(dir, look);
    let again: Timer | undefined;
    const lookAgain = (): void => {
      look();
      again = clock.after('podman: whether a program runs', lookAgainMs, lookAgain);
    };
    lookAgain();
    const timer = clock.after('podman: a program starts', startWithinMs, giveUp);
    try {
      return await Promise.race([written.promise, exited.then(() => readPid(dir))]);
    } finally {
      timer.cancel();
      again?.cancel();
      watcher?.close();
    }
  }

  async #end(child: ChildProcess, of: Inside, dir: string): Promise<void> {
    await this.#kill(of, child.pid, await readPid(dir));
    child.kill('SIGKILL');
    // What still holds the other ends of them is none of ours.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
  }

  /** What runs, read after this call; however many ask at a time, they share it. */
  #table(): Promise<ProcessEntry[]> {
    this.#nextTable ??= this.#looking.then(() => {
      this.#nextTable = undefined;
      const table = processTable();
      this.#looking = table.catch(() => {});
      return table;
    });
    return this.#nextTable;
  }

  /** Ends all that runs below `root` and all of the container's that is in the session of `session`. */
  async #kill({ containerId, home }: Inside, root: number | undefined, session: number | undefined): Promise<void> {
    for (let round = 0; round < killRounds; round++) {
      const table = await this.#table();
      const below = belonging(table, { root });
      const ofSession = session === undefined ? [] : belonging(table, { session });
      const isOurs = async (pid: number): Promise<boolean> =>
        home === undefined ? isIn(containerId, pid) : (await namespacesOf(pid)) === home;
      const inside = await Promise.all(ofSession.map(isOurs));
      const victims = new Set([...below, ...ofSession.filter((_, n) => inside[n])]);
      if (victims.size === 0) return;
      for (const pid of victims) endProcess(pid);
      await this.#options.clock.sleep('podman: an exec ends', killAgainMs);
    }
    this.#options.log.error('a program in a container cannot be killed', { container: containerId });
  }
}

function notStarted(words: string): StatusError {
  return internalError(`error executing command in container: ${words}`);
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

async function readPid(dir: string): Promise<number | undefined> {
  const text = await readFile(join(dir, 'pid'), 'utf8').catch(() => '');
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** undefined where this user may watch no more folders: then it is looked at now and then. */
function watched(dir: string, look: () => void): FSWatcher | undefined {
  try {
    return watch(dir, { persistent: false }, look).on('error', () => {});
  } catch {
    return undefined;
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
