import { type Disk, readExactly } from '@flotilla/shared/platform/disks.js';

/** Fewer clusters would make it FAT16 by definition; programs that go by the count refuse it otherwise. */
const fewestClusters = 65_525;
export const fatSectorBytes = 512;
const reservedSectors = 32;
const mostFatBytes = 64 << 20;

/** Where everything is on a FAT32 file system, in bytes from the beginning of the disk. */
export interface FatGeometry {
  readonly clusterBytes: number;
  /** How many clusters there are; they are numbered from 2. */
  readonly clusters: number;
  readonly fatAt: number;
  readonly fatBytes: number;
  readonly fatCopies: number;
  readonly infoAt: number | undefined;
  readonly dataAt: number;
  readonly rootCluster: number;
}

/** Reads the first sector of a FAT32 file system that begins at a byte of the disk. @throws Error when there is none */
export async function readGeometry(disk: Disk, startBytes: number, sizeBytes: number): Promise<FatGeometry> {
  const boot = await readExactly(disk, startBytes, fatSectorBytes);
  const [sectorSize, perCluster, reserved, copies] = [boot.readUInt16LE(11), boot[13] ?? 0, boot.readUInt16LE(14), boot[16] ?? 0];
  const [fatSectors, sectors, info] = [boot.readUInt32LE(36), boot.readUInt32LE(32), boot.readUInt16LE(48)];
  if (boot.readUInt16LE(510) !== 0xaa55 || boot.readUInt16LE(22) !== 0 || boot.readUInt16LE(17) !== 0 || fatSectors === 0)
    throw new Error('the boot partition has no FAT32 file system');
  const fatBytes = fatSectors * fatSectorBytes;
  const dataSector = reserved + copies * fatSectors;
  const clusters = perCluster === 0 ? 0 : Math.floor((sectors - dataSector) / perCluster);
  const sane =
    sectorSize === fatSectorBytes &&
    copies >= 1 &&
    copies <= 4 &&
    (perCluster & (perCluster - 1)) === 0 &&
    sectors * fatSectorBytes <= sizeBytes;
  if (!sane || clusters < 1 || (clusters + 2) * 4 > fatBytes || fatBytes > mostFatBytes)
    throw new Error('the FAT32 file system of the boot partition is damaged');
  return {
    clusterBytes: perCluster * fatSectorBytes,
    clusters,
    fatAt: startBytes + reserved * fatSectorBytes,
    fatBytes,
    fatCopies: copies,
    infoAt: info > 0 && info < reserved ? startBytes + info * fatSectorBytes : undefined,
    dataAt: startBytes + dataSector * fatSectorBytes,
    rootCluster: boot.readUInt32LE(44),
  };
}

export interface FatSpec {
  readonly startBytes: number;
  readonly sizeBytes: number;
  /** At most eleven capital letters and digits. */
  readonly label: string;
  readonly serial: number;
}

/** The sectors of an empty FAT32 file system up to its first FAT. @throws Error when it is too small to be one */
export function bootSectors({ startBytes, sizeBytes, label, serial }: FatSpec): Buffer {
  const sectors = Math.floor(sizeBytes / fatSectorBytes);
  // As little as goes into 32 bits, and clusters no larger than needed.
  let perCluster = 8;
  while (perCluster > 1 && clustersOf(sectors, perCluster) < fewestClusters) perCluster /= 2;
  while (perCluster < 64 && clustersOf(sectors, perCluster) > 4_000_000) perCluster *= 2;
  if (clustersOf(sectors, perCluster) < fewestClusters) throw new Error(`${sizeBytes} bytes are too few for FAT32: 34 MiB are needed`);
  const bytes = Buffer.alloc(reservedSectors * fatSectorBytes);
  const boot = bytes.subarray(0, fatSectorBytes);
  boot.set([0xeb, 0x58, 0x90]);
  boot.write('MSWIN4.1', 3, 'latin1');
  boot.writeUInt16LE(fatSectorBytes, 11);
  boot[13] = perCluster;
  boot.writeUInt16LE(reservedSectors, 14);
  boot[16] = 2;
  boot[21] = 0xf8;
  boot.writeUInt16LE(63, 24);
  boot.writeUInt16LE(255, 26);
  boot.writeUInt32LE(startBytes / fatSectorBytes, 28);
  boot.writeUInt32LE(sectors, 32);
  boot.writeUInt32LE(fatSectors(sectors, perCluster), 36);
  boot.writeUInt32LE(2, 44);
  boot.writeUInt16LE(1, 48);
  boot.writeUInt16LE(6, 50);
  boot[64] = 0x80;
  boot[66] = 0x29;
  boot.writeUInt32LE(serial >>> 0, 67);
  boot.write(label.padEnd(11), 71, 11, 'latin1');
  boot.write('FAT32   ', 82, 'latin1');
  boot.writeUInt16LE(0xaa55, 510);
  infoSector(clustersOf(sectors, perCluster) - 1, 3).copy(bytes, fatSectorBytes);
  // The copies that repair programs look for.
  bytes.copyWithin(6 * fatSectorBytes, 0, 2 * fatSectorBytes);
  return bytes;
}

/** Hints for who allocates: how many clusters are free, and where to look first. */
export function infoSector(free: number, next: number): Buffer {
  const info = Buffer.alloc(fatSectorBytes);
  info.writeUInt32LE(0x41615252, 0);
  info.writeUInt32LE(0x61417272, 484);
  info.writeUInt32LE(free, 488);
  info.writeUInt32LE(next, 492);
  info.writeUInt32LE(0xaa550000, 508);
  return info;
}

function fatSectors(sectors: number, perCluster: number): number {
  // Room for every cluster that there would be without the FATs: a little more than needed.
  return Math.ceil(((Math.floor((sectors - reservedSectors) / perCluster) + 2) * 4) / fatSectorBytes);
}

function clustersOf(sectors: number, perCluster: number): number {
  return Math.floor((sectors - reservedSectors - 2 * fatSectors(sectors, perCluster)) / perCluster);
}
