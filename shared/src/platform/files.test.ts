import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FakeFiles, PowerCut } from './fake-files.ts';
import { type Files, SystemFiles } from './files.ts';

const root = mkdtempSync(join(tmpdir(), 'flotilla-files-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const fake = async (): Promise<{ files: Files; dir: string }> => {
  const files = new FakeFiles();
  await files.mkdir('/d');
  return { files, dir: '/d' };
};
const real = async (): Promise<{ files: Files; dir: string }> => ({ files: new SystemFiles(), dir: mkdtempSync(join(root, 'd-')) });

describe.each([
  ['SystemFiles', real],
  ['FakeFiles', fake],
])('%s', (_, make) => {
  it('reads what was written, and nothing where nothing is', async () => {
    const { files, dir } = await make();
    await files.mkdir(join(dir, 'a/b'), { mode: 0o700 });
    await files.writeAtomic(join(dir, 'a/b/one'), 'first', { mode: 0o600 });
    await files.writeAtomic(join(dir, 'a/b/one'), Buffer.from('second'), { mode: 0o600 });
    await files.write(join(dir, 'a/b/two'), '2', { mode: 0o666 });
    expect(await files.readText(join(dir, 'a/b/one'))).toBe('second');
    expect(await files.readBytes(join(dir, 'a/b/two'))).toEqual(Buffer.from('2'));
    expect(await files.readText(join(dir, 'none'))).toBeUndefined();
    expect(await files.readText(join(dir, 'a/b/one/under'))).toBeUndefined();
    expect(await files.list(join(dir, 'a/b'))).toEqual(['one', 'two']);
    expect(await files.list(join(dir, 'none'))).toEqual([]);
    expect(await files.stat(join(dir, 'a/b/one'))).toMatchObject({ kind: 'file', mode: 0o600, size: 6 });
    expect(await files.stat(join(dir, 'a/b/two'))).toMatchObject({ mode: 0o666 });
    expect(await files.stat(join(dir, 'a/b'))).toMatchObject({ kind: 'directory', mode: 0o700 });
    await expect(files.write(join(dir, 'no/such/dir'), '')).rejects.toMatchObject({ code: 'ENOENT' });
    await files.remove(join(dir, 'a'));
    await files.remove(join(dir, 'a'));
    expect(await files.list(dir)).toEqual([]);
  });

  it('swaps a link, and reads through it', async () => {
    const { files, dir } = await make();
    await files.mkdir(join(dir, '..1'));
    await files.write(join(dir, '..1/key'), 'value');
    await files.symlink('..1', join(dir, '..data_tmp'));
    await files.rename(join(dir, '..data_tmp'), join(dir, '..data'));
    await files.symlink('..data/key', join(dir, 'key'));
    expect(await files.readText(join(dir, 'key'))).toBe('value');
    expect(await files.readlink(join(dir, 'key'))).toBe('..data/key');
    expect(await files.readlink(join(dir, 'other'))).toBeUndefined();
    expect(await files.stat(join(dir, 'key'))).toMatchObject({ kind: 'file' });
    expect(await files.stat(join(dir, 'key'), { followLinks: false })).toMatchObject({ kind: 'symlink' });
    expect(await files.realPath(join(dir, 'key'))).toBe(await files.realPath(join(dir, '..1/key')));
    expect(await files.realPath(join(dir, 'other'))).toBeUndefined();
    expect((await files.space(dir)).bytes).toBeGreaterThan(0);
    await expect(files.symlink('x', join(dir, 'key'))).rejects.toMatchObject({ code: 'EEXIST' });
    await files.remove(join(dir, '..data'));
    expect(await files.readText(join(dir, '..1/key'))).toBe('value');
    expect(await files.stat(join(dir, 'key'))).toBeUndefined();
  });
});

describe('FakeFiles', () => {
  it('loses at a power cut what was not synced, and an atomic write is whole at every step', async () => {
    for (let step = 0; step <= 4; step++) {
      const files = new FakeFiles();
      await files.mkdir('/d');
      await files.writeAtomic('/d/f', 'old');
      await files.write('/d/loose', 'loose');
      files.cutAfter(step);
      const write = files.writeAtomic('/d/f', 'new');
      if (step < 4) await expect(write).rejects.toThrow(PowerCut);
      else await write;
      if (step < 4) await expect(files.readText('/d/f')).rejects.toThrow(PowerCut);
      files.restore();
      expect(await files.readText('/d/f')).toBe(step < 4 ? 'old' : 'new');
      expect((await files.readText('/d/loose')) ?? '').toBe('');
    }
  });

  it('brings back after a cut what was removed without sync, and keeps all when only the process died', async () => {
    const files = new FakeFiles();
    await files.mkdir('/d/e');
    await files.writeAtomic('/d/e/f', 'x');
    await files.remove('/d/e');
    files.restore();
    expect(await files.readText('/d/e/f')).toBe('x');
    await files.remove('/d/e');
    files.restore({ keepUnsynced: true });
    expect(await files.readText('/d/e/f')).toBeUndefined();
  });

  it('is full at its capacity and not before', async () => {
    const files = new FakeFiles();
    files.capacityBytes = 4;
    await files.write('/a', '1234');
    await expect(files.write('/b', '5')).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await files.readText('/a')).toBe('1234');
  });
});
