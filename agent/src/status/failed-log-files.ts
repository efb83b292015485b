import { checkedBody, checkedText } from '@flotilla/shared/platform/checked-text.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { KeptLogMessage } from '@flotilla/shared/protocol/log-messages.js';

export type FailedLog = Omit<KeptLogMessage, 'session'>;

const kind = 'flotilla-log/1';

/** Logs of failed containers on disk, one file each, whole or not there. */
export class FailedLogFiles {
  readonly #files: Files;
  readonly #dir: string;
  #last = 0;

  constructor(files: Files, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  /** Oldest first. What is damaged is removed. @throws the disk's error */
  async load(): Promise<{ readonly name: string; readonly log: FailedLog }[]> {
    const found: { name: string; log: FailedLog }[] = [];
    for (const name of await this.#files.list(this.#dir)) {
      const text = name.startsWith('.') ? undefined : await this.#files.readText(`${this.#dir}/${name}`);
      const body = text === undefined ? undefined : checkedBody(kind, text);
      if (body === undefined) await this.#files.remove(`${this.#dir}/${name}`);
      else found.push({ name, log: JSON.parse(body) as FailedLog });
      this.#last = Math.max(this.#last, Number(name) || 0);
    }
    return found;
  }

  /** Resolves with its name when it survives a power cut. @throws the disk's error */
  async write(log: FailedLog): Promise<string> {
    const name = `${++this.#last}`.padStart(12, '0');
    await this.#files.mkdir(this.#dir, { mode: 0o700 });
    await this.#files.writeAtomic(`${this.#dir}/${name}`, checkedText(kind, JSON.stringify(log)), { mode: 0o600 });
    return name;
  }

  /** @throws the disk's error */
  async remove(name: string): Promise<void> {
    await this.#files.remove(`${this.#dir}/${name}`);
    await this.#files.sync(this.#dir);
  }
}
