import { FakeExec } from '@flotilla/shared/platform/fake-exec.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { expect, test } from 'vitest';
import { runtimePackages } from './runtime-packages.ts';

const line = (file: string): string => `'http://mirror/pool/${file}' ${file} 1234 SHA256:00\n`;

test('what a bare host lacks is downloaded for its release and architecture, with checksums', async () => {
  const files = new FakeFiles();
  const downloaded: string[] = [];
  const exec = new FakeExec({
    'apt-get': ([command, ...args]) => {
      if (command === 'download') {
        downloaded.push(...args);
        for (const one of args) void files.write(`/out/${one.replace(/=.*/, '')}.deb`, one);
      }
      if (command !== '--print-uris') return {};
      const wants = args.includes('podman');
      return {
        stdout: `Reading…\n${line('libc6_2.36_arm64.deb')}${wants ? line('podman_4.3.1%2bds1_arm64.deb') + line('passt_1%3a2_all.deb') : ''}`,
      };
    },
    sha256sum: () => ({ stdout: 'sums\n' }),
  });
  const sources = { suite: 'bookworm', lines: ['deb http://mirror bookworm main'], aptOptions: [] };
  const options = { architecture: 'arm64', sources, out: '/out', work: '/work' } as const;
  await runtimePackages({ exec, files }, options);
  expect(downloaded).toEqual(['passt=1:2', 'podman=4.3.1+ds1']);
  expect(await files.list('/out')).toEqual(['SHA256SUMS', 'passt.deb', 'podman.deb', 'release']);
  expect(await files.readText('/out/release')).toBe('bookworm arm64\n');
  const config = await files.readText('/work/apt/apt.conf');
  for (const words of ['APT::Architecture "arm64";', 'Dir::State::status "/work/apt/status";']) expect(config).toContain(words);
  const failing = new FakeExec({ 'apt-get': () => ({ code: 100, stderr: 'E: no such host\n' }) });
  await expect(runtimePackages({ exec: failing, files }, options)).rejects.toThrow('apt-get update: E: no such host');
});
