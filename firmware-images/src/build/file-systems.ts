import { basename, join } from 'node:path';
import type { Disks } from '@flotilla/shared/platform/disks.js';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { setExt4Times } from './ext4-times.ts';

const mib = 1 << 20;

export interface RootImageOptions {
  /** The root file system as tars, laid over each other. */
  readonly tars: readonly string[];
  /** An empty directory to work in. */
  readonly dir: string;
  readonly out: string;
  readonly uuid: string;
  readonly epochSeconds: number;
  readonly sizeMib?: number | undefined;
  readonly spareMib?: number | undefined;
  /** Files of the tar that are needed apart from it: paths, where `*` stands for any part of a name. */
  readonly wanted: readonly string[];
}

export interface RootImage {
  readonly sizeMib: number;
  /** By what was wanted, then by name, sorted. */
  readonly wanted: ReadonlyMap<string, ReadonlyMap<string, Buffer>>;
  readonly dpkgStatus: string;
  /** By package. */
  readonly copyrights: ReadonlyMap<string, string>;
}

interface Doors {
  readonly exec: Exec;
  readonly files: Files;
  readonly disks: Disks;
}

/** Makes an ext4 file system out of a tar, with the owners that it names and without root: the same tar makes the same bytes. */
export async function makeRootImage(doors: Doors, options: RootImageOptions): Promise<RootImage> {
  const { exec, files } = doors;
  const tree = join(options.dir, 'tree');
  await files.mkdir(tree);
  const size =
    options.sizeMib ??
    `$(( $(find . -printf '%s\\n' | awk '{ s += int(($1 + 4095) / 4096) * 4 + 1 } END { print int(s / 1024 * 1.06) + 1 }') + ${options.spareMib ?? 64} ))`;
  // In one run under fakeroot: it knows whose files are whose only as long as it lives.
  const script = [
    'set -e',
    ...options.tars.map((tar) => `tar --extract --numeric-owner --preserve-permissions --file ${tar} --directory ${tree} --exclude=./dev`),
    `cd ${tree}; mkdir -p dev proc sys run tmp boot/firmware; chmod 755 .`,
    // Packages that put kernels there find the boot partition mounted on a board; here it would be lost room under the mount.
    'find boot/firmware -mindepth 1 -delete',
    `find . -newermt @${options.epochSeconds} -print0 | xargs -0 -r touch --no-dereference --date=@${options.epochSeconds}`,
    `size=${size}; truncate --size "$size"M ${options.out}`,
    ext4Command({ ...options, label: 'flotilla-root', from: '.' }),
  ].join('\n');
  const made = await shell(exec, script, options.epochSeconds, process.getuid?.() !== 0);
  if (made.code !== 0) throw new Error(`the root file system could not be packed: ${made.stderr.slice(-2000)}`);
  const disk = await doors.disks.open(options.out, { write: true });
  await setExt4Times(disk, options.epochSeconds);
  await disk.close();
  const wanted = new Map<string, ReadonlyMap<string, Buffer>>();
  for (const path of options.wanted) wanted.set(path, await fittingFiles(files, tree, path));
  const copyrights = new Map<string, string>();
  const docs = join(tree, 'usr/share/doc');
  for (const name of await files.list(docs))
    copyrights.set(name, (await files.readText(join(docs, name, 'copyright')).catch(() => undefined)) ?? '');
  const dpkgStatus = (await files.readText(join(tree, 'var/lib/dpkg/status'))) ?? '';
  await files.remove(tree);
  return { sizeMib: disk.sizeBytes / mib, wanted, dpkgStatus, copyrights };
}

/** An empty one, for what the board keeps. */
export async function makeDataImage(
  { exec, disks }: Doors,
  options: { readonly out: string; readonly uuid: string; readonly epochSeconds: number; readonly sizeMib: number },
): Promise<void> {
  const script = `set -e\ntruncate --size ${options.sizeMib}M ${options.out}\n${ext4Command({ ...options, label: 'flotilla-data', from: undefined })}`;
  const { code, stderr } = await shell(exec, script, options.epochSeconds, false);
  if (code !== 0) throw new Error(`the data file system could not be made: ${stderr}`);
  const disk = await disks.open(options.out, { write: true });
  await setExt4Times(disk, options.epochSeconds);
  await disk.close();
}

/** Checksums over metadata would have to be made anew after the times are set: the board turns them on when it grows the file system. */
function ext4Command({
  out,
  uuid,
  label,
  from,
}: {
  readonly out: string;
  readonly uuid: string;
  readonly label: string;
  readonly from: string | undefined;
}): string {
  const tree = from === undefined ? '' : ` -d ${from}`;
  return `mke2fs -q -F -t ext4 -O ^metadata_csum -U ${uuid} -E hash_seed=${uuid},lazy_itable_init=0,lazy_journal_init=0 -L ${label} -m 1${tree} ${out}`;
}

function shell(exec: Exec, script: string, epochSeconds: number, fake: boolean): ReturnType<Exec['run']> {
  const env = {
    PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
    LC_ALL: 'C.UTF-8',
    SOURCE_DATE_EPOCH: String(epochSeconds),
    E2FSPROGS_FAKE_TIME: String(epochSeconds),
  };
  const [command = 'sh', ...args] = [...(fake ? ['fakeroot', '--'] : []), 'sh', '-c', script];
  return exec.run(command, args, { env, timeoutMs: 30 * 60_000 });
}

async function fittingFiles(files: Files, tree: string, path: string): Promise<Map<string, Buffer>> {
  let found = [tree];
  for (const part of path.split('/').filter((one) => one !== '')) {
    const form = new RegExp(`^${part.replaceAll(/[^\w*]/g, '\\$&').replaceAll('*', '.*')}$`);
    const below = await Promise.all(
      found.map(async (dir) => (await files.list(dir)).filter((name) => form.test(name)).map((name) => join(dir, name))),
    );
    found = below.flat();
  }
  const contents = new Map<string, Buffer>();
  for (const file of found) {
    const content = await files.readBytes(file);
    if (!content) throw new Error(`${file.slice(tree.length)} in the root file system leads nowhere`);
    contents.set(basename(file), content);
  }
  return contents;
}
