import { FakeDisk, FakeDisks } from '@flotilla/shared/platform/fake-disks.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bootSectors } from './fat-geometry.ts';
import { FatVolume } from './fat-volume.ts';

const size = 36 << 20;
const spec = { startBytes: 1 << 20, sizeBytes: size, label: 'FLOTILLA', serial: 0x12345678 };
const wallMs = Date.UTC(2026, 0, 2, 3, 4, 6);

async function fresh(): Promise<{ image: FakeDisk; volume: FatVolume; reopen: () => Promise<FatVolume> }> {
  const disks = new FakeDisks();
  const image = disks.add('/card', new FakeDisk(40 << 20));
  const disk = await disks.open('/card', { write: true });
  return { image, volume: await FatVolume.format(disk, spec, wallMs), reopen: () => FatVolume.open(disk, spec.startBytes, size) };
}

const path = fc.constantFrom(
  'flotilla.txt',
  'EFI/BOOT/BOOTX64.EFI',
  'loader/entries/a long name of a file.conf',
  'a.b.c',
  'Überschrift 🚢.txt',
  'x',
);

test('files of any length are read as they were written, whatever was there before', async () => {
  const changes = fc.array(fc.record({ path, length: fc.nat(5000), fill: fc.nat(255) }), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(changes, async (writes) => {
      const { volume, reopen } = await fresh();
      const model = new Map<string, Buffer>();
      for (const { path: name, length, fill } of writes) {
        const data = Buffer.alloc(length, fill);
        await volume.writeFile(name, data, wallMs);
        model.set(name, data);
      }
      const again = await reopen();
      for (const [name, data] of model) expect((await again.readFile(name.toUpperCase()))?.equals(data)).toBe(true);
      const root = await again.list();
      expect(root.sort()).toEqual([...new Set([...model.keys()].map((name) => name.replace(/\/.*/, '/')))].sort());
    }),
    { numRuns: 15 },
  );
});

test('a directory grows past its cluster, and its files keep their names', async () => {
  const { volume, reopen } = await fresh();
  const names = Array.from({ length: 60 }, (_, index) => `a rather long name number ${index}.conf`);
  for (const name of names) await volume.writeFile(`deep/er/${name}`, Buffer.from(name), wallMs);
  const again = await reopen();
  expect(await again.list('deep/er')).toEqual(names);
  for (const name of names) expect((await again.readFile(`deep/er/${name}`))?.toString()).toBe(name);
});

test('the card is pulled at any write: the old file or the new one is there, whole', async () => {
  const old = Buffer.alloc(3000, 1);
  const next = Buffer.alloc(9000, 2);
  for (let cut = 0; ; cut++) {
    const { image, volume, reopen } = await fresh();
    await volume.writeFile('flotilla.txt', old, wallMs);
    let left = cut;
    image.onWrite = () => {
      if (left-- === 0) image.gone = true;
    };
    const done = await volume.writeFile('flotilla.txt', next, wallMs).then(
      () => true,
      () => false,
    );
    image.gone = false;
    image.onWrite = () => {};
    const found = await (await reopen()).readFile('flotilla.txt');
    expect(found?.equals(old) || found?.equals(next)).toBe(true);
    if (done) return expect(cut).toBeGreaterThan(5);
  }
});

test('a full partition takes nothing, and keeps what it had', async () => {
  const { volume, reopen } = await fresh();
  await volume.writeFile('kept.txt', Buffer.from('kept'), wallMs);
  await expect(volume.writeFile('big.bin', Buffer.alloc(size), wallMs)).rejects.toThrow('no room for big.bin');
  await volume.writeFile('after.txt', Buffer.from('after'), wallMs);
  const again = await reopen();
  expect(await again.list()).toEqual(['kept.txt', 'after.txt']);
  expect((await again.readFile('kept.txt'))?.toString()).toBe('kept');
});

test('the same files make the same bytes', async () => {
  const make = async (): Promise<Buffer> => {
    const { image, volume } = await fresh();
    await volume.writeFile('EFI/BOOT/BOOTX64.EFI', Buffer.alloc(5000, 7), wallMs);
    await volume.writeFile('flotilla.txt', Buffer.from('x'), wallMs);
    return image.content(spec.startBytes, 2 << 20);
  };
  expect((await make()).equals(await make())).toBe(true);
});

test('what is damaged is told, not followed', async () => {
  const { image, volume, reopen } = await fresh();
  await volume.writeFile('a.txt', Buffer.alloc(2000, 1), wallMs);
  const fatAt = spec.startBytes + 32 * 512;
  const loop = Buffer.alloc(4);
  // The first cluster of a.txt leads to itself.
  loop.writeUInt32LE(3);
  image.put(loop, fatAt + 3 * 4);
  await expect((await reopen()).readFile('a.txt')).rejects.toThrow('a chain of clusters leads nowhere');
  image.put(Buffer.alloc(512), spec.startBytes);
  await expect(reopen()).rejects.toThrow('no FAT32 file system');
  expect(() => bootSectors({ ...spec, sizeBytes: 16 << 20 })).toThrow('34 MiB');
});

test.for(['a/b?.txt', 'trailing.', '*'])('%s is no name here', async (name) => {
  const { volume } = await fresh();
  await expect(volume.writeFile(name, Buffer.alloc(1), wallMs)).rejects.toThrow('is no name on a FAT file system');
});
