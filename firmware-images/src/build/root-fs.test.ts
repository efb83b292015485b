import { FakeExec } from '@flotilla/shared/platform/fake-exec.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { expect, test, vi } from 'vitest';
import type { ImagePlan } from './plan.ts';
import { hostSources, makeOverlay, makeRootFs, mmdebstrapArguments, ownMounts } from './root-fs.ts';

const plan: ImagePlan = {
  board: 'acme',
  description: 'one',
  imagerTags: [],
  architecture: 'arm64',
  layout: { name: 'single', description: 'one', table: 'gpt', partitions: [] },
  packages: ['podman', 'systemd'],
  components: [],
  kernelArguments: '',
  files: [],
  bootFiles: [],
  enable: ['a.service', 'b.path'],
  mask: ['ssh.service'],
  agentBundle: true,
};
const targets = [
  'Debian|http://deb.example/debian|bookworm|main',
  'Debian|http://deb.example/debian|bookworm-updates|main',
  'Debian|http://deb.example/security|bookworm-security|main',
  'Somebody|https://other.example|stable|main',
].join('\n');
const apt = (stdout: string): FakeExec =>
  new FakeExec({ 'apt-get': () => ({ stdout }), 'apt-config': () => ({ stdout: 'Acquire::http::Proxy "http://proxy.example:3142";\n' }) });

test("package sources are the build host's Debian ones, or a mirror in their place; security updates keep theirs", async () => {
  expect(await hostSources(apt(targets), undefined)).toEqual({
    suite: 'bookworm',
    lines: [
      'deb http://deb.example/debian bookworm main',
      'deb http://deb.example/debian bookworm-updates main',
      'deb http://deb.example/security bookworm-security main',
    ],
    aptOptions: ['Acquire::http::Proxy "http://proxy.example:3142";'],
  });
  expect((await hostSources(apt(targets), 'http://mirror.example/debian')).lines).toEqual([
    'deb http://deb.example/security bookworm-security main',
    'deb http://mirror.example/debian bookworm main',
    'deb http://mirror.example/debian bookworm-updates main',
  ]);
  expect((await hostSources(apt(targets), undefined, ['non-free-firmware'])).lines).toEqual([
    'deb http://deb.example/debian bookworm main',
    'deb http://deb.example/debian bookworm non-free-firmware',
    'deb http://deb.example/debian bookworm-updates main',
    'deb http://deb.example/debian bookworm-updates non-free-firmware',
    'deb http://deb.example/security bookworm-security main',
    'deb http://deb.example/security bookworm-security non-free-firmware',
  ]);
  await expect(hostSources(apt(''), undefined)).rejects.toThrow("no package source of Debian's");
});

test('what belongs to one machine is removed, and nobody has a password', () => {
  const args = mmdebstrapArguments({
    plan,
    sources: { suite: 'bookworm', lines: ['deb x bookworm main'], aptOptions: [] },
    overlay: '/o.tar',
    out: '/r.tar',
  });
  expect(args).toEqual(expect.arrayContaining(['--architectures=arm64', '--include=podman,systemd', '--essential-hook=tar-in /o.tar /']));
  expect(args.slice(-3)).toEqual(['bookworm', '/r.tar', 'deb x bookworm main']);
  const hooks = args.join('\n');
  for (const part of ['systemctl enable a.service b.path', 'ssh_host_*', '/etc/machine-id', 'passwd --lock root'])
    expect(hooks).toContain(part);
});

test('units of our own are started by links that are laid over the packages: another unit needs no other packages', async () => {
  const own = { path: '/etc/systemd/system/a.service', lines: ['[Install]', 'WantedBy=multi-user.target', 'WantedBy=local-fs.target'] };
  const sources = { suite: 'bookworm', lines: [], aptOptions: [] };
  const args = mmdebstrapArguments({ plan: { ...plan, files: [own] }, sources, overlay: '/o.tar', out: '/r.tar' });
  expect(args.join('\n')).toMatch(/systemctl enable b\.path$/m);

  const doors = { files: new FakeFiles(), exec: new FakeExec({ tar: () => ({}) }) };
  const options = { enable: plan.enable, mask: plan.mask, dir: '/over', out: '/over.tar', epochSeconds: 1 };
  await makeOverlay(doors, { ...options, files: [own] });
  const units = '/over/etc/systemd/system';
  for (const target of ['multi-user', 'local-fs'])
    expect(await doors.files.readlink(`${units}/${target}.target.wants/a.service`)).toBe('/etc/systemd/system/a.service');
  expect(await doors.files.readlink(`${units}/ssh.service`)).toBe('/dev/null');
  expect(await doors.files.list(units)).toEqual(['a.service', 'local-fs.target.wants', 'multi-user.target.wants', 'ssh.service']);
  await expect(makeOverlay(doors, { ...options, files: [{ ...own, lines: [] }] })).rejects.toThrow('a.service is to be started');
});

test('root builds in a mount namespace of its own: the machine is in no tree that somebody clears away', () => {
  expect(ownMounts(true)).toEqual(['unshare', '--mount', '--propagation', 'private', '--']);
  expect(ownMounts(false)).toEqual([]);
});

test('a build that fails says what was said last; one that is given up ends its program and waits for it', async () => {
  const programs = { mmdebstrap: () => ({}), unshare: () => ({}) };
  const options = { plan, sources: { suite: 'bookworm', lines: [], aptOptions: [] }, overlay: '/o.tar', out: '/r.tar', epochSeconds: 1 };
  const failing = new FakeExec(programs);
  const told: string[] = [];
  const made = makeRootFs({ exec: failing, tell: (line) => told.push(line), signal: new AbortController().signal }, options);
  await vi.waitFor(() => expect(failing.children).toHaveLength(1), { timeout: 60_000 });
  failing.children[0]?.line('I: downloading packages with apt...');
  failing.children[0]?.line('E: apt-get failed');
  failing.children[0]?.exit(1);
  await expect(made).rejects.toThrow('E: apt-get failed');
  expect(told).toEqual(['downloading packages with apt...']);

  const stopping = new AbortController();
  const stopped = new FakeExec(programs);
  const given = makeRootFs({ exec: stopped, tell: () => {}, signal: stopping.signal }, options);
  await vi.waitFor(() => expect(stopped.children).toHaveLength(1), { timeout: 60_000 });
  stopping.abort();
  await expect(given).rejects.toThrow('given up');
  expect(stopped.children[0]?.signals).toEqual(['SIGTERM']);
});
