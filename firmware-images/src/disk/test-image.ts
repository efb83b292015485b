import { FakeDisk, type FakeDisks } from '@flotilla/shared/platform/fake-disks.js';
import { FatVolume } from '#fat/fat-volume.ts';
import { guidPartitionTable, masterBootRecord, type TableSpec, tableBytes } from './partition-table.ts';

const mib = 1 << 20;

export const testTable: TableSpec = {
  diskBytes: 48 * mib,
  diskId: '11111111-2222-4333-8444-555555555555',
  partitions: [
    { type: 'esp', startBytes: tableBytes, sizeBytes: 36 * mib, name: 'boot', id: '22222222-2222-4333-8444-555555555555' },
    { type: 'linux', startBytes: 37 * mib, sizeBytes: 10 * mib, name: 'root', id: '33333333-2222-4333-8444-555555555555' },
  ],
};

/** A card image as small as one can be, for tests. */
export async function testImage(disks: FakeDisks, path: string, kind: 'gpt' | 'mbr' = 'gpt'): Promise<FakeDisk> {
  const made = disks.add(path, new FakeDisk(testTable.diskBytes));
  const disk = await disks.open(path, { write: true });
  const { head, tail } = guidPartitionTable(testTable);
  if (kind === 'gpt') {
    await disk.write(head, 0);
    await disk.write(tail, testTable.diskBytes - tail.length);
  } else
    await disk.write(
      masterBootRecord({
        ...testTable,
        partitions: testTable.partitions.map((one) => ({ ...one, type: one.type === 'esp' ? 'fat' : one.type })),
      }),
      0,
    );
  const volume = await FatVolume.format(disk, { startBytes: tableBytes, sizeBytes: 36 * mib, label: 'FLOTILLA', serial: 1 }, 0);
  await volume.writeFile('EFI/BOOT/BOOTX64.EFI', Buffer.alloc(70_000, 0x4d), 0);
  await disk.close();
  return made;
}
