import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { readPartitionTable } from '@flotilla/firmware-images/disk/partition-table.js';
import { SystemDisks } from '@flotilla/shared/platform/disks.js';

const exec = promisify(execFile);
const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

/** A card in a reader: a block device over a sparse file. Wants root. */
export class LoopCard {
  readonly device: string;
  readonly #dir: string;

  private constructor(dir: string, device: string) {
    this.#dir = dir;
    this.device = device;
  }

  static async insert(sizeMib: number): Promise<LoopCard> {
    const dir = await mkdtemp(join(tmpdir(), 'flotilla-lab-card-'));
    const file = join(dir, 'card');
    try {
      await writeFile(file, '');
      await truncate(file, sizeMib * 2 ** 20);
      const { stdout } = await exec('losetup', ['--find', '--show', file], { env });
      return new LoopCard(dir, stdout.trim());
    } catch (error) {
      await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }

  /** A file of the root file system. @throws Error when it is not there */
  async read(path: string): Promise<Buffer> {
    const out = join(this.#dir, 'read');
    await this.#debugfs(false, `dump ${path} ${out}`);
    const content = await readFile(out);
    await rm(out);
    if (content.length === 0) throw new Error(`there is no ${path} on ${this.device}`);
    return content;
  }

  /** Adds a file to the root file system, as its owner would: its directory must be there. */
  async add(path: string, text: string): Promise<void> {
    const from = join(this.#dir, 'added');
    await writeFile(from, text);
    await this.#debugfs(true, `write ${from} ${path}`);
    await rm(from);
  }

  async close(): Promise<void> {
    await exec('losetup', ['--detach', this.device], { env });
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #debugfs(write: boolean, command: string): Promise<void> {
    const disk = await new SystemDisks().open(this.device, { write: false });
    const root = (await readPartitionTable(disk).finally(() => disk.close())).partitions.find(({ type }) => type === 'linux');
    if (!root) throw new Error(`${this.device} has no partition for the root file system`);
    const { stderr } = await exec('debugfs', [...(write ? ['-w'] : []), '-R', command, `${this.device}?offset=${root.startBytes}`], {
      env,
    });
    // It ends well whatever happens; its own name and version are always there.
    const said = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('debugfs '));
    if (said.length > 0) throw new Error(`debugfs ${command}: ${said.join('; ')}`);
  }
}

const loaders = {
  amd64: { triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2', folder: 'lib64' },
  arm64: { triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1', folder: 'lib' },
} as const;

/** A container image's one layer of the card's own programs: a shell that can sleep, for the board's architecture. */
export async function shellLayer(card: LoopCard, architecture: keyof typeof loaders): Promise<Buffer> {
  const { triplet, loader, folder } = loaders[architecture];
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-lab-layer-'));
  try {
    const files = {
      'bin/dash': 'bin',
      'bin/sleep': 'bin',
      [`lib/${triplet}/libc.so.6`]: `lib/${triplet}`,
      [`lib/${triplet}/${loader}`]: folder,
    };
    for (const [path, to] of Object.entries(files)) {
      const target = join(dir, to, basename(path));
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, await card.read(`/usr/${path}`), { mode: 0o755 });
    }
    await symlink('dash', join(dir, 'bin/sh'));
    const { stdout } = await exec('tar', ['-C', dir, '--owner=0', '--group=0', '--numeric-owner', '-c', '.'], {
      encoding: 'buffer',
      maxBuffer: 64 << 20,
    });
    return stdout;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
