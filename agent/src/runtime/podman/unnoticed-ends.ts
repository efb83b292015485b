import { readFile } from 'node:fs/promises';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { LibpodContainer, LibpodInspect } from './libpod-types.ts';
import { isIn } from './process-table.ts';
import { statusOf } from './sandbox-states.ts';

export interface UnnoticedEndsOptions {
  readonly clock: Pick<Clock, 'wallMs'>;
  /** podman's word of now; undefined when the container is not there. */
  readonly inspect: (id: string) => Promise<{ readonly State: Pick<LibpodInspect['State'], 'Status' | 'ConmonPid'> } | undefined>;
}

/** The end of a process whose exit status nobody read, as if it had been killed. */
const killed = 137;

/**
 * podman learns from conmon that a container has ended. Where both were killed at once (for want of memory, or with a whole cgroup) it goes
 * on showing the container as running, and waits in vain when it shall stop it. Such a container is shown as what it is: exited.
 */
export class UnnoticedEnds {
  readonly #options: UnnoticedEndsOptions;
  /** When it was found, in wall milliseconds, by container id. */
  readonly #found = new Map<string, number>();

  constructor(options: UnnoticedEndsOptions) {
    this.#options = options;
  }

  has(id: string): boolean {
    return this.#found.has(id);
  }

  /** The list as it should be. Reads one small file of /proc for each container that runs. */
  async correct(containers: readonly LibpodContainer[]): Promise<readonly LibpodContainer[]> {
    const gone = await Promise.all(containers.map((container) => this.#isGone(container)));
    const found = new Map(this.#found);
    this.#found.clear();
    return containers.map((container, n) => {
      if (!gone[n]) return container;
      const atMs = found.get(container.Id) ?? this.#options.clock.wallMs();
      this.#found.set(container.Id, atMs);
      return { ...container, State: 'exited', ExitCode: killed, ExitedAt: Math.floor(atMs / 1000) };
    });
  }

  async #isGone({ Id: id, Pid: pid, State: state }: LibpodContainer): Promise<boolean> {
    if (statusOf(state) !== 'running' || (pid && (await isIn(id, pid)))) return false;
    const before = await this.#runningState(id);
    if (!before) return false;
    // While it lives it is about to tell podman.
    if (before.ConmonPid && (await watches(before.ConmonPid, id))) return false;
    // It writes the exit status before it goes: podman has that by now, or never will.
    return (await this.#runningState(id)) !== undefined;
  }

  /** Undefined when podman does not show it as running: how it ended the next list says. */
  async #runningState(id: string): Promise<Pick<LibpodInspect['State'], 'ConmonPid'> | undefined> {
    const state = (await this.#options.inspect(id))?.State;
    return state && statusOf(state.Status) === 'running' ? state : undefined;
  }
}

/** Whether this process is the container's conmon: the kernel gives the numbers of the dead to others. */
async function watches(pid: number, id: string): Promise<boolean> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes(id);
}
