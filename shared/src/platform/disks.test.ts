import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { alignedBuffer, type Disks, readExactly, SystemDisks } from './disks.ts';
import { FakeDisk, FakeDisks } from './fake-disks.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'disks-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const kinds: Readonly<Record<string, () => Promise<{ disks: Disks; path: string }>>> = {
  'a file': async () => {
    const path = join(dir, 'disk');
    await writeFile(path, Buffer.alloc(64 * 1024));
    return { disks: new SystemDisks(), path };
  },
  'the fake': async () => {
    const disks = new FakeDisks();
    disks.add('/disk', new FakeDisk(64 * 1024));
    return { disks, path: '/disk' };
  },
};

test.for(Object.keys(kinds))('%s: bytes at positions, past the page cache or through it', async (kind) => {
  const { disks, path } = (await kinds[kind]?.()) ?? expect.fail(kind);
  for (const direct of [false, true]) {
    const data = alignedBuffer(8192);
    data.fill(direct ? 7 : 9);
    const disk = await disks.open(path, { write: true, direct });
    expect(disk.sizeBytes).toBe(64 * 1024);
    await disk.write(data, 4096);
    await disk.sync();
    const back = alignedBuffer(8192);
    expect(await disk.readInto(back, 4096)).toBe(8192);
    expect(back.equals(data)).toBe(true);
    await disk.close();
  }
  const disk = await disks.open(path, { write: false });
  expect((await readExactly(disk, 4095, 2)).toString('hex')).toBe('0007');
  await expect(readExactly(disk, 64 * 1024 - 1, 2)).rejects.toThrow('it ends at byte 65536, where 1 more were expected');
  await expect(disk.write(Buffer.alloc(1), 0)).rejects.toMatchObject({ code: 'EBADF' });
  await disk.close();
  await expect(disks.open(`${path}-gone`, { write: false })).rejects.toMatchObject({ code: 'ENOENT' });
});

test('what is no disk is refused', async () => {
  await expect(new SystemDisks().open('/dev/null', { write: false })).rejects.toThrow('neither a file nor a block device');
});
