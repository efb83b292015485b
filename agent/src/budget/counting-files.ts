import type { FileStat, Files, WriteOptions } from '@flotilla/shared/platform/files.js';

/** What an agent wrote to flash since it started. */
export interface FlashCounts {
  bytes: number;
  /** Each makes the device finish what it has. */
  syncs: number;
}

/** The door to the disk, with a counter of what is written through it. Directories in memory cost no flash. */
export class CountingFiles implements Files {
  readonly counts: FlashCounts = { bytes: 0, syncs: 0 };
  readonly #files: Files;
  readonly #inMemory: readonly string[];

  constructor(files: Files, options: { readonly inMemory: readonly string[] }) {
    this.#files = files;
    this.#inMemory = options.inMemory;
  }

  async writeAtomic(path: string, data: string | Buffer, options?: WriteOptions): Promise<void> {
    // The file's, and its directory's.
    this.#wrote(path, Buffer.byteLength(data), 2);
    await this.#files.writeAtomic(path, data, options);
  }

  async write(path: string, data: string | Buffer, options?: WriteOptions): Promise<void> {
    this.#wrote(path, Buffer.byteLength(data), 0);
    await this.#files.write(path, data, options);
  }

  async sync(path: string): Promise<void> {
    this.#wrote(path, 0, 1);
    await this.#files.sync(path);
  }

  readBytes(path: string): Promise<Buffer | undefined> {
    return this.#files.readBytes(path);
  }

  readText(path: string): Promise<string | undefined> {
    return this.#files.readText(path);
  }

  list(dir: string): Promise<string[]> {
    return this.#files.list(dir);
  }

  stat(path: string, options?: { readonly followLinks?: boolean }): Promise<FileStat | undefined> {
    return this.#files.stat(path, options);
  }

  readlink(path: string): Promise<string | undefined> {
    return this.#files.readlink(path);
  }

  realPath(path: string): Promise<string | undefined> {
    return this.#files.realPath(path);
  }

  space(path: string): Promise<{ readonly bytes: number; readonly freeBytes: number }> {
    return this.#files.space(path);
  }

  mkdir(path: string, options?: WriteOptions): Promise<void> {
    return this.#files.mkdir(path, options);
  }

  remove(path: string): Promise<void> {
    return this.#files.remove(path);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#files.rename(from, to);
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#files.symlink(target, path);
  }

  chmod(path: string, mode: number): Promise<void> {
    return this.#files.chmod(path, mode);
  }

  chown(path: string, uid: number, gid: number): Promise<void> {
    return this.#files.chown(path, uid, gid);
  }

  #wrote(path: string, bytes: number, syncs: number): void {
    if (this.#inMemory.some((dir) => path === dir || path.startsWith(`${dir}/`))) return;
    this.counts.bytes += bytes;
    this.counts.syncs += syncs;
  }
}
