import { FakeDisks } from '@flotilla/shared/platform/fake-disks.js';
import { expect, test } from 'vitest';
import { bootPartition, guidPartitionTable, masterBootRecord, readPartitionTable } from './partition-table.ts';
import { testImage, testTable } from './test-image.ts';

async function read(disks: FakeDisks): ReturnType<typeof readPartitionTable> {
  return await readPartitionTable(await disks.open('/image', { write: false }));
}

test.for(['gpt', 'mbr'] as const)('what was written is read: %s', async (kind) => {
  const disks = new FakeDisks();
  await testImage(disks, '/image', kind);
  const table = await read(disks);
  expect(table.kind).toBe(kind);
  expect(table.partitions.map(({ startBytes, sizeBytes }) => [startBytes, sizeBytes])).toEqual(
    testTable.partitions.map(({ startBytes, sizeBytes }) => [startBytes, sizeBytes]),
  );
  expect(bootPartition(table)).toMatchObject({ type: kind === 'gpt' ? 'esp' : 'fat', startBytes: 1 << 20 });
  if (kind === 'gpt') expect(table.partitions.map(({ name }) => name)).toEqual(['boot', 'root']);
});

test('a table that is missing, damaged, or of a longer disk is refused', async () => {
  const disks = new FakeDisks();
  const image = await testImage(disks, '/image');
  const { head } = guidPartitionTable(testTable);
  image.put(Buffer.from([1]), 512 + 60);
  await expect(read(disks)).rejects.toThrow('the GUID partition table is damaged');
  image.put(head, 0);
  image.put(Buffer.from([1]), 1024 + 60);
  await expect(read(disks)).rejects.toThrow('the entries of the GUID partition table are damaged');
  image.put(Buffer.alloc(512), 0);
  await expect(read(disks)).rejects.toThrow('there is no partition table');
  const long = { ...testTable, partitions: testTable.partitions.map((one) => ({ ...one, sizeBytes: 1 << 30 })) };
  image.put(guidPartitionTable(long).head, 0);
  await expect(read(disks)).rejects.toThrow('it is truncated');
});

test('a disk without a boot partition is no image of ours; a master boot record has four entries', () => {
  expect(() => bootPartition({ kind: 'mbr', partitions: [] })).toThrow('there is no boot partition');
  const [one] = testTable.partitions;
  if (!one) throw new Error('no partition');
  expect(() => masterBootRecord({ ...testTable, partitions: [one, one, one, one, one] })).toThrow('four partitions');
});
