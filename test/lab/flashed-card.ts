import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { RootFiles } from './root-files.ts';

const exec = promisify(execFile);
const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

/** A card in a reader: a block device over a sparse file. Wants root. */
export class LoopCard {
  readonly device: string;
  readonly root: RootFiles;
  readonly #dir: string;

  private constructor(dir: string, device: string) {
    this.#dir = dir;
    this.device = device;
    this.root = new RootFiles(device);
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

  async close(): Promise<void> {
    await exec('losetup', ['--detach', this.device], { env });
    await rm(this.#dir, { recursive: true, force: true });
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
      await writeFile(target, await card.root.read(`/usr/${path}`), { mode: 0o755 });
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
