import { join } from 'node:path';
import type { PkiFiles } from './key-store.ts';

/**
 * The names that an operator gave for the serving certificate. Boards reach the hub by them, so they hold at later starts too, until others
 * are given. @param given undefined when nothing is said about them
 */
export async function givenNames(files: PkiFiles, dir: string, given: readonly string[] | undefined): Promise<readonly string[]> {
  const path = join(dir, 'names');
  if (given === undefined) return ((await files.readText(path)) ?? '').split('\n').filter((name) => name !== '');
  await files.mkdir(dir, { mode: 0o700 });
  await files.writeAtomic(path, given.map((name) => `${name}\n`).join(''), { mode: 0o600 });
  return given;
}
