import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * Tells when a container ends, without asking: conmon writes the exit status to `EXITS/ID`, and the kernel says that the folder
 * changed. (podman 4's own event stream looks at its log four times a second for as long as somebody listens.)
 */
export class ExitWatch {
  readonly #onExit: (containerId: string) => void;
  readonly #listeners = new Map<string, Set<() => void>>();
  #watcher: FSWatcher | undefined;

  constructor(onExit: (containerId: string) => void) {
    this.#onExit = onExit;
  }

  get watching(): boolean {
    return this.#watcher !== undefined;
  }

  /** Reads from the conmon of a running container which folder it is, unless that is known. */
  async learn(conmonPid: number | undefined): Promise<void> {
    if (this.#watcher || !conmonPid) return;
    const words = (await readFile(`/proc/${conmonPid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    const folder = words[words.indexOf('--exit-dir') + 1];
    if (words.includes('--exit-dir') && folder && !this.#watcher) this.#watch(folder);
  }

  /** Calls back when this container may have ended. */
  listen(containerId: string, wake: () => void): { stop(): void } {
    const listeners = this.#listeners.get(containerId) ?? new Set();
    this.#listeners.set(containerId, listeners.add(wake));
    return {
      stop: () => {
        listeners.delete(wake);
        if (listeners.size === 0 && this.#listeners.get(containerId) === listeners) this.#listeners.delete(containerId);
      },
    };
  }

  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        // A file being written has a suffix until it is whole.
        if (!name || !/^[0-9a-f]{64}$/.test(name)) return;
        for (const wake of this.#listeners.get(name) ?? []) wake();
        this.#onExit(name);
      });
      watcher.on('error', () => this.stop());
      this.#watcher = watcher;
    } catch {
      // Not there (yet): the next container that starts teaches it.
    }
  }
}
