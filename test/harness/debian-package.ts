import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SystemExec } from '@flotilla/shared/platform/exec.js';

const exec = new SystemExec();
const timeoutMs = 120_000;

export interface DebianPackages {
  /** The folder's name in the cache. */
  readonly name: string;
  readonly packages: readonly string[];
  /** Below the folder; where it is, nothing is fetched. */
  readonly file: string;
  /** Throws when what was unpacked in `dir` is of no use. */
  readonly check: (dir: string) => Promise<void>;
}

/** What packages of Debian hold, fetched once through apt and kept in the user's cache without being installed: the folder. @throws Error */
export async function debianPackages({ name, packages, file, check }: DebianPackages): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'flotilla');
  const kept = join(cache, `${name}-${process.arch}`);
  if (existsSync(join(kept, file))) return kept;
  await mkdir(cache, { recursive: true });
  const dir = await mkdtemp(join(cache, 'fetching-'));
  try {
    const fetched = (): Promise<void> => run(dir, 'apt-get', 'download', '-qq', ...packages);
    // The lists of a machine that was just made are empty.
    await fetched().catch(async () => {
      await run(dir, 'apt-get', 'update', '-qq');
      await fetched();
    });
    const unpacked = join(dir, 'unpacked');
    for (const archive of (await readdir(dir)).filter((one) => one.endsWith('.deb')))
      await run(dir, 'dpkg-deb', '--extract', archive, unpacked);
    await check(unpacked);
    // Whoever was first has the same.
    await rename(unpacked, kept).catch(() => {});
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  if (!existsSync(join(kept, file))) throw new Error(`${join(kept, file)} is not there`);
  return kept;
}

/** @throws Error with what it said, unless it ends with 0 */
export async function run(cwd: string, program: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await exec.run(program, args, { cwd, timeoutMs });
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr.trim()}`);
}
