import { join } from 'node:path';
import { debianPackages, run } from './debian-package.ts';
import { findKubectls } from './kubectl.ts';

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
  const file = 'usr/bin/kubectl';
  const check = (dir: string): Promise<void> => run(dir, join(dir, file), 'version', '--client');
  return join(await debianPackages({ name: 'kubectl-debian', packages: ['kubernetes-client'], file, check }), file);
}
