import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SystemExec } from '@flotilla/shared/platform/exec.js';

const exec = new SystemExec();
const pieceBytes = 64 << 10;

/** A disk of its own below a folder, in memory, small enough to be filled in a moment. Wants root. */
export class SmallDisk {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async mount(dir: string, bytes: number): Promise<SmallDisk> {
    await mkdir(dir, { recursive: true });
    await run('mount', '-t', 'tmpfs', '-o', `size=${bytes},mode=0755`, 'flotilla-small-disk', dir);
    return new SmallDisk(dir);
  }

  /** Until not one byte more goes on it. */
  async fill(): Promise<void> {
    const file = await open(this.#filler, 'a');
    try {
      for (let size = pieceBytes; size >= 1; ) {
        const { bytesWritten } = await file.write(Buffer.alloc(size, 0x20)).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOSPC') throw error;
          return { bytesWritten: 0 };
        });
        if (bytesWritten < size) size >>= 1;
      }
    } finally {
      await file.close();
    }
  }

  async free(): Promise<void> {
    await rm(this.#filler, { force: true });
  }

  /** Whoever has files open there keeps them. */
  async unmount(): Promise<void> {
    await run('umount', '--lazy', this.#dir);
  }

  get #filler(): string {
    return join(this.#dir, 'filler');
  }
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await exec.run(program, args);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr.trim()}`);
}
