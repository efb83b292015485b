import { join } from 'node:path';
import type { Disks } from '@flotilla/shared/platform/disks.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { imageDigests } from '#disk/image-digests.ts';
import type { ImageManifest } from './build-image.ts';

/** The programs that put images together: others may make other bytes of the same things. */
export async function builderSources(files: Files): Promise<string[]> {
  const folders = [import.meta.dirname, join(import.meta.dirname, '../disk'), join(import.meta.dirname, '../fat')];
  const paths = await Promise.all(folders.map(async (folder) => (await files.list(folder)).map((name) => join(folder, name))));
  const sources = paths.flat().filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'));
  return await Promise.all(sources.map(async (path) => (await files.readText(path)) ?? ''));
}

/** An image of an earlier build that is what this one would make, whole, and without a board's settings in it. */
export async function standingImage(
  { files, disks }: { readonly files: Files; readonly disks: Disks },
  out: string,
  { name, file, inputs }: { readonly name: string; readonly file: string; readonly inputs: string },
): Promise<ImageManifest | undefined> {
  const text = await files.readText(join(out, `${name}.manifest.json`));
  if (text === undefined) return undefined;
  const manifest = JSON.parse(text) as ImageManifest & { readonly configured?: boolean };
  if (manifest.inputs !== inputs || manifest.file !== file || manifest.configured) return undefined;
  const path = join(out, file);
  if (!(await files.stat(path))) return undefined;
  return (await imageDigests(disks, path)).sha256 === manifest.download.sha256 ? manifest : undefined;
}
