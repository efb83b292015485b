import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { isThere, ownMark } from '../harness/owner.ts';
import { until } from '../harness/until.ts';

const exec = new SystemExec();
const prefix = 'flotilla-lab-power-';
const diskMegabytes = 192;
/** Room for the disk and its copies. */
const outerMegabytes = 1024;

/**
 * A disk of its own, an ext4 in a file behind a loop device, whose content can be had as a power cut would leave it: what reached the
 * device, without what only the kernel's memory has. Wants root.
 */
export class PowerDisk {
  /** Where it is mounted. */
  readonly mount: string;
  readonly #dir: string;
  readonly #images: string;
  /** The images lie in a btrfs: a copy is made in one moment, whatever is being written. */
  readonly #atomic: boolean;
  #cuts = 0;

  private constructor(dir: string, atomic: boolean) {
    this.#dir = dir;
    this.#images = join(dir, 'images');
    this.mount = join(dir, 'disk');
    this.#atomic = atomic;
  }

  /** Sweeps first what killed runs left. */
  static async open({ atomic }: { readonly atomic: boolean }): Promise<PowerDisk> {
    await sweep();
    const dir = await mkdtemp(join(tmpdir(), prefix));
    await writeFile(join(dir, 'owner'), ownMark);
    const disk = new PowerDisk(dir, atomic);
    try {
      await mkdir(disk.#images);
      if (atomic) {
        const outer = join(dir, 'outer.img');
        await run('truncate', '--size', `${outerMegabytes}M`, outer);
        await run('mkfs.btrfs', '--quiet', outer);
        await run('mount', '-o', 'loop', outer, disk.#images);
      }
      await run('truncate', '--size', `${diskMegabytes}M`, disk.#image);
      await run('mkfs.ext4', '-q', disk.#image);
      await mountImage(disk.#image, disk.mount);
      return disk;
    } catch (error) {
      await disk.close();
      throw error;
    }
  }

  /**
   * The disk as it would be if the power failed now, mounted; `look` finds it there and may write. Without a btrfs the copy takes a while,
   * and what writes to the disk, the process `writer`, is halted meanwhile. `taken` is called when the copy is made.
   */
  async cut<T>(writer: number, taken: () => void, look: (mount: string) => Promise<T>): Promise<T> {
    const image = join(this.#images, `cut-${this.#cuts++}.img`);
    const mount = join(this.#dir, 'cut');
    try {
      if (this.#atomic) await run('cp', '--reflink=always', this.#image, image);
      else await this.#copyHalted(writer, image);
      taken();
      await mountImage(image, mount);
      return await look(mount);
    } finally {
      await unmount(mount);
      await rm(image, { force: true });
    }
  }

  async close(): Promise<void> {
    await removeDisk(this.#dir);
  }

  get #image(): string {
    return join(this.#images, 'disk.img');
  }

  /** A process that stands still writes nothing, and the kernel writes by itself only after seconds. */
  async #copyHalted(writer: number, image: string): Promise<void> {
    process.kill(writer, 'SIGSTOP');
    try {
      await until('the writer stands still', async () => {
        const threads = await readdir(`/proc/${writer}/task`);
        const stats = await Promise.all(threads.map((tid) => readFile(`/proc/${writer}/task/${tid}/stat`, 'utf8')));
        return stats.every((stat) => stat.slice(stat.lastIndexOf(')') + 2).startsWith('T'));
      });
      await run('cp', '--sparse=always', this.#image, image);
    } finally {
      process.kill(writer, 'SIGCONT');
    }
  }
}

async function mountImage(image: string, mount: string): Promise<void> {
  await mkdir(mount, { recursive: true });
  // The kernel's own write-back comes late: what is on the device was put there by a sync. A loop device goes with its mount.
  await run('mount', '-o', 'loop,commit=300', image, mount);
}

const unmount = (mount: string): Promise<unknown> => exec.run('umount', ['--lazy', mount]);

async function removeDisk(dir: string): Promise<void> {
  for (const mount of ['cut', 'disk', 'images']) await unmount(join(dir, mount));
  await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const dir = join(tmpdir(), name);
    const mark = await readFile(join(dir, 'owner'), 'utf8').catch(() => '');
    if (mark !== '' && !(await isThere(mark))) await removeDisk(dir);
  }
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await exec.run(program, args);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr.trim()}`);
}
