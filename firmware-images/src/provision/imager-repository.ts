import type { ImageManifest } from '#build/build-image.ts';

/** One image as Raspberry Pi Imager lists it. */
interface ImagerEntry {
  readonly name: string;
  readonly description: string;
  readonly url: string;
  readonly release_date: string;
  readonly extract_size: number;
  readonly extract_sha256: string;
  readonly image_download_size: number;
  readonly image_download_sha256: string;
  /** Boards, by the tags that Imager has for them; left out it is shown for every one. */
  readonly devices?: readonly string[];
  /** Imager's own settings are not for us: ours are in flotilla.txt. */
  readonly init_format: 'none';
}

/** An image's manifest, once it may have a board's secrets in it. */
export type ListedManifest = ImageManifest & { readonly configured?: boolean };

/**
 * The repository file of Raspberry Pi Imager (`rpi-imager --repo FILE`) for these images. One that was configured is left out: its
 * settings are one board's, and secret.
 */
export function imagerRepository(
  manifests: readonly ListedManifest[],
  urlOf: (file: string) => string,
): { readonly os_list: readonly ImagerEntry[] } {
  const os_list = manifests
    .filter(({ configured }) => configured !== true)
    .map(
      ({ board, description, file, sizeBytes, sha256, download, epochSeconds, imagerTags }): ImagerEntry => ({
        name: `Flotilla for ${board}`,
        description: `${description}; put its settings beside it as flotilla.txt`,
        url: urlOf(file),
        release_date: new Date(epochSeconds * 1000).toISOString().slice(0, 10),
        extract_size: sizeBytes,
        extract_sha256: sha256,
        image_download_size: download.bytes,
        image_download_sha256: download.sha256,
        ...(imagerTags.length > 0 ? { devices: imagerTags } : {}),
        init_format: 'none',
      }),
    );
  return { os_list };
}
