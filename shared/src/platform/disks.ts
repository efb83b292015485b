import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';

/** Bytes at positions: an image file or a block device, open. */
export interface Disk {
  readonly sizeBytes: number;
  /** Fills the buffer from a position on; fewer bytes only at the end. @returns how many */
  readInto(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes all of it. @throws the system's error: EIO, ENOSPC, ENXIO when the device is gone */
  write(data: Uint8Array, position: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The door to disks. A fake with faults is in fake-disks.ts. */
export interface Disks {
  /**
   * Opens a file or a block device that exists. Writing takes a block device for itself: the system refuses (EBUSY) while it is mounted.
   * `direct` goes past the page cache where the file system can do it: positions and lengths must be multiples of 4096 then, and
   * buffers come from `alignedBuffer`.
   */
  open(path: string, options: { readonly write: boolean; readonly direct?: boolean }): Promise<Disk>;
}

export class SystemDisks implements Disks {
  async open(path: string, { write, direct = false }: { readonly write: boolean; readonly direct?: boolean }): Promise<Disk> {
    const stat = await fs.stat(path);
    if (!stat.isBlockDevice() && !stat.isFile()) throw new Error(`${path} is neither a file nor a block device`);
    const mode = write ? constants.O_RDWR | (stat.isBlockDevice() ? constants.O_EXCL : 0) : constants.O_RDONLY;
    const file = await openDirect(path, mode, direct);
    return new FileDisk(file, stat.isBlockDevice() ? await deviceSize(stat.rdev) : stat.size);
  }
}

async function openDirect(path: string, mode: number, direct: boolean): Promise<fs.FileHandle> {
  // Other systems than Linux have no such flag.
  const flag = direct ? (constants.O_DIRECT as number | undefined) : undefined;
  if (flag === undefined) return await fs.open(path, mode);
  try {
    return await fs.open(path, mode | flag);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
    return await fs.open(path, mode);
  }
}

async function deviceSize(rdev: number): Promise<number> {
  const [major, minor] = [(rdev >>> 8) & 0xfff, (rdev & 0xff) | ((rdev >>> 12) & 0xfff00)];
  return Number((await fs.readFile(`/sys/dev/block/${major}:${minor}/size`, 'utf8')).trim()) * 512;
}

class FileDisk implements Disk {
  readonly sizeBytes: number;
  readonly #file: fs.FileHandle;

  constructor(file: fs.FileHandle, sizeBytes: number) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  async readInto(buffer: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < buffer.length) {
      const { bytesRead } = await this.#file.read(buffer, done, buffer.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(data: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < data.length; ) {
      const { bytesWritten } = await this.#file.write(data, done, data.length - done, position + done);
      if (bytesWritten === 0) throw Object.assign(new Error('the device took no more bytes'), { code: 'ENOSPC' });
      done += bytesWritten;
    }
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Memory at an address that a device can read from and write to without the page cache: WebAssembly's begins on a page. */
export function alignedBuffer(bytes: number): Buffer {
  // Node has it; the type declarations come with a browser's only.
  const { WebAssembly } = globalThis as unknown as { WebAssembly: { Memory: new (of: object) => { readonly buffer: ArrayBuffer } } };
  const pages = Math.ceil(bytes / 65_536);
  return Buffer.from(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer, 0, bytes);
}

/** Exactly these bytes. @throws Error when the disk ends before */
export async function readExactly(disk: Disk, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const read = await disk.readInto(buffer, position);
  if (read < length) throw new Error(`it ends at byte ${position + read}, where ${length - read} more were expected`);
  return buffer;
}
