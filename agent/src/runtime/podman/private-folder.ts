import { lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RuntimeError } from '../types.ts';

/** Root, and who root's files belong to when seen from a user namespace. */
const trusted = [0, 65_534];

/**
 * Makes a directory for this user alone. Below a place where anybody may write (/tmp), somebody else may have made it first, and
 * would then decide what we talk to.
 * @throws RuntimeError with reason Unavailable when it, or a directory it is in, is another ordinary user's
 */
export async function privateFolder(path: string, uid = process.getuid?.() ?? 0): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  for (let folder = path; ; folder = dirname(folder)) {
    const owner = (await lstat(folder)).uid;
    if (owner !== uid && !trusted.includes(owner)) {
      throw new RuntimeError('Unavailable', `${folder} belongs to another user: it must be removed, or XDG_RUNTIME_DIR name another place`);
    }
    if (folder === dirname(folder)) return;
  }
}
