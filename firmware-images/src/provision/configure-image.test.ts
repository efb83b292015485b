import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { FakeDisks } from '@flotilla/shared/platform/fake-disks.js';
import { expect, test } from 'vitest';
import { testImage } from '#disk/test-image.ts';
import { FatVolume } from '#fat/fat-volume.ts';
import { readSettings, writeSettings } from './configure-image.ts';

const values = { hub: ['https://hub.example:6443'], hostname: ['kitchen-1'], label: ['site=a', 'floor=2'] };

test.for(['gpt', 'mbr'] as const)('settings go into an image and come back, twice: %s', async (kind) => {
  const doors = { disks: new FakeDisks(), clock: new FakeClock() };
  await testImage(doors.disks, '/image', kind);
  expect((await readSettings(doors.disks, '/image')).values).toEqual({});
  await writeSettings(doors, '/image', values);
  await writeSettings(doors, '/image', { ...values, hostname: ['kitchen-2'] });
  expect(await readSettings(doors.disks, '/image')).toEqual({ values: { ...values, hostname: ['kitchen-2'] }, report: undefined });
  expect(doors.disks.openCount).toBe(0);
});

test('a file dropped there by another computer is read, and its faults are told', async () => {
  const doors = { disks: new FakeDisks(), clock: new FakeClock() };
  await testImage(doors.disks, '/image');
  const disk = await doors.disks.open('/image', { write: true });
  const volume = await FatVolume.open(disk, 1 << 20, 36 << 20);
  await volume.writeFile('FLOTILLA.TXT', Buffer.from('hostname = a\r\ncolour = red\r\n'), 0);
  await expect(readSettings(doors.disks, '/image')).rejects.toThrow(
    '/image: flotilla.txt in /image: line 2, column 1: colour: is no setting',
  );
});

test('what is compressed, empty, truncated, or does not keep what was written is refused', async () => {
  const doors = { disks: new FakeDisks(), clock: new FakeClock() };
  const image = await testImage(doors.disks, '/image');
  const whole = image.content();
  image.put(Buffer.from('fd377a585a00', 'hex'), 0);
  await expect(writeSettings(doors, '/image', values)).rejects.toThrow('/image: it is compressed with xz');
  image.put(Buffer.alloc(1024), 0);
  await expect(writeSettings(doors, '/image', values)).rejects.toThrow('there is no partition table');
  image.put(whole.subarray(0, 4 << 20), 0);
  image.failsAt = (1 << 20) + 20_000;
  await expect(writeSettings(doors, '/image', values)).rejects.toThrow('/image: EIO');
  image.failsAt = Number.POSITIVE_INFINITY;
  // Writes behind the first megabytes land elsewhere.
  image.wrapsAt = 1 << 20;
  await expect(writeSettings(doors, '/image', values)).rejects.toThrow('/image');
  expect(doors.disks.openCount).toBe(0);
});
