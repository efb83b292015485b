import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * The door to the disk. Paths are absolute. What is missing reads as `undefined` or an empty list; every other failure throws the
 * system's error (its `code` is ENOSPC, EACCES, …). The fake beside it, fake-files.ts, has power cuts and a full disk.
 */
export interface Files {
  readBytes(path: string): Promise<Buffer | undefined>;
  readText(path: string): Promise<string | undefined>;
  /** Names in a directory, sorted; empty when it is not there. */
  list(dir: string): Promise<string[]>;
  /** Follows symbolic links unless told not to. */
  stat(path: string, options?: { readonly followLinks?: boolean }): Promise<FileStat | undefined>;
  readlink(path: string): Promise<string | undefined>;
  /** The path with every symbolic link resolved. */
  realPath(path: string): Promise<string | undefined>;
  /** Bytes of the file system that holds the path, and how many of them an ordinary user may still write. */
  space(path: string): Promise<{ readonly bytes: number; readonly freeBytes: number }>;

  /**
   * Replaces a file: temporary file, fsync, rename, fsync of the directory. When it resolves, the content survives a power cut; when
   * the power fails before, the old content is there whole.
   */
  writeAtomic(path: string, data: string | Buffer, options?: WriteOptions): Promise<void>;
  /** Writes in place, without fsync: for what can be made again. Truncates what is there. */
  write(path: string, data: string | Buffer, options?: WriteOptions): Promise<void>;
  /** Makes the directory and its parents. `mode` (0o755 by default) counts for the last one, also when it was there already. */
  mkdir(path: string, options?: WriteOptions): Promise<void>;
  /** With all that is in it; fine when it is gone. Not synced: the power may bring it back. */
  remove(path: string): Promise<void>;
  /** Replaces `to`. Not synced, see `sync`. */
  rename(from: string, to: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  /** Owner and group by number; -1 leaves one as it is. */
  chown(path: string, uid: number, gid: number): Promise<void>;
  /** Makes a file's content, or a directory's entries, survive a power cut. */
  sync(path: string): Promise<void>;
}

export interface WriteOptions {
  /** Permission bits, exactly (the umask does not count). */
  readonly mode?: number;
}

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'symlink' | 'socket' | 'charDevice' | 'blockDevice' | 'other';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
}

export class SystemFiles implements Files {
  #temporaries = 0;

  readBytes(path: string): Promise<Buffer | undefined> {
    return orAbsent(fs.readFile(path), undefined);
  }

  readText(path: string): Promise<string | undefined> {
    return orAbsent(fs.readFile(path, 'utf8'), undefined);
  }

  async list(dir: string): Promise<string[]> {
    return (await orAbsent(fs.readdir(dir), [])).sort();
  }

  async stat(path: string, options: { readonly followLinks?: boolean } = {}): Promise<FileStat | undefined> {
    const stat = await orAbsent(options.followLinks === false ? fs.lstat(path) : fs.stat(path), undefined);
    if (!stat) return undefined;
    const kind = stat.isFile()
      ? 'file'
      : stat.isDirectory()
        ? 'directory'
        : stat.isSymbolicLink()
          ? 'symlink'
          : stat.isSocket()
            ? 'socket'
            : stat.isCharacterDevice()
              ? 'charDevice'
              : stat.isBlockDevice()
                ? 'blockDevice'
                : 'other';
    return { kind, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, size: stat.size };
  }

  readlink(path: string): Promise<string | undefined> {
    return orAbsent(fs.readlink(path), undefined);
  }

  realPath(path: string): Promise<string | undefined> {
    return orAbsent(fs.realpath(path), undefined);
  }

  async space(path: string): Promise<{ bytes: number; freeBytes: number }> {
    const found = await fs.statfs(path);
    return { bytes: found.blocks * found.bsize, freeBytes: found.bavail * found.bsize };
  }

  async writeAtomic(path: string, data: string | Buffer, options: WriteOptions = {}): Promise<void> {
    const dir = dirname(path);
    // One process owns a data directory, so a counter is unique enough; a left-over of an earlier run is overwritten.
    const temporary = join(dir, `.${basename(path)}.tmp${this.#temporaries++ % 16}`);
    try {
      const file = await fs.open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600);
      try {
        await file.chmod(options.mode ?? 0o644);
        await file.writeFile(data);
        await file.sync();
      } finally {
        await file.close();
      }
      await fs.rename(temporary, path);
    } catch (error) {
      await fs.rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
    await this.sync(dir);
  }

  async write(path: string, data: string | Buffer, options: WriteOptions = {}): Promise<void> {
    await fs.writeFile(path, data, { mode: options.mode ?? 0o644 });
    if (options.mode !== undefined) await fs.chmod(path, options.mode);
  }

  async mkdir(path: string, options: WriteOptions = {}): Promise<void> {
    const first = await fs.mkdir(path, { recursive: true, mode: 0o755 });
    if (options.mode !== undefined) await fs.chmod(path, options.mode);
    if (first === undefined) return;
    for (let dir = path; dir.length >= first.length; dir = dirname(dir)) await this.sync(dirname(dir));
  }

  async remove(path: string): Promise<void> {
    await fs.rm(path, { recursive: true, force: true });
  }

  async rename(from: string, to: string): Promise<void> {
    await fs.rename(from, to);
  }

  async symlink(target: string, path: string): Promise<void> {
    await fs.symlink(target, path);
  }

  async chmod(path: string, mode: number): Promise<void> {
    await fs.chmod(path, mode);
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    await fs.lchown(path, uid, gid);
  }

  async sync(path: string): Promise<void> {
    const file = await fs.open(path, constants.O_RDONLY);
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

async function orAbsent<Found, Absent>(found: Promise<Found>, absent: Absent): Promise<Found | Absent> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return absent;
    throw error;
  }
}
