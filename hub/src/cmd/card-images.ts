import { createReadStream, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imagerRepository, type ListedManifest } from '@flotilla/firmware-images/provision/imager-repository.js';
import type { ImagesDoor } from '#nodesync/enrol/image-routes.ts';

/** What `flotilla image build --out DIR/images` put there, as it was built: images with a board's settings in them are nobody's business. */
export function cardImages(dir: string): ImagesDoor {
  const listed = async (): Promise<ListedManifest[]> => {
    const names = (await readdir(dir).catch(() => [])).filter((name) => name.endsWith('.manifest.json'));
    const manifests = await Promise.all(
      names.sort().map(async (name) => JSON.parse(await readFile(join(dir, name), 'utf8')) as ListedManifest),
    );
    return manifests.filter(({ file, configured, download }) => configured !== true && sizeOf(join(dir, file)) === download.bytes);
  };
  return {
    repository: async (base) =>
      `${JSON.stringify(
        imagerRepository(await listed(), (file) => base + encodeURIComponent(file)),
        null,
        2,
      )}\n`,
    async image(name) {
      const found = (await listed()).find(({ file }) => encodeURIComponent(file) === name);
      if (!found) return undefined;
      return { bytes: found.download.bytes, chunks: () => createReadStream(join(dir, found.file), { highWaterMark: 1 << 18 }) };
    },
  };
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}
