import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openByteSource } from './byte-source.ts';
import { SystemExec } from './exec.ts';
import { SeededRandom } from './random.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'byte-source-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const content = Buffer.concat([new SeededRandom(1).bytes(300_000), Buffer.alloc(2_000_000)]);
const packers: Readonly<Record<string, () => Promise<Buffer>>> = {
  none: async () => content,
  gzip: async () => gzipSync(content),
  zstd: async () => zstdCompressSync(content, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
  xz: async () => {
    const packed = await new SystemExec().run('xz', ['-c', '-0'], { input: content, maxOutputBytes: 4 << 20 });
    expect(packed.code).toBe(0);
    return packed.stdout;
  },
};

async function all(path: string): Promise<Buffer> {
  const { pieces } = await openByteSource(path);
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(Buffer.from(piece));
  return Buffer.concat(parts);
}

test.for(Object.keys(packers))('%s: what went in comes out; a truncated or damaged file is an error', async (kind) => {
  const packed = (await packers[kind]?.()) ?? Buffer.alloc(0);
  const path = join(dir, kind);
  await writeFile(path, packed);
  expect((await openByteSource(path)).compression).toBe(kind);
  expect((await all(path)).equals(content)).toBe(true);
  if (kind === 'none') return;
  await writeFile(path, packed.subarray(0, packed.length - 1000));
  await expect(all(path).then(({ length }) => length)).rejects.toThrow();
  const damaged = Buffer.from(packed);
  damaged.fill(0xff, 100_000, 100_400);
  await writeFile(path, damaged);
  await expect(all(path).then(({ length }) => length)).rejects.toThrow();
});

test('the size is known where the file says it', async () => {
  await writeFile(join(dir, 'raw'), content);
  expect((await openByteSource(join(dir, 'raw'))).sizeBytes).toBe(content.length);
  for (const size of [100, 40_000, 70_000, 3_000_000]) {
    await writeFile(join(dir, 'sized'), zstdCompressSync(Buffer.alloc(size)));
    const { sizeBytes } = await openByteSource(join(dir, 'sized'));
    expect([undefined, size]).toContain(sizeBytes);
  }
});

test('who stops reading early leaves nothing behind', async () => {
  const path = join(dir, 'early');
  await writeFile(path, (await packers['xz']?.()) ?? '');
  const { pieces } = await openByteSource(path);
  for await (const piece of pieces) {
    expect(piece.length).toBeGreaterThan(0);
    break;
  }
});
