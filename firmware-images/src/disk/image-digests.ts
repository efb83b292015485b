import { createHash } from 'node:crypto';
import type { Disks } from '@flotilla/shared/platform/disks.js';
import { blockBytes, digestOf, digestOfBlocks } from '#flash/blocks.ts';

/** What an image's manifest says of its bytes. */
export interface ImageDigests {
  /** Hex. */
  readonly sha256: string;
  /** What `flotilla flash` compares: the digest of the digests of all blocks. */
  readonly blocks: { readonly bytes: number; readonly sha256: string };
}

/** Of a whole file or device. */
export async function imageDigests(disks: Disks, path: string): Promise<ImageDigests> {
  const disk = await disks.open(path, { write: false });
  const hash = createHash('sha256');
  const blocks: Buffer[] = [];
  const buffer = Buffer.alloc(blockBytes);
  try {
    for (let at = 0; at < disk.sizeBytes; at += blockBytes) {
      const data = buffer.subarray(0, await disk.readInto(buffer, at));
      hash.update(data);
      blocks.push(digestOf(data));
    }
  } finally {
    await disk.close();
  }
  return { sha256: hash.digest('hex'), blocks: { bytes: blockBytes, sha256: digestOfBlocks(blocks) } };
}
