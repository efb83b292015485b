import { type Disk, type Disks, readExactly } from '@flotilla/shared/platform/disks.js';
import { guidPartitionTable, masterBootRecord, sectorBytes, type TableSpec, tableBytes } from '#disk/partition-table.ts';
import { FatVolume } from '#fat/fat-volume.ts';
import { blockBytes } from '#flash/blocks.ts';
import type { LayoutPartition } from './definition.ts';
import { contentUuid, type ImagePlan } from './plan.ts';

const mib = 1 << 20;

/** A file of the boot partition. */
export interface BootFile {
  readonly path: string;
  readonly data: Buffer;
}

/** Where each partition lies; GPT's second table has a megabyte at the end. */
export function tableOf(plan: ImagePlan, hash: string, rootMib: number): TableSpec {
  let at = tableBytes;
  const partitions = plan.layout.partitions.map(({ name, type, content, sizeMib }) => {
    const sizeBytes = (content === 'root' ? rootMib : (sizeMib ?? 0)) * mib;
    const partition = { type, name, startBytes: at, sizeBytes, id: contentUuid(hash, `partition ${name}`) };
    at += sizeBytes;
    return partition;
  });
  return { diskBytes: at + tableBytes, diskId: contentUuid(hash, 'disk'), partitions };
}

export interface AssembleOptions {
  readonly plan: ImagePlan;
  readonly table: TableSpec;
  readonly hash: string;
  readonly epochSeconds: number;
  readonly bootFiles: readonly BootFile[];
  /** Images of file systems, by the name of their partition. */
  readonly contents: ReadonlyMap<string, string>;
}

/** Writes table, boot partition and file systems into an image that is as long as the table says, and empty. */
export async function assemble(
  disks: Disks,
  image: string,
  { plan, table, hash, epochSeconds, bootFiles, contents }: AssembleOptions,
): Promise<void> {
  const disk = await disks.open(image, { write: true });
  try {
    for (const { name, startBytes, sizeBytes } of table.partitions) {
      const content = contents.get(name);
      if (content !== undefined) await copyInto(disks, content, disk, startBytes);
      else if (isBoot(plan, name)) await makeBoot(disk, { startBytes, sizeBytes }, { hash, epochSeconds, bootFiles });
    }
    if (plan.layout.table === 'mbr') await disk.write(masterBootRecord(table), 0);
    else {
      const { head, tail } = guidPartitionTable(table);
      await disk.write(head, 0);
      await disk.write(tail, table.diskBytes - tail.length);
    }
    await disk.sync();
  } finally {
    await disk.close();
  }
}

function isBoot(plan: ImagePlan, name: string): boolean {
  return plan.layout.partitions.find((one: LayoutPartition) => one.name === name)?.content === 'boot';
}

async function makeBoot(
  disk: Disk,
  place: { readonly startBytes: number; readonly sizeBytes: number },
  { hash, epochSeconds, bootFiles }: Pick<AssembleOptions, 'hash' | 'epochSeconds' | 'bootFiles'>,
): Promise<void> {
  const serial = Number.parseInt(contentUuid(hash, 'boot').slice(0, 8), 16);
  const volume = await FatVolume.format(disk, { ...place, label: 'FLOTILLA', serial }, epochSeconds * 1000);
  for (const { path, data } of bootFiles) await volume.writeFile(path, data, epochSeconds * 1000);
}

/** Zeros stay holes. */
async function copyInto(disks: Disks, from: string, to: Disk, position: number): Promise<void> {
  const source = await disks.open(from, { write: false });
  const zeros = Buffer.alloc(sectorBytes * 128);
  try {
    for (let at = 0; at < source.sizeBytes; at += blockBytes) {
      const block = await readExactly(source, at, Math.min(blockBytes, source.sizeBytes - at));
      for (let part = 0; part < block.length; part += zeros.length) {
        const piece = block.subarray(part, part + zeros.length);
        if (!piece.equals(zeros.subarray(0, piece.length))) await to.write(piece, position + at + part);
      }
    }
  } finally {
    await source.close();
  }
}
