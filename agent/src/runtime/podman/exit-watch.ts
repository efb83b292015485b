import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * Tells when a container ends, without asking: conmon writes the exit status to `EXITS/ID`, and the kernel says that the folder
 * changed. (podman 4's own event stream looks at its log four times a second for as long as somebody listens.)
 */
export class ExitWatch {
  readonly #onExit: (containerId: string) => void;
  #folder: string | undefined;
  #watcher: FSWatcher | undefined;

  constructor(onExit: (containerId: string) => void) {
    this.#onExit = onExit;
  }

  get watching(): boolean {
    return this.#watcher !== undefined;
  }

  /** Reads from the conmon of a running container which folder it is. */
  async learn(conmonPid: number): Promise<void> {
    const words = (await readFile(`/proc/${conmonPid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    const folder = words[words.indexOf('--exit-dir') + 1];
    if (words.includes('--exit-dir') && folder) this.watch(folder);
  }

  watch(folder: string): void {
    if (this.#watcher && this.#folder === folder) return;
    this.stop();
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        // A file being written has a suffix until it is whole.
        if (name && /^[0-9a-f]{64}$/.test(name)) this.#onExit(name);
      });
      watcher.on('error', () => this.stop());
      this.#watcher = watcher;
      this.#folder = folder;
    } catch {
      // Not there (yet): the next container that starts teaches it.
    }
  }

  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
