import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readPartitionTable } from '@flotilla/firmware-images/disk/partition-table.js';
import { SystemDisks } from '@flotilla/shared/platform/disks.js';

const exec = promisify(execFile);
const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

/** The root file system of a card or an image, which is not mounted for it. */
export class RootFiles {
  readonly #disk: string;

  /** @param disk a block device or a raw image */
  constructor(disk: string) {
    this.#disk = disk;
  }

  /** Symbolic links are not followed. @throws Error when it is not there, or empty */
  async read(path: string): Promise<Buffer> {
    const content = await this.#withDir(async (dir) => {
      await this.#debugfs(`dump ${path} ${dir}/read`);
      return await readFile(join(dir, 'read'));
    });
    if (content.length === 0) throw new Error(`there is no ${path} on ${this.#disk}`);
    return content;
  }

  /** A directory with all that is in it, into one that is made. */
  async copy(path: string, into: string): Promise<void> {
    await mkdir(into, { recursive: true });
    await this.#debugfs(`rdump ${path} ${into}`);
  }

  /** Names in a directory; empty when it is not there. */
  async list(path: string): Promise<string[]> {
    const lines = (await this.#debugfs(`ls -p ${path}`).catch(() => '')).split('\n');
    return lines.map((line) => line.split('/')[5] ?? '').filter((name) => !['', '.', '..'].includes(name));
  }

  /** Where a symbolic link leads; empty when there is none. */
  async link(path: string): Promise<string> {
    return /Fast link dest: "([^"]*)"/.exec(await this.#debugfs(`stat ${path}`).catch(() => ''))?.[1] ?? '';
  }

  /** Adds a file, as a card's owner would: its directory must be there. */
  async add(path: string, text: string): Promise<void> {
    await this.#withDir(async (dir) => {
      await writeFile(join(dir, 'added'), text);
      await this.#debugfs(`write ${dir}/added ${path}`, true);
    });
  }

  /** What `e2fsck -n` says when it is not sound. */
  async check(): Promise<string> {
    return await exec('e2fsck', ['-f', '-n', await this.#place()], { env }).then(
      () => '',
      (error: { stdout?: string; message: string }) => error.stdout || error.message,
    );
  }

  async #place(): Promise<string> {
    const disk = await new SystemDisks().open(this.#disk, { write: false });
    const root = (await readPartitionTable(disk).finally(() => disk.close())).partitions.find(({ type }) => type === 'linux');
    if (!root) throw new Error(`${this.#disk} has no partition for the root file system`);
    return `${this.#disk}?offset=${root.startBytes}`;
  }

  async #debugfs(command: string, write = false): Promise<string> {
    const { stdout, stderr } = await exec('debugfs', [...(write ? ['-w'] : []), '-R', command, await this.#place()], { env });
    // It ends well whatever happens; its own name and version are always there.
    const said = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('debugfs '));
    if (said.length > 0) throw new Error(`debugfs ${command}: ${said.join('; ')}`);
    return stdout;
  }

  async #withDir<T>(work: (dir: string) => Promise<T>): Promise<T> {
    const dir = await mkdtemp(join(tmpdir(), 'flotilla-lab-root-'));
    try {
      return await work(dir);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
}
