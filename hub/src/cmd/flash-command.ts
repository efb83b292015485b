import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { type Drive, driveText, listDrives, refusal, sameDrive } from '@flotilla/firmware-images/flash/drives.js';
import { flashImage } from '@flotilla/firmware-images/flash/flash-image.js';
import { writeSettings } from '@flotilla/firmware-images/provision/configure-image.js';
import { manifestPath } from '@flotilla/firmware-images/provision/sealed-image.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { openByteSource } from '@flotilla/shared/platform/byte-source.js';
import { SystemDisks } from '@flotilla/shared/platform/disks.js';
import { type Exec, SystemExec } from '@flotilla/shared/platform/exec.js';
import { progressScreen } from './flash-screen.ts';
import { fileSettings } from './settings-flags.ts';

export interface FlashCommandOptions {
  readonly device?: readonly string[];
  readonly yes?: boolean;
  readonly fixed?: boolean;
  readonly settings?: string;
}

/** Writes an image to drives and verifies them. @throws Error when nothing was begun, or a drive does not hold the image in the end */
export async function flashCommand(path: string, options: FlashCommandOptions): Promise<void> {
  // One for each drive that hangs in a write, before the first of them is needed.
  process.env['UV_THREADPOOL_SIZE'] ??= '16';
  const file = fromHere(path);
  const [clock, exec, disks] = [new SystemClock(), new SystemExec(), new SystemDisks()];
  const values = options.settings ? fileSettings(fromHere(options.settings)) : undefined;
  const source = await openByteSource(file);
  const known = manifestOf(file);
  const sizeBytes = source.sizeBytes ?? known?.sizeBytes;
  const drives = await chosen(exec, options, sizeBytes);
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  // Timers of the clock do not keep the process; a drive that hangs must not end it.
  const alive = setInterval(() => {}, 60_000);
  const screen = progressScreen();
  const result = await flashImage({
    disks,
    clock,
    source: { sizeBytes, pieces: source.pieces },
    paths: drives.map((drive) => drive.path),
    expectedDigest: known?.blocks?.sha256,
    dropCaches: async (device) => void (await exec.run('blockdev', ['--flushbufs', device])),
    swapped: async (device) => {
      const before = drives.find((drive) => drive.path === device);
      const now = (await listDrives(exec)).find((drive) => drive.path === device);
      if (!before || !now) return 'it is gone: was it pulled out?';
      return sameDrive(before, now) ? undefined : `another drive is there now: ${driveText(now)}`;
    },
    signal: stopping.signal,
    onProgress: (progress) => screen.show(progress, clock.monotonicMs()),
  });
  clearInterval(alive);
  screen.end();
  const good = result.drives.filter(({ error }) => error === undefined);
  for (const drive of good) {
    if (values) await writeSettings({ disks, clock }, drive.path, values);
    // So that the partitions can be seen; it is no fault when nobody needs to.
    await exec.run('blockdev', ['--rereadpt', drive.path]);
    const rate = (ms: number): string => `${(result.imageBytes / 1000 / Math.max(ms, 1)).toFixed(1)} MB/s`;
    const { writing, verifying } = drive.tookMs;
    process.stdout.write(`${drive.path}: written (${rate(writing)}) and verified (${rate(verifying)}); it may be taken out\n`);
  }
  const failed = result.drives.filter(({ error }) => error !== undefined);
  if (failed.length > 0)
    throw new Error(failed.map(({ path: device, error }) => `${device} does not hold the image and will not start: ${error}`).join('\n'));
}

interface Manifest {
  readonly sizeBytes?: number;
  readonly blocks?: { readonly sha256?: string };
}

/** What the builder put beside the image. */
function manifestOf(file: string): Manifest | undefined {
  const manifest = manifestPath(file);
  return existsSync(manifest) ? (JSON.parse(readFileSync(manifest, 'utf8')) as Manifest) : undefined;
}

async function chosen(
  exec: Exec,
  { device = [], yes, fixed = false }: FlashCommandOptions,
  imageBytes: number | undefined,
): Promise<Drive[]> {
  const all = await listDrives(exec);
  const wanted = { imageBytes, fixed };
  if (device.length === 0) {
    if (yes) throw new Error('--yes needs the exact drive: --device /dev/…');
    const removable = all.filter((drive) => drive.removable);
    const lines = removable.map((drive) => `  ${driveText(drive)}${suffix(refusal(drive, wanted))}`);
    const found = lines.length > 0 ? `removable drives:\n${lines.join('\n')}` : 'there is no removable drive';
    if (!process.stdin.isTTY) throw new Error(`which drive? Name it with --device; ${found}`);
    process.stderr.write(`${found}\n`);
    const answer = (await asked('Write to which (paths, with spaces between)? ')).split(/\s+/).filter((word) => word !== '');
    if (answer.length === 0) throw new Error('nothing was written');
    return await confirmed(named(all, answer, wanted), false);
  }
  return await confirmed(named(all, device, wanted), yes ?? false);
}

function named(all: readonly Drive[], paths: readonly string[], wanted: Parameters<typeof refusal>[1]): Drive[] {
  const found = [...new Set(paths)].map((path) => {
    // Also by what links to it: /dev/disk/by-id/…
    const real = existsSync(path) ? realpathSync(path) : path;
    const drive = all.find((one) => one.path === real);
    if (!drive) throw new Error(`${path} is no drive of this machine`);
    const why = refusal(drive, wanted);
    if (why) throw new Error(`${path}: ${why}`);
    return drive;
  });
  return [...new Map(found.map((drive) => [drive.path, drive])).values()];
}

async function confirmed(drives: Drive[], yes: boolean): Promise<Drive[]> {
  process.stderr.write(`${drives.map((drive) => `will be overwritten: ${driveText(drive)}`).join('\n')}\n`);
  if (yes) return drives;
  if (!process.stdin.isTTY) throw new Error('nobody can be asked here; say --yes');
  if ((await asked('Everything on it is lost. Go on? [yes/no] ')) !== 'yes') throw new Error('nothing was written');
  return drives;
}

async function asked(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(question)).trim();
  } finally {
    lines.close();
  }
}

function suffix(why: string | undefined): string {
  return why ? ` (${why})` : '';
}

function fromHere(path: string): string {
  return resolve(process.env['INIT_CWD'] ?? process.cwd(), path);
}
