import { FakeExec } from '@flotilla/shared/platform/fake-exec.js';
import { expect, test } from 'vitest';
import { type Drive, driveText, listDrives, refusal, sameDrive } from './drives.ts';

const blockdevices = [
  {
    path: '/dev/sda',
    type: 'disk',
    size: 500e9,
    model: 'Inside ',
    tran: 'sata',
    rm: false,
    children: [{ path: '/dev/sda1', mountpoints: ['/'] }],
  },
  {
    path: '/dev/nvme0n1',
    type: 'disk',
    size: 1e12,
    tran: 'nvme',
    rm: false,
    children: [{ path: '/dev/nvme0n1p1', children: [{ path: '/dev/mapper/swap', mountpoints: ['[SWAP]'] }], mountpoints: [null] }],
  },
  { path: '/dev/sdb', type: 'disk', size: 31e9, vendor: 'Acme', model: 'Reader', serial: 'A1', tran: 'usb', rm: true, ro: false },
  { path: '/dev/sdc', type: 'disk', size: 0, tran: 'usb', rm: true },
  { path: '/dev/sdd', type: 'disk', size: 8e9, tran: 'usb', rm: true, children: [{ path: '/dev/sdd1', mountpoint: '/media/ann/photos' }] },
  { path: '/dev/mmcblk0', type: 'disk', size: 16e9, subsystems: 'block:mmc:mmc_host', rm: false, hotplug: true, ro: true },
  { path: '/dev/vdb', type: 'disk', size: 9e9, rm: false },
  { path: '/dev/loop3', type: 'loop', size: 4e9 },
  { path: '/dev/sr0', type: 'rom', size: 1e9 },
];
const exec = new FakeExec({ lsblk: () => ({ stdout: JSON.stringify({ blockdevices }) }) });
const drives = async (): Promise<Map<string, Drive>> => new Map((await listDrives(exec)).map((drive) => [drive.path, drive]));

test('what may be overwritten, and why the others may not', async () => {
  const wanted = { imageBytes: 5e9, fixed: false };
  const reasons = [...(await drives()).values()].map((drive) => [drive.path, refusal(drive, wanted)]);
  expect(Object.fromEntries(reasons)).toEqual({
    '/dev/sda': 'this system runs from it (/)',
    '/dev/nvme0n1': 'this system runs from it ([SWAP])',
    '/dev/sdb': undefined,
    '/dev/sdc': 'there is no card in it',
    '/dev/sdd': 'it is mounted (/media/ann/photos): unmount it first',
    '/dev/mmcblk0': 'it is write-protected',
    '/dev/vdb': 'it is no removable drive; add --fixed if it is really meant',
    '/dev/loop3': 'it is too small: it has 4000000000 bytes, the image 5000000000',
  });
});

test('a drive that cannot be taken out, when it is really meant; never one that the system runs from', async () => {
  const found = await drives();
  const fixed = { imageBytes: undefined, fixed: true };
  const of = (path: string): string | undefined => refusal(found.get(path) ?? expect.fail(path), fixed);
  expect([of('/dev/vdb'), of('/dev/loop3'), of('/dev/sda')]).toEqual([undefined, undefined, 'this system runs from it (/)']);
});

test('a drive is known by path, size, model and serial', async () => {
  const reader = (await drives()).get('/dev/sdb') ?? expect.fail('no reader');
  expect(driveText(reader)).toBe('/dev/sdb, 31.0 GB, Acme Reader, serial A1, usb');
  expect(sameDrive(reader, { ...reader, mounts: ['/media'] })).toBe(true);
  expect(sameDrive(reader, { ...reader, serial: 'B2' })).toBe(false);
  expect(sameDrive(reader, { ...reader, sizeBytes: 64e9 })).toBe(false);
});

test('lsblk that fails says why', async () => {
  await expect(listDrives(new FakeExec({ lsblk: () => ({ code: 32, stderr: 'lsblk: no /sys\n' }) }))).rejects.toThrow('lsblk: no /sys');
});
