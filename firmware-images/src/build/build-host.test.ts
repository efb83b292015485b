import { FakeExec } from '@flotilla/shared/platform/fake-exec.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { expect, test } from 'vitest';
import { checkBuildHost } from './build-host.ts';

const having = (...programs: string[]): FakeExec =>
  new FakeExec({ sh: (args) => ({ code: programs.some((program) => args.at(-1) === `command -v ${program}`) ? 0 : 1 }) });
const base = ['mmdebstrap', 'mke2fs', 'tar', 'unshare'];
const root = { architecture: 'amd64', isRoot: true } as const;

test('programs that are missing are named with their packages, all at once', async () => {
  const files = new FakeFiles();
  await checkBuildHost({ exec: having(...base), files }, root, 'amd64');
  await expect(checkBuildHost({ exec: having('tar', 'unshare'), files }, { ...root, isRoot: false }, 'amd64')).rejects.toThrow(
    'missing on this machine: mmdebstrap (on Debian: apt-get install mmdebstrap), mke2fs (on Debian: apt-get install e2fsprogs), fakeroot',
  );
});

test('another architecture needs an emulator that the kernel knows', async () => {
  const files = new FakeFiles();
  await expect(checkBuildHost({ exec: having(...base), files }, root, 'arm64')).rejects.toThrow('arch-test');
  const exec = having(...base, 'arch-test');
  await expect(checkBuildHost({ exec, files }, root, 'arm64')).rejects.toThrow('cannot run programs for arm64');
  await files.mkdir('/proc/sys/fs/binfmt_misc');
  await files.writeAtomic('/proc/sys/fs/binfmt_misc/qemu-aarch64', 'enabled');
  await checkBuildHost({ exec, files }, root, 'arm64');
});
