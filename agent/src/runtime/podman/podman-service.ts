import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Child, Exec } from '@flotilla/shared/platform/exec.js';
import { RuntimeError } from '../types.ts';
import { conmonWrapper, containersConf } from './containers-conf.ts';
import type { HostFacts } from './host-facts.ts';
import { type LibpodCall, LibpodClient } from './libpod-client.ts';
import { privateFolder } from './private-folder.ts';

/*
 * INVARIANTS
 * - At most one API service of ours serves the socket: one left behind by an agent that was killed is ended first. (It cannot be taken
 *   over: what it writes goes to a pipe that nobody reads any more, and its next warning ends it, in the middle of whatever it does.)
 *   Ending a service never touches a container: each has its own conmon.
 * - A service of ours is known by the socket on its command line, so that no stranger is ever killed. (Its pid would not do: without
 *   root, podman starts itself a second time.)
 */

export interface PodmanServiceOptions {
  readonly clock: Clock;
  readonly exec: Exec;
  readonly log: Logger;
  readonly facts: HostFacts;
  /** For the socket and podman's settings; short (a socket's path has 107 characters at most), best in memory. */
  readonly runDir: string;
  /** For the program that starts conmon: somewhere programs may be run from. */
  readonly dataDir: string;
  /** Global flags, for a podman of one's own: `--root`, `--runroot`, `--tmpdir`, `--network-config-dir`. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The service was gone for a while and answers again. */
  readonly onRestarted: () => void;
}

const startTimeoutMs = 20_000;
const endTimeoutMs = 5_000;
const lookForSocketMs = 3;

/** Podman's API service, kept running for as long as the agent is there. */
export class PodmanService {
  readonly socketPath: string;
  readonly #options: PodmanServiceOptions;
  #begun: Promise<void> | undefined;
  #version = '';
  #child: Child | undefined;
  #stopped = true;
  #ready: Promise<void> = Promise.reject(new RuntimeError('Unavailable', 'podman was not started'));
  #restarts = 0;

  constructor(options: PodmanServiceOptions) {
    this.#options = options;
    this.socketPath = join(options.runDir, 'podman.sock');
    this.#ready.catch(() => {});
  }

  /** Begins to start it, without anybody waiting: what goes wrong `start` tells. */
  begin(): void {
    this.#begun ??= this.start();
    this.#begun.catch(() => {});
  }

  /** Resolves when the service answers. @throws RuntimeError with reason Unavailable */
  async start(signal?: AbortSignal): Promise<void> {
    const begun = this.#begun;
    this.#begun = undefined;
    if (begun !== undefined) return begun;
    if (Buffer.byteLength(this.socketPath) > 107) throw new RuntimeError('Unavailable', `${this.socketPath} is too long for a socket`);
    this.#stopped = false;
    this.#ready = this.#bringUp(signal);
    this.#ready.catch(() => {});
    return this.#ready;
  }

  /** podman's, as the service says it: asking for it takes podman a second, since it looks up the packages of all its helpers. */
  get version(): string {
    return this.#version;
  }

  /** Resolves when the service can be called; waits while it is being restarted. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** Ends the service. Containers run on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ready.catch(() => {});
    await this.#endAll();
    this.#child = undefined;
  }

  async #bringUp(signal: AbortSignal | undefined): Promise<void> {
    const { runDir, dataDir } = this.#options;
    await privateFolder(runDir);
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const confPath = join(runDir, 'containers.conf');
    const conf = containersConf(this.#options.facts, await this.#conmon());
    await this.#endAll();
    await writeFile(confPath, conf);
    await rm(this.socketPath, { force: true });
    await this.#spawn(confPath);
    await this.#untilAnswers(signal);
    if (Number(this.#version.split('.')[0] || 4) < 4) {
      throw new RuntimeError('Unavailable', `podman ${this.#version} is too old: version 4 or later is needed`);
    }
  }

  async #spawn(confPath: string): Promise<void> {
    const { exec, env, flags, facts, log, runDir } = this.#options;
    const podman = facts.found.podman;
    if (podman === undefined) throw new RuntimeError('Unavailable', 'podman is not installed: install the package podman');
    const childEnv: Record<string, string | undefined> = { ...env, CONTAINERS_CONF: confPath };
    // A service manager's sockets and notifications are the agent's, not podman's.
    for (const name of ['NOTIFY_SOCKET', 'LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']) delete childEnv[name];
    const args = [...flags, 'system', 'service', '--time=0', `unix://${this.socketPath}`];
    const child = await exec.start(podman, args, { env: childEnv, cwd: runDir, onLine: (line) => log.debug('podman', { line }) });
    this.#child = child;
    void child.exited.then((code) => this.#ended(child, code));
  }

  #ended(child: Child, code: number): void {
    if (this.#child !== child || this.#stopped) return;
    this.#child = undefined;
    this.#restart(`podman's API service ended with status ${code}`);
  }

  #restart(why: string): void {
    const waitMs = Math.min(30_000, 100 * 2 ** this.#restarts++);
    this.#options.log.warn(`${why}; starting it anew`, { waitMs });
    this.#ready = this.#options.clock
      .sleep('podman service restart', waitMs)
      .then(() => (this.#stopped ? undefined : this.#bringUp(undefined)));
    this.#ready.then(
      () => {
        if (!this.#stopped) this.#options.onRestarted();
      },
      (error: unknown) => {
        if (!this.#stopped) this.#restart(error instanceof Error ? error.message : String(error));
      },
    );
    this.#options.clock.after('podman service is stable', 60_000, () => {
      this.#restarts = 0;
    });
  }

  async #untilAnswers(signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + startTimeoutMs;
    // A look at the folder costs nothing next to a call that fails.
    const there = async (): Promise<boolean> => existsSync(this.socketPath) && (await this.#answers(5_000));
    for (let waitMs = lookForSocketMs; !(await there()); waitMs = Math.min(200, waitMs * 1.1)) {
      if (signal?.aborted) throw new RuntimeError('Aborted', 'the start was given up');
      if (clock.monotonicMs() > deadlineMs)
        throw new RuntimeError('Unavailable', `podman's API service did not start within ${startTimeoutMs / 1000} s`);
      if (!this.#child) throw new RuntimeError('Unavailable', "podman's API service ended at once");
      await clock.sleep('podman service start', waitMs);
    }
  }

  async #answers(timeoutMs: number): Promise<boolean> {
    const client = new LibpodClient({ socketPath: this.socketPath, clock: this.#options.clock });
    try {
      const onHeader: LibpodCall['onHeader'] = (header) => {
        this.#version = String(header['libpod-api-version'] ?? '');
      };
      await client.call('GET', '/_ping', { timeoutMs, onHeader });
      return true;
    } catch {
      return false;
    } finally {
      client.close();
    }
  }

  /** The processes that serve our socket. Files of /proc cost less to read at once than to wait for, of which there are hundreds. */
  #servers(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => this.#serves(pid));
  }

  #serves(pid: number): boolean {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(`unix://${this.socketPath}`);
    } catch {
      // It is gone.
      return false;
    }
  }

  async #endAll(): Promise<void> {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const deadlineMs = this.#options.clock.monotonicMs() + endTimeoutMs;
      let servers = this.#servers();
      if (servers.length === 0) return;
      for (const pid of servers) {
        try {
          process.kill(pid, signal);
        } catch {
          // It ended by itself.
        }
      }
      for (;;) {
        servers = servers.filter((pid) => this.#serves(pid));
        if (servers.length === 0 || this.#options.clock.monotonicMs() >= deadlineMs) break;
        await this.#options.clock.sleep('podman service end', 5);
      }
    }
  }

  /** The wrapper's path when it can be run, else undefined: podman finds conmon by itself. */
  async #conmon(): Promise<string | undefined> {
    const { facts, dataDir, exec, log } = this.#options;
    if (facts.found.conmon === undefined) return undefined;
    const path = join(dataDir, 'conmon');
    const text = conmonWrapper(facts.found.conmon);
    try {
      if ((await readFile(path, 'utf8').catch(() => '')) === text) {
        // It ran when it was written; what may have changed is whether programs may be run from there (noexec).
        accessSync(path, constants.X_OK);
        return path;
      }
      await writeFile(path, text);
      await chmod(path, 0o755);
      if ((await exec.run(path, ['--version'])).code === 0) return path;
    } catch (error) {
      log.warn('cannot start conmon from the data directory: a container killed for want of memory will not say so', { error });
    }
    // The next start tries it again.
    await rm(path, { force: true });
    return undefined;
  }
}
