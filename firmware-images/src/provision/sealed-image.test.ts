import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { FakeDisks } from '@flotilla/shared/platform/fake-disks.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { expect, test } from 'vitest';
import { imageDigests } from '#disk/image-digests.ts';
import { testImage } from '#disk/test-image.ts';
import { writeSettings } from './configure-image.ts';
import { changeSealed, manifestPath } from './sealed-image.ts';

const values = { hub: ['https://hub.example:6443'], hostname: ['kitchen-1'] };

test('the manifest goes with the settings; an image that is not what it says is left alone', async () => {
  const doors = { disks: new FakeDisks(), clock: new FakeClock(), files: new FakeFiles() };
  const image = await testImage(doors.disks, '/card.img');
  const write = (): Promise<void> => writeSettings(doors, '/card.img', values);
  await changeSealed(doors, '/card.img', write);
  expect(await doors.files.stat('/card.img.manifest.json')).toBeUndefined();

  await doors.files.writeAtomic(
    '/card.img.manifest.json',
    JSON.stringify({ board: 'b', ...(await imageDigests(doors.disks, '/card.img')) }),
  );
  await changeSealed(doors, '/card.img', () => writeSettings(doors, '/card.img', { ...values, hostname: ['kitchen-2'] }));
  const sealed = { board: 'b', configured: true, ...(await imageDigests(doors.disks, '/card.img')) };
  expect(JSON.parse((await doors.files.readText('/card.img.manifest.json')) ?? '')).toEqual(sealed);

  image.put(Buffer.from('x'), 40 << 20);
  const before = image.content();
  await expect(changeSealed(doors, '/card.img', write)).rejects.toThrow('/card.img is not what /card.img.manifest.json says');
  expect(image.content().equals(before)).toBe(true);
});

test.for(['card.img', 'card.img.zst', 'card.img.xz', 'card.img.gz'])('the manifest of %s', (file) => {
  expect(manifestPath(file)).toBe('card.img.manifest.json');
});
