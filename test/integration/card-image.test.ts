/** A card image in small: a root file system out of a tar, the image around it, settings in it, onto a card and read back. No root. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { assemble, tableOf } from '@flotilla/firmware-images/build/assemble.js';
import { bootFilesOf } from '@flotilla/firmware-images/build/build-image.js';
import { makeRootImage, type RootImage } from '@flotilla/firmware-images/build/file-systems.js';
import type { ImagePlan } from '@flotilla/firmware-images/build/plan.js';
import { makeOverlay } from '@flotilla/firmware-images/build/root-fs.js';
import { bootPartition, readPartitionTable } from '@flotilla/firmware-images/disk/partition-table.js';
import { flashImage } from '@flotilla/firmware-images/flash/flash-image.js';
import { readSettings, writeSettings } from '@flotilla/firmware-images/provision/configure-image.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { openByteSource } from '@flotilla/shared/platform/byte-source.js';
import { SystemDisks } from '@flotilla/shared/platform/disks.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { ensureTools } from '@flotilla/shared/platform/tools.js';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const doors = { exec: new SystemExec(), files: new SystemFiles(), disks: new SystemDisks(), clock: new SystemClock() };
const epochSeconds = 1_767_225_600;
const uuid = '11111111-2222-4333-8444-555555555555';
const plan: ImagePlan = {
  board: 'small',
  description: 'one',
  imagerTags: [],
  architecture: 'arm64',
  layout: {
    name: 'single',
    description: 'one',
    table: 'gpt',
    partitions: [
      { name: 'boot', type: 'esp', content: 'boot', sizeMib: 36 },
      { name: 'root', type: 'linux', content: 'root', spareMib: 8 },
    ],
  },
  packages: [],
  components: [],
  kernelArguments: 'quiet',
  files: [],
  bootFiles: [
    { path: 'vmlinuz', from: '/boot/vmlinuz-*' },
    { path: './', from: '/usr/lib/linux-image-*/*.dtb' },
    { path: 'cmdline.txt', lines: ['quiet'] },
  ],
  enable: [],
  mask: [],
  agentBundle: false,
};
const hash = 'ab'.repeat(32);
let dir = '';

beforeAll(async () => {
  ensureTools(process.getuid?.() === 0 ? ['images'] : ['images', 'fakeroot']);
  dir = await mkdtemp(join(tmpdir(), 'flotilla-card-'));
  const tree = join(dir, 'source');
  await mkdir(join(tree, 'boot/firmware'), { recursive: true });
  await writeFile(join(tree, 'boot/firmware/hidden'), 'under the boot partition');
  await mkdir(join(tree, 'var/lib/dpkg'), { recursive: true });
  await mkdir(join(tree, 'usr/share/doc/busybox'), { recursive: true });
  await mkdir(join(tree, 'usr/lib/linux-image-6.1'), { recursive: true });
  for (const name of ['one.dtb', 'two.dtb', 'three.txt']) await writeFile(join(tree, 'usr/lib/linux-image-6.1', name), name);
  await writeFile(join(tree, 'boot/vmlinuz-6.1'), Buffer.alloc(200_000, 1));
  await writeFile(join(tree, 'var/lib/dpkg/status'), 'Package: busybox\nStatus: install ok installed\nVersion: 1:1.35\n');
  await writeFile(join(tree, 'usr/share/doc/busybox/copyright'), 'License: GPL-2\n');
  for (let index = 0; index < 50; index++) await writeFile(join(tree, `file-${index}`), `content ${index}`);
  await chmod(join(tree, 'file-1'), 0o4755);
  await run('tar', ['-c', '-f', join(dir, 'root.tar'), '-C', tree, '--owner=0', '--group=7', '--numeric-owner', '.']);
  await makeOverlay(doors, {
    files: [{ path: '/usr/lib/agent', lines: ['over it'] }],
    mask: ['ssh.service'],
    dir: join(dir, 'over'),
    out: join(dir, 'agent.tar'),
    epochSeconds,
  });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function built(name: string): Promise<{ image: string; root: RootImage; rootFile: string }> {
  const work = join(dir, name);
  await mkdir(work);
  const [image, rootFile] = [join(work, 'card.img'), join(work, 'root.ext4')];
  const wanted = plan.bootFiles.flatMap(({ from }) => from ?? []);
  const root = await makeRootImage(doors, {
    tars: [join(dir, 'root.tar'), join(dir, 'agent.tar')],
    dir: work,
    out: rootFile,
    uuid,
    epochSeconds,
    spareMib: 8,
    wanted,
  });
  const table = tableOf(plan, hash, root.sizeMib);
  await writeFile(image, '');
  await truncate(image, table.diskBytes);
  const bootFiles = bootFilesOf(plan, root.wanted);
  expect(bootFiles.map(({ path, data }) => `${path} ${data.length}`)).toEqual([
    'vmlinuz 200000',
    'one.dtb 7',
    'two.dtb 7',
    'cmdline.txt 6',
  ]);
  await assemble(doors.disks, image, { plan, table, hash, epochSeconds, bootFiles, contents: new Map([['root', rootFile]]) });
  return { image, root, rootFile };
}

test('two builds are equal, their file system is sound, and it has the owners of the tar', async () => {
  const first = await built('first');
  const second = await built('second');
  expect((await readFile(first.image)).equals(await readFile(second.image))).toBe(true);
  expect(first.root.dpkgStatus).toContain('busybox');
  expect(first.root.copyrights.get('busybox')).toBe('License: GPL-2\n');
  const path = `${process.env['PATH']}:/usr/sbin:/sbin`;
  await run('e2fsck', ['-f', '-n', first.rootFile], { env: { PATH: path } });
  const { stdout } = await run('debugfs', ['-R', 'stat /file-1', first.rootFile], { env: { PATH: path, TZ: 'UTC' } });
  expect((await run('debugfs', ['-R', 'cat /usr/lib/agent', first.rootFile], { env: { PATH: path } })).stdout).toBe('over it\n');
  expect((await run('debugfs', ['-R', 'ls -p /boot/firmware', first.rootFile], { env: { PATH: path } })).stdout).not.toContain('hidden');
  const masked = await run('debugfs', ['-R', 'stat /etc/systemd/system/ssh.service', first.rootFile], { env: { PATH: path } });
  expect(masked.stdout).toContain('Fast link dest: "/dev/null"');
  expect(stdout).toMatch(/Mode:\s+04755[\s\S]*User:\s+0\s+Group:\s+7\b/);
  expect(stdout).toMatch(/ctime: 0x[0-9a-f]+(:0+)? -- Thu Jan {2}1 00:00:00 2026/);
});

test('settings go in, the card is written and verified, and gives them back', async () => {
  const { image } = await built('third');
  const values = { hub: ['https://hub.example:6443'], hostname: ['kitchen-1'] };
  await writeSettings(doors, image, values);
  const { sizeBytes, pieces } = await openByteSource(image);
  const card = join(dir, 'card');
  await writeFile(card, '');
  await truncate(card, (sizeBytes ?? 0) + (4 << 20));
  const result = await flashImage({
    disks: doors.disks,
    clock: doors.clock,
    source: { sizeBytes, pieces },
    paths: [card],
    dropCaches: async () => {},
    swapped: async () => undefined,
    signal: new AbortController().signal,
    onProgress: () => {},
  });
  expect(result.drives).toMatchObject([{ path: card, error: undefined }]);
  expect((await readSettings(doors.disks, card)).values).toEqual(values);
  const disk = await doors.disks.open(card, { write: false });
  expect(bootPartition(await readPartitionTable(disk))).toMatchObject({ name: 'boot', startBytes: 1 << 20, sizeBytes: 36 << 20 });
  await disk.close();
});
