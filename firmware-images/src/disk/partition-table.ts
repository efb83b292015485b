import { crc32 } from 'node:zlib';
import { type Disk, readExactly } from '@flotilla/shared/platform/disks.js';

export const sectorBytes = 512;
/** Room that every layout leaves at both ends for the table. */
export const tableBytes = 1 << 20;
const entryCount = 128;
const entryBytes = 128;

/** What partitions are for, with the codes that both kinds of table have for it (UEFI 2.10, 5.3.3; Discoverable Partitions Specification). */
export const partitionTypes = {
  esp: { guid: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b', mbr: 0xef },
  fat: { guid: 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7', mbr: 0x0c },
  linux: { guid: '0fc63daf-8483-4772-8e79-3d69d8477de4', mbr: 0x83 },
} as const;
export type PartitionType = keyof typeof partitionTypes;

export interface Partition {
  readonly type: PartitionType | 'other';
  readonly startBytes: number;
  readonly sizeBytes: number;
  /** Empty in an MBR, which has no names. */
  readonly name: string;
}

export interface PartitionTable {
  readonly kind: 'gpt' | 'mbr';
  readonly partitions: readonly Partition[];
}

export interface TableSpec {
  readonly diskBytes: number;
  /** GPT: the disk's GUID. MBR: its first eight hex digits are the signature. */
  readonly diskId: string;
  readonly partitions: readonly {
    readonly type: PartitionType;
    readonly startBytes: number;
    readonly sizeBytes: number;
    readonly name: string;
    readonly id: string;
  }[];
}

/** @throws Error when there is no valid table */
export async function readPartitionTable(disk: Disk): Promise<PartitionTable> {
  const head = Buffer.alloc(34 * sectorBytes);
  const read = await disk.readInto(head, 0);
  if (read < sectorBytes || head.readUInt16LE(510) !== 0xaa55)
    throw new Error('there is no partition table: is it a disk image, and not compressed?');
  const entries = [0, 1, 2, 3].map((index) => head.subarray(446 + index * 16, 462 + index * 16));
  const kind = entries.some((entry) => entry[4] === 0xee) ? 'gpt' : 'mbr';
  const partitions = kind === 'gpt' ? await gptPartitions(disk, head) : mbrPartitions(entries);
  for (const { startBytes, sizeBytes } of partitions) {
    if (startBytes + sizeBytes > disk.sizeBytes)
      throw new Error(`a partition ends at byte ${startBytes + sizeBytes}, the disk at ${disk.sizeBytes}: it is truncated`);
  }
  return { kind, partitions };
}

/** The partition that the firmware starts from, which holds the settings. @throws Error when there is none */
export function bootPartition({ partitions }: PartitionTable): Partition {
  const found = partitions.find(({ type }) => type === 'esp') ?? partitions.find(({ type }) => type === 'fat');
  if (!found) throw new Error('there is no boot partition (EFI system or FAT32): it is no image of Flotilla');
  return found;
}

async function gptPartitions(disk: Disk, head: Buffer): Promise<Partition[]> {
  const header = head.subarray(sectorBytes, 2 * sectorBytes);
  const length = header.readUInt32LE(12);
  const checked = Buffer.from(header.subarray(0, Math.min(Math.max(length, 92), sectorBytes)));
  const expected = checked.readUInt32LE(16);
  checked.writeUInt32LE(0, 16);
  if (header.toString('latin1', 0, 8) !== 'EFI PART' || crc32(checked) !== expected) throw new Error('the GUID partition table is damaged');
  const [count, size] = [header.readUInt32LE(80), header.readUInt32LE(84)];
  if (size !== entryBytes || count > 1024) throw new Error('the GUID partition table has entries of an unknown form');
  const table = await readExactly(disk, Number(header.readBigUInt64LE(72)) * sectorBytes, count * size);
  if (crc32(table) !== header.readUInt32LE(88)) throw new Error('the entries of the GUID partition table are damaged');
  return Array.from({ length: count }, (_, index) => table.subarray(index * size, (index + 1) * size))
    .filter((entry) => entry.subarray(0, 16).some((byte) => byte !== 0))
    .map((entry) => {
      const [first, last] = [Number(entry.readBigUInt64LE(32)), Number(entry.readBigUInt64LE(40))];
      const name = entry.toString('utf16le', 56, 128).replace(/\0.*$/s, '');
      return { type: typeOf('guid', guidText(entry)), startBytes: first * sectorBytes, sizeBytes: (last - first + 1) * sectorBytes, name };
    });
}

function mbrPartitions(entries: readonly Buffer[]): Partition[] {
  return entries
    .filter((entry) => entry[4] !== 0)
    .map((entry) => {
      const type = entry[4] === 0x0b ? 'fat' : typeOf('mbr', entry[4] ?? 0);
      return { type, startBytes: entry.readUInt32LE(8) * sectorBytes, sizeBytes: entry.readUInt32LE(12) * sectorBytes, name: '' };
    });
}

function typeOf(kind: 'guid' | 'mbr', code: string | number): PartitionType | 'other' {
  const found = Object.entries(partitionTypes).find(([, codes]) => codes[kind] === code);
  return (found?.[0] as PartitionType | undefined) ?? 'other';
}

/** The bytes of a GUID partition table: the first 34 sectors of the disk and its last 33. */
export function guidPartitionTable(spec: TableSpec): { readonly head: Buffer; readonly tail: Buffer } {
  const sectors = spec.diskBytes / sectorBytes;
  const table = Buffer.alloc(entryCount * entryBytes);
  for (const [index, { type, startBytes, sizeBytes, name, id }] of spec.partitions.entries()) {
    const entry = table.subarray(index * entryBytes, (index + 1) * entryBytes);
    guidBytes(partitionTypes[type].guid).copy(entry, 0);
    guidBytes(id).copy(entry, 16);
    entry.writeBigUInt64LE(BigInt(startBytes / sectorBytes), 32);
    entry.writeBigUInt64LE(BigInt((startBytes + sizeBytes) / sectorBytes - 1), 40);
    entry.write(name.slice(0, 35), 56, 'utf16le');
  }
  const header = (own: number, other: number, entries: number): Buffer => {
    const sector = Buffer.alloc(sectorBytes);
    sector.write('EFI PART', 0, 'latin1');
    sector.writeUInt32LE(0x10000, 8);
    sector.writeUInt32LE(92, 12);
    for (const [at, value] of [
      [24, own],
      [32, other],
      [40, 34],
      [48, sectors - 34],
      [72, entries],
    ] as const)
      sector.writeBigUInt64LE(BigInt(value), at);
    guidBytes(spec.diskId).copy(sector, 56);
    sector.writeUInt32LE(entryCount, 80);
    sector.writeUInt32LE(entryBytes, 84);
    sector.writeUInt32LE(crc32(table), 88);
    sector.writeUInt32LE(crc32(sector.subarray(0, 92)), 16);
    return sector;
  };
  const protective = mbrSector([{ code: 0xee, start: 1, count: Math.min(sectors - 1, 0xffff_ffff) }], 0);
  return {
    head: Buffer.concat([protective, header(1, sectors - 1, 2), table]),
    tail: Buffer.concat([table, header(sectors - 1, 1, sectors - 33)]),
  };
}

/** The first sector of a disk with a table as PCs and Raspberry Pis have had it for long; at most four partitions. */
export function masterBootRecord({ partitions, diskId }: TableSpec): Buffer {
  if (partitions.length > 4) throw new Error('a master boot record has room for four partitions');
  const entries = partitions.map(({ type, startBytes, sizeBytes }) => ({
    code: partitionTypes[type].mbr,
    start: startBytes / sectorBytes,
    count: sizeBytes / sectorBytes,
  }));
  return mbrSector(entries, Number.parseInt(diskId.slice(0, 8), 16));
}

function mbrSector(
  entries: readonly { readonly code: number; readonly start: number; readonly count: number }[],
  signature: number,
): Buffer {
  const sector = Buffer.alloc(sectorBytes);
  sector.writeUInt32LE(signature, 440);
  for (const [index, { code, start, count }] of entries.entries()) {
    const entry = sector.subarray(446 + index * 16, 462 + index * 16);
    // Cylinders, heads and sectors that say: too large to be said so.
    entry.set([0, 0xfe, 0xff, 0xff, code, 0xfe, 0xff, 0xff]);
    entry.writeUInt32LE(start, 8);
    entry.writeUInt32LE(count, 12);
  }
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

/** GUIDs have their first three parts in little-endian order. */
function guidBytes(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

function guidText(entry: Buffer): string {
  const bytes = Buffer.from(entry.subarray(0, 16));
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
