import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ImageManifest } from '@flotilla/firmware-images/build/build-image.js';
import { imageDigests } from '@flotilla/firmware-images/disk/image-digests.js';
import { bootPartition, readPartitionTable } from '@flotilla/firmware-images/disk/partition-table.js';
import { FatVolume } from '@flotilla/firmware-images/fat/fat-volume.js';
import { SystemDisks } from '@flotilla/shared/platform/disks.js';
import { RootFiles } from './root-files.ts';

const exec = promisify(execFile);
/** Of ELF and of PE, and what the kernel's image begins with, at an offset. */
const machines = {
  amd64: { elf: 62, pe: 0x8664, kernel: [0x202, 'HdrS'] },
  arm64: { elf: 183, pe: 0xaa64, kernel: [0x38, 'ARMd'] },
} as const;
type Architecture = keyof typeof machines;

/** What a board's firmware looks for that no other board's does. */
export interface BoardForm {
  readonly architecture: Architecture;
  readonly table: 'gpt' | 'mbr';
  /** Of systemd-boot, or what the GPU of a Raspberry Pi loads. */
  readonly loader: string;
  /** Device trees that must be there; none where firmware has them. */
  readonly deviceTrees: readonly string[];
  readonly packages: readonly string[];
}

const uefi = { table: 'gpt', deviceTrees: [], packages: ['systemd-boot-efi'] } as const;
const pi = { architecture: 'arm64', table: 'mbr', packages: ['raspi-firmware', 'firmware-brcm80211'] } as const;

/** Every board that an image can be built for. */
export const boardForms: Readonly<Record<string, BoardForm>> = {
  'generic-amd64': { ...uefi, architecture: 'amd64', loader: 'EFI/BOOT/BOOTX64.EFI' },
  'generic-arm64': { ...uefi, architecture: 'arm64', loader: 'EFI/BOOT/BOOTAA64.EFI' },
  'raspberry-pi-3': {
    ...pi,
    loader: 'start.elf',
    deviceTrees: ['bcm2837-rpi-3-b.dtb', 'bcm2837-rpi-3-b-plus.dtb', 'bcm2837-rpi-3-a-plus.dtb'],
  },
  'raspberry-pi-4': { ...pi, loader: 'start4.elf', deviceTrees: ['bcm2711-rpi-4-b.dtb', 'bcm2711-rpi-400.dtb', 'bcm2711-rpi-cm4-io.dtb'] },
  'raspberry-pi-zero-2-w': { ...pi, loader: 'start.elf', deviceTrees: ['bcm2837-rpi-zero-2-w.dtb'] },
};

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** Looks at all of an image that can be looked at without its board. @throws Error that says what is not as it must be */
export async function checkStructure(image: string, form: BoardForm, saw: (what: string) => void): Promise<void> {
  const manifest = JSON.parse(await readFile(`${image}.manifest.json`, 'utf8')) as ImageManifest;
  must(manifest.blocks.sha256 === (await imageDigests(new SystemDisks(), image)).blocks.sha256, 'the image is not what its manifest says');
  const names = manifest.packages.map(({ name }) => name);
  for (const name of ['podman', 'systemd', `linux-image-${form.architecture}`, ...form.packages])
    must(names.includes(name), `${name} is not among its packages`);
  must(!names.some((name) => /-(dev|dbg)$/.test(name)), 'packages for developers are in it');
  saw('packages');
  await checkBoot(image, form, manifest);
  saw('partition table and boot files');
  const root = new RootFiles(image);
  const unsound = await root.check();
  must(unsound === '', `the root file system is not sound: ${unsound}`);
  await checkRoot(root, form);
  saw('root file system');
  await checkAgent(root, form.architecture);
  saw('the agent starts');
}

async function checkBoot(image: string, form: BoardForm, { kernelArguments }: ImageManifest): Promise<void> {
  const disk = await new SystemDisks().open(image, { write: false });
  try {
    const table = await readPartitionTable(disk);
    must(table.kind === form.table, `its partition table is ${table.kind}`);
    const { startBytes, sizeBytes } = bootPartition(table);
    const volume = await FatVolume.open(disk, startBytes, sizeBytes);
    const file = async (path: string): Promise<Buffer> => {
      const content = await volume.readFile(path);
      if (!content?.length) throw new Error(`there is no ${path} on its boot partition`);
      return content;
    };
    const { kernel, pe } = machines[form.architecture];
    const linux = await file('vmlinuz');
    must(linux.toString('latin1', kernel[0], kernel[0] + 4) === kernel[1], 'vmlinuz is no kernel of this architecture');
    const initial = await file('initrd.img');
    must(/^(28b52ffd|303730373031)/.test(initial.toString('hex', 0, 6)), 'initrd.img is no initial file system');
    const loader = await file(form.loader);
    if (form.table === 'gpt') {
      must(loader.readUInt16LE(loader.readUInt32LE(0x3c) + 4) === pe, `${form.loader} is not for this architecture`);
      const entry = (await file('loader/entries/flotilla.conf')).toString();
      for (const line of ['linux /vmlinuz', 'initrd /initrd.img', `options ${kernelArguments}`]) must(entry.includes(line), `no ${line}`);
    } else {
      must(loader.toString('latin1', 1, 4) === 'ELF', `${form.loader} is no firmware`);
      for (const name of ['bootcode.bin', form.loader.replace('start', 'fixup').replace('.elf', '.dat')]) await file(name);
      for (const name of form.deviceTrees) must((await file(name)).readUInt32BE(0) === 0xd00dfeed, `${name} is no device tree`);
      must((await file('cmdline.txt')).toString() === `${kernelArguments}\n`, 'cmdline.txt is not one line of the kernel flags');
      const config = (await file('config.txt')).toString();
      for (const line of ['arm_64bit=1', 'kernel=vmlinuz', 'initramfs initrd.img followkernel']) must(config.includes(line), `no ${line}`);
    }
    for (const flag of ['root=LABEL=flotilla-root', 'cgroup_enable=memory', 'rootwait', 'console='])
      must(kernelArguments.includes(flag), `the kernel is not told ${flag}`);
  } finally {
    await disk.close();
  }
}

async function checkRoot(root: RootFiles, form: BoardForm): Promise<void> {
  const units = '/etc/systemd/system';
  const grow = form.table === 'mbr' ? [['local-fs.target', 'flotilla-grow.service'] as const] : [];
  const started = [['multi-user.target', 'flotilla-agent.service'], ['multi-user.target', 'flotilla-first-boot.service'], ...grow] as const;
  for (const [target, unit] of started) {
    must((await root.link(`${units}/${target}.wants/${unit}`)) === `${units}/${unit}`, `${unit} is not started`);
    await root.read(`${units}/${unit}`);
  }
  for (const unit of ['ssh.service', 'podman.socket', 'getty@tty1.service'])
    must((await root.link(`${units}/${unit}`)) === '/dev/null', `${unit} may start`);
  must(/^root:[!*]/m.test((await root.read('/etc/shadow')).toString()), 'root can log in with a password');
  must(
    !(await root.list('/etc/ssh')).some((name) => name.startsWith('ssh_host_')),
    'it brings host keys, which all its boards would share',
  );
  const id = await root.read('/etc/machine-id').catch(() => Buffer.alloc(0));
  must(id.length === 0, 'it brings a machine id, which all its boards would share');
  must((await root.list('/boot/firmware')).length === 0, 'something lies under the mount of the boot partition');
  must((await root.list('/usr/lib/modules')).length === 1, 'it has not the modules of one kernel');
}

/** What the agent's Node is linked with. */
const libraries = ['libdl.so.2', 'libstdc++.so.6', 'libm.so.6', 'libgcc_s.so.1', 'libpthread.so.0', 'libc.so.6'];

/** Loads all of the agent with the image's own Node and C library, another architecture's in the emulator of user programs. */
async function checkAgent(root: RootFiles, architecture: Architecture): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-lab-agent-'));
  try {
    const triplet = architecture === 'amd64' ? 'x86_64-linux-gnu' : 'aarch64-linux-gnu';
    const loader = architecture === 'amd64' ? 'ld-linux-x86-64.so.2' : 'ld-linux-aarch64.so.1';
    await root.copy('/usr/lib/flotilla', dir);
    await mkdir(join(dir, 'lib'));
    for (const name of [...libraries, loader]) {
      const path = `/usr/lib/${triplet}/${name}`;
      const link = await root.link(path);
      await writeFile(join(dir, 'lib', name), await root.read(link === '' ? path : `/usr/lib/${triplet}/${link}`), { mode: 0o755 });
    }
    const node = join(dir, 'flotilla/bin/node');
    must((await readFile(node)).readUInt16LE(18) === machines[architecture].elf, 'its Node is for another architecture');
    const native = architecture === (process.arch === 'arm64' ? 'arm64' : 'amd64');
    const [program = '', ...words] = [
      ...(native ? [] : [architecture === 'amd64' ? 'qemu-x86_64-static' : 'qemu-aarch64-static']),
      ...[join(dir, 'lib', loader), '--library-path', join(dir, 'lib'), node, join(dir, 'flotilla/agent/cmd/flotilla-agent.js')],
    ];
    const { stdout } = await exec(program, [...words, '--help'], { timeout: 10 * 60_000 });
    must(stdout.includes('flotilla-agent doctor'), `the agent says ${stdout.slice(0, 200)}`);
    // Without a token it ends, and has loaded all that it runs with.
    const ended = await exec(program, [...words, '--data-dir', join(dir, 'data'), '--runtime', 'podman'], { timeout: 10 * 60_000 }).then(
      () => 'it goes on',
      (error: { stderr?: string; message: string }) => error.stderr ?? error.message,
    );
    must(ended.includes('has not joined a hub yet'), `the agent says ${ended}`);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
