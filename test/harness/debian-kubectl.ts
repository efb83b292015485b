import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { findKubectls } from './kubectl.ts';

const exec = new SystemExec();
const timeoutMs = 120_000;

/**
 * The newest kubectl on this machine, and beside it the one of Debian 12 (1.20, which knows streams by SPDY only): fetched once through apt,
 * and kept in the user's cache without being installed. Where apt has none, the oldest found.
 */
export async function streamingKubectls(): Promise<{ readonly newest: string; readonly debian: string }> {
  const { newest, oldest } = findKubectls();
  try {
    return { newest, debian: await debianKubectl() };
  } catch (error) {
    process.stderr.write(`cannot fetch Debian's kubectl, ${oldest} speaks SPDY instead: ${(error as Error).message}\n`);
    return { newest, debian: oldest };
  }
}

async function debianKubectl(): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'flotilla');
  const kept = join(cache, `kubectl-debian-${process.arch}`);
  const path = join(kept, 'usr/bin/kubectl');
  if (existsSync(path)) return path;
  await mkdir(cache, { recursive: true });
  const dir = await mkdtemp(join(cache, 'fetching-'));
  try {
    const fetched = (): Promise<boolean> => run(dir, 'apt-get', 'download', '-qq', 'kubernetes-client').then(() => true);
    // The lists of a machine that was just made are empty.
    await fetched().catch(async () => {
      await run(dir, 'apt-get', 'update', '-qq');
      await fetched();
    });
    const archive = (await readdir(dir)).find((name) => name.endsWith('.deb')) ?? '';
    const unpacked = join(dir, 'unpacked');
    await run(dir, 'dpkg-deb', '--extract', archive, unpacked);
    await run(dir, join(unpacked, 'usr/bin/kubectl'), 'version', '--client');
    // Whoever was first has the same.
    await rename(unpacked, kept).catch(() => {});
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  if (!existsSync(path)) throw new Error(`${path} is not there`);
  return path;
}

async function run(cwd: string, program: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await exec.run(program, args, { cwd, timeoutMs });
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr.trim()}`);
}
