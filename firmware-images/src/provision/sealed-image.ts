import type { Disks } from '@flotilla/shared/platform/disks.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { type ImageDigests, imageDigests } from '#disk/image-digests.ts';

/** Where the manifest of an image stands, compressed or not. */
export function manifestPath(image: string): string {
  return `${image.replace(/\.(xz|zst|gz)$/, '')}.manifest.json`;
}

/**
 * Changes an image that has a manifest beside it, and its manifest with it: else whoever flashes it is told that it is damaged. One
 * without a manifest is changed as it is. @throws Error, before anything is changed, when it is not what its manifest says
 */
export async function changeSealed(
  { disks, files }: { readonly disks: Disks; readonly files: Files },
  image: string,
  change: () => Promise<void>,
): Promise<void> {
  const path = manifestPath(image);
  const text = await files.readText(path);
  if (text === undefined) return await change();
  const manifest = JSON.parse(text) as Partial<ImageDigests>;
  if (manifest.blocks?.sha256 !== (await imageDigests(disks, image)).blocks.sha256)
    throw new Error(`${image} is not what ${path} says: it is damaged, or something else has changed it; build it anew`);
  await change();
  // Who hands images on must know that there may be a board's secrets in this one.
  const changed = { ...manifest, ...(await imageDigests(disks, image)), configured: true };
  await files.writeAtomic(path, `${JSON.stringify(changed, null, 2)}\n`);
}
