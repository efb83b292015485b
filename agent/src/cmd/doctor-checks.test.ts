import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { expect, test } from 'vitest';
import type { Enrolment } from '#hublink/enrolment.ts';
import { type DoctorDoors, examine, exitCodeOf, type Finding, findingLines } from './doctor-checks.ts';

/** Valid from 2026 to 2027, of nobody. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIUC4y86HUdrbEwVgG1kQ1Xdsco0GgwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MB4XDTI2MDEwMTAwMDAwMFoXDTI3MDEwMTAwMDAw
MFowETEPMA0GA1UEAwwGbm9ib2R5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
V/Oy0yQcU8HTAsXMwwN2UbvV4L3vQ+iuCpHlxnHDIntGpnHYYg85pNM2qDykTKj5
rPHTz5/Kx5SbS18qUm9m2KNTMFEwHQYDVR0OBBYEFIl2FwlXZJ5iU8fOXQfEG3n0
XvsJMB8GA1UdIwQYMBaAFIl2FwlXZJ5iU8fOXQfEG3n0XvsJMA8GA1UdEwEB/wQF
MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgOCoypdx3lQSblQITlkJkqFvxEah4gJLq
taNqiIBl4KgCIQDyIaDZVMULYEkNPexQ9sXY6COXdz1QQ2MA+jBmls3cpA==
-----END CERTIFICATE-----`;
const enrolment = { node: 'kitchen', hub: { host: 'hub.example', port: 6443 }, certificate } as Enrolment;
const route = 'Iface\tDestination\tGateway\neth0\t00000000\t0101A8C0\t0003\n';

async function healthy(change: Partial<DoctorDoors> = {}, files = new FakeFiles()): Promise<Finding[]> {
  for (const [path, text] of [
    ['/sys/fs/cgroup/cgroup.controllers', 'cpuset cpu io memory pids\n'],
    ['/proc/net/route', route],
  ] as const)
    if ((await files.readText(path)) === undefined) {
      await files.mkdir(path.slice(0, path.lastIndexOf('/')));
      await files.write(path, text);
    }
  return await examine({
    files: {
      readText: (path) => files.readText(path),
      stat: (path) => files.stat(path),
      space: async () => ({ bytes: 4e9, freeBytes: 2e9 }),
    },
    clock: new FakeClock(Date.UTC(2026, 5, 1)),
    runtimeFaults: async () => [],
    enrolment: async () => enrolment,
    reachHub: async () => {},
    addresses: () => ['192.168.1.20'],
    dataDir: '/var/lib/flotilla-agent',
    ...change,
  });
}

const bad = (findings: readonly Finding[]): string[] =>
  findings.filter(({ state }) => state !== 'ok').map(({ check, state }) => `${check} ${state}`);

test('a healthy board', async () => {
  const findings = await healthy();
  expect(bad(findings)).toEqual([]);
  expect(exitCodeOf(findings)).toBe(0);
  expect(findingLines(findings)).toHaveLength(7);
});

test('each thing that is wrong is found alone, in plain words, with what to do', async () => {
  const old = new FakeFiles();
  await old.mkdir('/sys/fs/cgroup');
  await old.write('/sys/fs/cgroup/cgroup.controllers', 'cpu pids\n');
  const lost = new FakeFiles();
  await lost.mkdir('/proc/net');
  await lost.write('/proc/net/route', 'Iface\n');
  const space = (freeBytes: number) => ({
    readText: async () => undefined,
    stat: async () => undefined,
    space: async () => ({ bytes: 4e9, freeBytes }),
  });
  const cases: readonly (readonly [Finding[], string, RegExp])[] = [
    [await healthy({ runtimeFaults: async () => ['podman: no such program'] }), 'runtime failed', /podman: no such program/],
    [await healthy({}, old), 'cgroups warning', /cgroup_enable=memory/],
    [await healthy({ clock: new FakeClock(0) }), 'clock warning', /1970-01-01/],
    [await healthy({ addresses: () => [] }), 'network failed', /no interface has an address/],
    [await healthy({}, lost), 'network warning', /no way out/],
    [await healthy({ clock: new FakeClock(Date.UTC(2030, 0, 1)) }), 'identity warning', /has ended/],
    [
      await healthy({
        reachHub: async () => {
          throw new Error('connect ECONNREFUSED hub.example:6443');
        },
      }),
      'hub failed',
      /ECONNREFUSED[\s\S]*let this board reach hub\.example:6443/,
    ],
  ];
  for (const [findings, expected, words] of cases) {
    expect(bad(findings)).toEqual([expected]);
    expect(findingLines(findings).join('\n')).toMatch(words);
    expect(exitCodeOf(findings)).toBe(expected.endsWith('failed') ? 1 : 2);
  }
  expect(bad(await healthy({ files: space(1e6) }))).toContain('disk failed');
  expect(bad(await healthy({ files: space(100 << 20) }))).toContain('disk warning');
});

test('a board that has not joined, and one whose record is damaged', async () => {
  expect(bad(await healthy({ enrolment: async () => undefined }))).toEqual(['identity failed', 'hub failed']);
  const findings = await healthy({
    enrolment: async () => {
      throw new Error('enrolment.json is damaged');
    },
  });
  expect(findingLines(findings).join()).toContain('could not be looked at: enrolment.json is damaged');
});
