import { dirname, join } from 'node:path';
import type { Files } from '@flotilla/shared/platform/files.js';

export interface PayloadFile {
  readonly data: Buffer;
  readonly mode: number;
}

/** By path relative to the volume. */
export type Payload = ReadonlyMap<string, PayloadFile>;

const dataLink = '..data';
const nextLink = '..data_tmp';

/**
 * Writes a volume so that a reader sees all of the old content or all of the new (after Kubernetes' `pkg/volume/util/atomic_writer.go`):
 * the files lie in a directory of their own, `..data` leads to it and is swapped in one rename, and each visible name leads through
 * `..data`. Does not touch the disk when nothing changed.
 * @param stamp names the new directory; must not have been used in this volume before
 * @param gid the group that shall own the files
 * @returns whether the content changed
 */
export async function writePayload(files: Files, dir: string, payload: Payload, stamp: string, gid = -1): Promise<boolean> {
  for (const path of payload.keys()) checkRelative(path);
  const before = await files.readlink(join(dir, dataLink));
  if (before !== undefined && (await same(files, join(dir, before), payload))) {
    await finish(files, dir, payload, before);
    return false;
  }
  const fresh = before === `..${stamp}` ? `..${stamp}_` : `..${stamp}`;
  await files.remove(join(dir, fresh));
  await files.mkdir(join(dir, fresh), { mode: 0o755 });
  for (const [path, { data, mode }] of payload) {
    const target = join(dir, fresh, path);
    await files.mkdir(dirname(target), { mode: 0o755 });
    await files.write(target, data, { mode });
    if (gid >= 0) await giveTo(files, target, gid, mode);
  }
  await files.remove(join(dir, nextLink));
  await files.symlink(fresh, join(dir, nextLink));
  await files.rename(join(dir, nextLink), join(dir, dataLink));
  await finish(files, dir, payload, fresh);
  return true;
}

/** An ordinary user may give a file only to groups of their own: elsewhere the group stays as it is. */
export async function giveTo(files: Files, path: string, gid: number, mode: number): Promise<void> {
  try {
    await files.chown(path, -1, gid);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) throw error;
  }
  // A change of the group clears the set-id bits.
  await files.chmod(path, mode);
}

/** Makes the visible names right and clears what an earlier content, or a crash, left. */
async function finish(files: Files, dir: string, payload: Payload, current: string): Promise<void> {
  const wanted = new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path));
  const there = (await files.list(dir)).filter((name) => !name.startsWith('..'));
  for (const name of there) if (!wanted.has(name)) await files.remove(join(dir, name));
  for (const name of wanted) if (!there.includes(name)) await files.symlink(join(dataLink, name), join(dir, name));
  for (const name of await files.list(dir)) {
    if (name.startsWith('..') && name !== current && name !== dataLink) await files.remove(join(dir, name));
  }
}

async function same(files: Files, dir: string, payload: Payload): Promise<boolean> {
  if ((await countFiles(files, dir)) !== payload.size) return false;
  for (const [path, { data, mode }] of payload) {
    const target = join(dir, path);
    if ((await files.stat(target))?.mode !== mode || !(await files.readBytes(target))?.equals(data)) return false;
  }
  return true;
}

async function countFiles(files: Files, dir: string): Promise<number> {
  let count = 0;
  for (const name of await files.list(dir)) {
    const path = join(dir, name);
    count += (await files.stat(path, { followLinks: false }))?.kind === 'directory' ? await countFiles(files, path) : 1;
  }
  return count;
}

/** The API checked it already; a path that leaves the volume must not be written whoever asks. */
function checkRelative(path: string): void {
  const parts = path.split('/');
  if (path === '' || path.startsWith('..') || parts.some((part) => part === '' || part === '..' || part === '.')) {
    throw new Error(`invalid path ${JSON.stringify(path)} in a volume`);
  }
}
