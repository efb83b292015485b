import type { Files } from '@flotilla/shared/platform/files.js';
import { isDigest, textDigest } from '@flotilla/shared/protocol/content.js';

/**
 * Objects in a directory, each in a file named by the digest of its text. A file is written once and never changed, and what a power cut
 * tore does not match its name: so nothing here has to be replaced atomically, and what is whole can always be used.
 */
export class ObjectFiles {
  readonly #files: Files;
  readonly #dir: string;
  /** What lies there; true once its content was seen to match. */
  readonly #known = new Map<string, boolean>();
  #unsynced = false;

  constructor(files: Files, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  async open(): Promise<void> {
    for (const name of await this.#files.list(this.#dir)) if (isDigest(name)) this.#known.set(name, false);
  }

  /** Whether the whole text is there. */
  async has(digest: string): Promise<boolean> {
    return this.#known.get(digest) === true || (await this.read(digest)) !== undefined;
  }

  /** Undefined when it is not there or is damaged; then it may be written again. */
  async read(digest: string): Promise<string | undefined> {
    if (!this.#known.has(digest)) return undefined;
    const text = await this.#files.readText(`${this.#dir}/${digest}`);
    const whole = text !== undefined && textDigest(text) === digest;
    if (whole) this.#known.set(digest, true);
    else this.#known.delete(digest);
    return whole ? text : undefined;
  }

  /** Survives a power cut once the directory was synced. @throws the disk's error */
  async write(digest: string, text: string): Promise<void> {
    if (this.#known.get(digest)) return;
    const path = `${this.#dir}/${digest}`;
    try {
      await this.#files.write(path, text, { mode: 0o600 });
      await this.#files.sync(path);
    } catch (error) {
      await this.#files.remove(path).catch(() => {});
      throw error;
    }
    this.#unsynced = true;
    this.#known.set(digest, true);
  }

  async sync(): Promise<void> {
    if (this.#unsynced) await this.#files.sync(this.#dir);
    this.synced();
  }

  /** The directory was synced by somebody else. */
  synced(): void {
    this.#unsynced = false;
  }

  /** Removes all others. */
  async keepOnly(digests: ReadonlySet<string>): Promise<void> {
    for (const digest of [...this.#known.keys()]) {
      if (digests.has(digest)) continue;
      this.#known.delete(digest);
      await this.#files.remove(`${this.#dir}/${digest}`);
    }
  }
}
