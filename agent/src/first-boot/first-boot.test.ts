import { parseSettingsFile } from '@flotilla/shared/board-settings/settings-file.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import type { Disks } from '@flotilla/shared/platform/disks.js';
import { FakeExec } from '@flotilla/shared/platform/fake-exec.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { expect, test } from 'vitest';
import type { BoardStatus } from './board-face.ts';
import { afterJoining, type FirstBootDoors, firstBoot } from './first-boot.ts';
import { boardName, planFirstBoot } from './first-boot-plan.ts';

const token = `f1.${'0a'.repeat(5)}.${'S'.repeat(32)}.${'ab'.repeat(32)}`;
const settings = `hub = https://hub.example:6443
token = ${token}
hostname = kitchen-1
wifi = Our café
wifi-password = correct horse battery
wifi-country = DE
label = site=a
label = floor=2
taint = only=gpu:NoSchedule
timezone = Europe/Berlin
ssh-key = ssh-ed25519 ${'A'.repeat(68)} ann
static-ip = 192.168.1.20/24
gateway = 192.168.1.1
proxy = http://ann:secret@proxy.example:3128
preload-image = registry.example/app:1
`;
const secrets = [token, 'correct horse', 'ann:secret'];
const facts = { hostname: 'flotilla', model: 'Raspberry Pi 4 Model B Rev 1.4', serial: '10000000abcdef12' };
const programs = (): FakeExec =>
  new FakeExec(Object.fromEntries(['hostname', 'ln', 'systemctl', 'ssh-keygen', 'podman'].map((program) => [program, () => ({})])));

/** Files of the fake, overwritten where they lie. */
function disksOf(files: FakeFiles, erased: string[]): Disks {
  return {
    open: async (path) => ({
      sizeBytes: 0,
      readInto: async () => 0,
      write: async (data) => {
        erased.push(path);
        await files.write(path, Buffer.from(data));
      },
      sync: () => files.sync(path),
      close: async () => {},
    }),
  };
}

async function card(
  text: string | undefined,
): Promise<{ files: FakeFiles; exec: FakeExec; erased: string[]; shown: BoardStatus[]; doors: FirstBootDoors }> {
  const [files, exec, erased] = [new FakeFiles(), programs(), [] as string[]];
  await files.mkdir('/boot/firmware');
  if (text !== undefined) await files.writeAtomic('/boot/firmware/flotilla.txt', text);
  const shown: BoardStatus[] = [];
  const face = { show: async (status: BoardStatus): Promise<void> => void shown.push(status) };
  return { files, exec, erased, shown, doors: { files, exec, face, clock: new FakeClock(), disks: disksOf(files, erased) } };
}

const report = async (files: FakeFiles): Promise<string> => (await files.readText('/boot/firmware/flotilla-report.txt')) ?? '';

test('a board gets its name, network, keys and agent, and says so on the card', async () => {
  const { files, exec, doors } = await card(settings);
  await firstBoot(doors, '/boot/firmware', facts);
  expect(await files.readText('/etc/hostname')).toBe('kitchen-1\n');
  expect(await files.readText('/etc/flotilla/agent.env')).toBe(
    'FLOTILLA_AGENT_FLAGS=--node-name kitchen-1 --hub https://hub.example:6443 --node-labels site=a,floor=2 ' +
      '--register-with-taints only=gpu:NoSchedule --token-file /etc/flotilla/join-token\nHTTPS_PROXY=http://ann:secret@proxy.example:3128\n',
  );
  expect(await files.readText('/etc/systemd/network/10-flotilla.network')).toBe(
    '[Match]\nName=wl*\n[Network]\nAddress=192.168.1.20/24\nGateway=192.168.1.1\n',
  );
  expect(await files.readText('/etc/wpa_supplicant/wpa_supplicant-wlan0.conf')).toContain('psk="correct horse battery"');
  for (const path of ['/etc/flotilla/join-token', '/etc/flotilla/agent.env', '/etc/wpa_supplicant/wpa_supplicant-wlan0.conf'])
    expect((await files.stat(path))?.mode).toBe(0o600);
  expect(exec.calls.map(({ command, args }) => [command, ...args].join(' '))).toEqual([
    'hostname kitchen-1',
    'ln -sfn /usr/share/zoneinfo/Europe/Berlin /etc/localtime',
    'systemctl --no-block enable --now wpa_supplicant@wlan0.service',
    'ssh-keygen -A',
    'systemctl unmask ssh.service',
    'systemctl --no-block enable --now ssh.service',
  ]);
  for (const step of ['settings: read', 'name: done', 'network: done', 'SSH: done', 'agent: done', 'first boot: done'])
    expect(await report(files)).toContain(step);
  for (const secret of secrets) expect(await report(files)).not.toContain(secret);
  expect(await files.readText('/var/lib/flotilla-first-boot/journal.json')).not.toContain('f1.');
});

test('after joining nothing secret is left on the card, overwritten where it lay; images are fetched', async () => {
  const { files, exec, erased, doors } = await card(settings);
  await firstBoot(doors, '/boot/firmware', facts);
  await afterJoining(doors, '/boot/firmware');
  const left = (await files.readText('/boot/firmware/flotilla.txt')) ?? '';
  for (const secret of secrets) expect(left).not.toContain(secret);
  expect(parseSettingsFile(left).values).toMatchObject({ hostname: ['kitchen-1'], hub: ['https://hub.example:6443'] });
  expect(await files.stat('/etc/flotilla/join-token')).toBeUndefined();
  expect(erased).toEqual(['/etc/flotilla/join-token', '/boot/firmware/flotilla.txt']);
  expect(exec.calls.at(-1)?.args).toEqual(['pull', '--quiet', 'registry.example/app:1']);
  expect(await report(files)).toContain('what was secret here is erased');
  expect(await files.stat('/var/lib/flotilla-first-boot/joined')).toBeDefined();
  await afterJoining(doors, '/boot/firmware');
  expect(erased).toHaveLength(2);
});

test('an image that could not be fetched is told, and tried again at the next boot', async () => {
  const { files, doors } = await card(settings);
  await firstBoot(doors, '/boot/firmware', facts);
  const exec = new FakeExec({ podman: () => ({ code: 125, stderr: 'Trying to pull\nno route to host\n' }) });
  await afterJoining({ ...doors, exec }, '/boot/firmware');
  expect(await report(files)).toContain('image: registry.example/app:1 could not be fetched: no route to host');
  expect(await files.stat('/var/lib/flotilla-first-boot/joined')).toBeUndefined();
  await afterJoining(doors, '/boot/firmware');
  expect(await files.stat('/var/lib/flotilla-first-boot/joined')).toBeDefined();
});

test('the file on the card changes nothing any more once it was read', async () => {
  const { files, doors } = await card(settings);
  await firstBoot(doors, '/boot/firmware', facts);
  await files.writeAtomic('/boot/firmware/flotilla.txt', 'hub = https://evil.example:6443\nhostname = other\n');
  await firstBoot(doors, '/boot/firmware', facts);
  expect(await files.readText('/etc/hostname')).toBe('kitchen-1\n');
  expect(await files.readText('/etc/flotilla/agent.env')).not.toContain('evil');
});

test('the power is cut at every write: the next boot goes on, and ends where one without a cut does', async () => {
  const whole = await card(settings);
  await firstBoot(whole.doors, '/boot/firmware', facts);
  await afterJoining(whole.doors, '/boot/firmware');
  const kept = ['/etc/hostname', '/etc/flotilla/agent.env', '/etc/systemd/network/10-flotilla.network', '/boot/firmware/flotilla.txt'];
  let cuts = 0;
  for (let cut = 1; ; cut++) {
    const { files, doors } = await card(settings);
    let died = false;
    files.cutAfter(cut);
    for (;;) {
      try {
        await firstBoot(doors, '/boot/firmware', facts);
        await afterJoining(doors, '/boot/firmware');
        break;
      } catch (error) {
        expect((error as Error).name).toBe('PowerCut');
        died = true;
        files.restore();
      }
    }
    files.cutAfter(Number.POSITIVE_INFINITY);
    for (const path of kept) expect(await files.readText(path), `cut ${cut}: ${path}`).toBe(await whole.files.readText(path));
    if (!died) break;
    cuts++;
  }
  expect(cuts).toBeGreaterThan(40);
});

test('no settings, wrong ones, and a step that fails: the report says what to do, and the next boot tries again', async () => {
  const none = await card(undefined);
  // The unit tries again and again; the card is written once.
  for (let tries = 0; tries < 3; tries++)
    await expect(firstBoot(none.doors, '/boot/firmware', facts)).rejects.toThrow('there is no flotilla.txt on the boot partition');
  expect((await report(none.files)).match(/settings: FAILED: there is no flotilla.txt/g)).toHaveLength(1);
  await none.files.writeAtomic('/boot/firmware/flotilla.txt', 'hub = here\n');
  await expect(firstBoot(none.doors, '/boot/firmware', facts)).rejects.toThrow('line 1, column 7: hub: "here" is not an address');
  await none.files.writeAtomic('/boot/firmware/flotilla.txt', settings);
  await firstBoot(none.doors, '/boot/firmware', facts);
  expect(await none.files.readText('/etc/hostname')).toBe('kitchen-1\n');

  const failing = await card(settings);
  const exec = new FakeExec({ hostname: () => ({ code: 1, stderr: 'hostname: no\n' }) });
  await expect(firstBoot({ ...failing.doors, exec }, '/boot/firmware', facts)).rejects.toThrow('hostname kitchen-1: hostname: no');
  expect(await report(failing.files)).toContain('name: FAILED: hostname kitchen-1: hostname: no');
  await firstBoot(failing.doors, '/boot/firmware', facts);
  expect(await report(failing.files)).toContain('first boot: done');
  // Whoever stands before the board sees the same.
  expect(failing.shown.map(({ state }) => state)).toEqual(['starting', 'fault', ...Array(5).fill('starting'), 'joining']);
  expect(failing.shown[1]).toEqual({ state: 'fault', step: 'name', fault: 'hostname kitchen-1: hostname: no' });
});

test.for([
  ['garage', 'garage'],
  ['flotilla', 'raspberry-pi-4-cdef12'],
  ['localhost.localdomain', 'raspberry-pi-4-cdef12'],
  ['bad_name', 'raspberry-pi-4-cdef12'],
] as const)('a machine called %s becomes %s', ([hostname, expected]) => {
  expect(boardName({ ...facts, hostname }, undefined)).toBe(expected);
});

test('a board without settings for it gets no network, keys or zone of its own', () => {
  const steps = planFirstBoot({ hub: ['https://h:1'] }, { hostname: '', model: '', serial: '' });
  expect(steps.map(({ name }) => name)).toEqual(['name', 'agent']);
  expect(steps[0]?.files[0]?.content).toBe('board\n');
});

test('what is written on the card is synced once more where it lies then: FAT enters the place of a renamed file only with the file', async () => {
  const { files, doors } = await card(settings);
  const unsynced = new Set<string>();
  const [replace, sync] = [files.writeAtomic.bind(files), files.sync.bind(files)];
  files.writeAtomic = async (path, ...what) => {
    await replace(path, ...what);
    if (path.startsWith('/boot/firmware/')) unsynced.add(path);
  };
  files.sync = async (path) => {
    await sync(path);
    unsynced.delete(path);
  };
  const written: string[] = [];
  await firstBoot(doors, '/boot/firmware', facts);
  written.push(...unsynced);
  await afterJoining(doors, '/boot/firmware');
  expect([...written, ...unsynced]).toEqual([]);
  expect(await report(files)).toContain('what was secret here is erased');
});
