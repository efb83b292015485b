import { type Disk, readExactly } from '@flotilla/shared/platform/disks.js';

const incompat64Bit = 0x80;
const compatMetadataChecksums = 0x400;

/**
 * Sets the times of every inode of an ext4 file system that differ from build to build (change, access, creation, and fractions of
 * seconds) to one moment; the times of modification stay as they are to the second. The file system must have no metadata checksums.
 * Layout: Documentation/filesystems/ext4 of Linux. @throws Error when it is no such file system
 */
export async function setExt4Times(disk: Disk, epochSeconds: number): Promise<void> {
  const superblock = await readExactly(disk, 1024, 1024);
  if (superblock.readUInt16LE(56) !== 0xef53) throw new Error('there is no ext4 file system');
  if (superblock.readUInt32LE(100) & compatMetadataChecksums) throw new Error('the file system has checksums over its metadata');
  const blockBytes = 1024 << superblock.readUInt32LE(24);
  const [inodes, perGroup, inodeBytes] = [superblock.readUInt32LE(0), superblock.readUInt32LE(40), superblock.readUInt16LE(88)];
  const wide = (superblock.readUInt32LE(96) & incompat64Bit) !== 0;
  const descriptorBytes = wide ? superblock.readUInt16LE(254) : 32;
  const groups = Math.ceil(inodes / perGroup);
  const table = await readExactly(disk, blockBytes * (superblock.readUInt32LE(20) + 1), groups * descriptorBytes);
  for (let group = 0; group < groups; group++) {
    const at = group * descriptorBytes;
    const block = table.readUInt32LE(at + 8) + (wide ? table.readUInt32LE(at + 40) * 2 ** 32 : 0);
    const content = await readExactly(disk, block * blockBytes, perGroup * inodeBytes);
    for (let index = 0; index < perGroup; index++) setTimes(content.subarray(index * inodeBytes, (index + 1) * inodeBytes), epochSeconds);
    await disk.write(content, block * blockBytes);
  }
}

function setTimes(inode: Buffer, epochSeconds: number): void {
  const used = inode.readUInt16LE(0) !== 0;
  if (!used) return;
  inode.writeUInt32LE(epochSeconds, 8);
  inode.writeUInt32LE(epochSeconds, 12);
  if (inode.length < 160 || inode.readUInt16LE(128) < 32) return;
  for (const extra of [132, 136, 140]) inode.writeUInt32LE(0, extra);
  inode.writeUInt32LE(epochSeconds, 144);
  inode.writeUInt32LE(0, 148);
}
