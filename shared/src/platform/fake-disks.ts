import type { Disk, Disks } from './disks.ts';

const pageBytes = 4096;

/** A disk in memory: what was never written reads as zeros. Its faults are those of cards. */
export class FakeDisk {
  readonly sizeBytes: number;
  /** Errors of reads and writes from this offset on. */
  failsAt = Number.POSITIVE_INFINITY;
  /** Writes from this offset on are acknowledged and land at the beginning again: a card sold as larger than it is. */
  wrapsAt = Number.POSITIVE_INFINITY;
  /** Pulled out: every call fails. */
  gone = false;
  /** Called before each write, with its position. */
  onWrite: (position: number) => void = () => {};
  /** Positions and lengths of writes so far. */
  readonly writes: { readonly position: number; readonly length: number }[] = [];
  #pages = new Map<number, Buffer>();

  constructor(sizeBytes: number, content?: Uint8Array) {
    this.sizeBytes = sizeBytes;
    if (content) this.put(content, 0);
  }

  /** As if by magic, past every fault. */
  put(data: Uint8Array, position: number): void {
    for (let done = 0; done < data.length; ) {
      const at = position + done;
      const [page, within] = [Math.floor(at / pageBytes), at % pageBytes];
      const length = Math.min(pageBytes - within, data.length - done);
      const kept = this.#pages.get(page) ?? Buffer.alloc(pageBytes);
      kept.set(data.subarray(done, done + length), within);
      this.#pages.set(page, kept);
      done += length;
    }
  }

  content(position = 0, length = this.sizeBytes - position): Buffer {
    const all = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      const at = position + done;
      const within = at % pageBytes;
      const part = Math.min(pageBytes - within, length - done);
      this.#pages.get(Math.floor(at / pageBytes))?.copy(all, done, within, within + part);
      done += part;
    }
    return all;
  }

  /** Another card is in the reader now. */
  swap(content: Uint8Array): void {
    this.#pages = new Map();
    this.put(content, 0);
  }

  check(position: number, length: number): void {
    if (this.gone) throw Object.assign(new Error('ENXIO: no such device or address'), { code: 'ENXIO' });
    if (position + length > this.failsAt) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
  }
}

/** Disks by path, in memory. */
export class FakeDisks implements Disks {
  readonly byPath = new Map<string, FakeDisk>();
  /** Opened and not closed. */
  openCount = 0;

  add(path: string, disk: FakeDisk): FakeDisk {
    this.byPath.set(path, disk);
    return disk;
  }

  async open(path: string, { write }: { readonly write: boolean; readonly direct?: boolean }): Promise<Disk> {
    const disk = this.byPath.get(path);
    if (!disk || disk.gone) throw Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' });
    this.openCount++;
    return {
      sizeBytes: disk.sizeBytes,
      readInto: async (buffer, position) => {
        const length = Math.max(0, Math.min(buffer.length, disk.sizeBytes - position));
        disk.check(position, length);
        buffer.set(disk.content(position, length));
        return length;
      },
      write: async (data, position) => {
        if (!write) throw Object.assign(new Error('EBADF: bad file descriptor'), { code: 'EBADF' });
        disk.onWrite(position);
        disk.check(position, data.length);
        if (position + data.length > disk.sizeBytes) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
        disk.writes.push({ position, length: data.length });
        disk.put(data, position >= disk.wrapsAt ? position % disk.wrapsAt : position);
      },
      sync: async () => disk.check(0, 0),
      close: async () => {
        this.openCount--;
      },
    };
  }
}
