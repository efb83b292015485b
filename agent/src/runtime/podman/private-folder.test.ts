import { chown, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { privateFolder } from './private-folder.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-private-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('makes a folder for this user alone', async () => {
  await privateFolder(join(dir, 'a/b'));
  expect((await stat(join(dir, 'a'))).mode & 0o777).toBe(0o700);
  await privateFolder(join(dir, 'a/b'));
});

test('refuses a folder that another user made first', async () => {
  const { uid } = await stat(dir);
  // Root can make another user's folder; an ordinary user is another user to itself.
  if (uid === 0) await chown(dir, 4242, -1);
  await expect(privateFolder(join(dir, 'a'), uid === 0 ? 0 : uid + 1)).rejects.toMatchObject({
    reason: 'Unavailable',
    message: expect.stringContaining('belongs to another user'),
  });
});
