import { FakeDisks } from '@flotilla/shared/platform/fake-disks.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { expect, test } from 'vitest';
import { imageDigests } from '#disk/image-digests.ts';
import { testImage } from '#disk/test-image.ts';
import { builderSources, standingImage } from './standing-image.ts';

const wanted = { name: 'card.img', file: 'card.img', inputs: 'abc' };

test('an image stands as long as it is whole, made of the same things, and nobody put settings into it', async () => {
  const doors = { disks: new FakeDisks(), files: new FakeFiles() };
  await doors.files.mkdir('/out');
  const stands = async (change: object = {}): Promise<boolean> =>
    (await standingImage(doors, '/out', { ...wanted, ...change })) !== undefined;
  const says = (manifest: object): Promise<void> => doors.files.writeAtomic('/out/card.img.manifest.json', JSON.stringify(manifest));
  expect(await stands()).toBe(false);

  const image = await testImage(doors.disks, '/out/card.img');
  const { sha256 } = await imageDigests(doors.disks, '/out/card.img');
  const manifest = { inputs: 'abc', file: 'card.img', download: { bytes: 1, sha256 } };
  await says(manifest);
  expect(await stands()).toBe(false);
  await doors.files.writeAtomic('/out/card.img', 'its bytes are on the disk');
  expect(await stands()).toBe(true);
  expect(await stands({ inputs: 'abd' })).toBe(false);
  expect(await stands({ file: 'card.img.zst' })).toBe(false);
  await says({ ...manifest, configured: true });
  expect(await stands()).toBe(false);
  await says(manifest);
  image.put(Buffer.from('x'), 40 << 20);
  expect(await stands()).toBe(false);
});

test('what puts images together is part of what they are made of', async () => {
  const sources = await builderSources(new SystemFiles());
  expect(sources.some((text) => text.includes('export async function assemble('))).toBe(true);
  expect(sources.some((text) => text.includes("from 'vitest'"))).toBe(false);
});
