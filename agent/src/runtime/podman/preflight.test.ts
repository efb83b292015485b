import { FakeExec } from '@flotilla/shared/platform/fake-exec.js';
import { describe, expect, test } from 'vitest';
import { containersConf, pickOciRuntime } from './containers-conf.ts';
import type { HostFacts } from './host-facts.ts';
import { preflight, shortcomings } from './preflight.ts';

const good: HostFacts = {
  isRoot: true,
  cgroups: 'v2',
  memoryController: true,
  cpuController: true,
  swapAccounting: true,
  systemd: true,
  tun: true,
  hardOpenFiles: 1_048_576,
  hardProcesses: undefined,
  found: {
    podman: 'podman',
    runc: 'runc',
    crun: 'crun',
    conmon: 'conmon',
    netavark: 'netavark',
    catatonit: 'catatonit',
    iptables: 'iptables',
    nft: undefined,
    newuidmap: 'newuidmap',
    slirp4netns: 'slirp4netns',
    pasta: undefined,
    script: '/usr/bin/script',
    nsenter: '/usr/bin/nsenter',
  },
};
const without = (...programs: (keyof HostFacts['found'])[]): HostFacts => ({
  ...good,
  found: { ...good.found, ...Object.fromEntries(programs.map((name) => [name, undefined])) },
});
const exec = (podman = 'podman version 4.3.1', netavark = 'netavark 1.4.0', runc = 0): FakeExec =>
  new FakeExec({
    podman: () => ({ stdout: podman }),
    netavark: () => ({ stdout: netavark }),
    crun: () => ({ stdout: 'crun 1.8.1' }),
    runc: () => ({ code: runc }),
  });

describe('preflight', () => {
  test('has nothing to say when nothing is missing', async () => {
    expect(await preflight(good, exec())).toEqual([]);
    expect(
      await preflight({ ...without('iptables'), found: { ...without('iptables').found, nft: 'nft' } }, exec(undefined, 'netavark 1.14.0')),
    ).toEqual([]);
  });

  test.each([
    [without('podman'), 'install the package podman'],
    [without('runc', 'crun'), 'install the package crun or runc'],
    [{ ...without('runc'), cgroups: 'hybrid' as const }, 'install the package runc'],
    [without('conmon'), 'install the package conmon'],
    [without('catatonit'), 'install the package catatonit'],
    [without('netavark'), 'install the package netavark'],
    [without('iptables'), 'install the package iptables'],
    [{ ...good, memoryController: false }, 'cgroup_enable=memory'],
    [{ ...good, cgroups: 'none' as const }, 'no cgroups are mounted'],
    [{ ...without('newuidmap'), isRoot: false }, 'install the package uidmap'],
    [{ ...good, isRoot: false, tun: false }, '/dev/net/tun'],
    [{ ...without('slirp4netns'), isRoot: false }, 'install the package slirp4netns'],
  ])('says what to do: %#', async (facts, words) => {
    expect((await preflight(facts, exec())).join('\n')).toContain(words);
  });

  test('an ordinary user who may not limit pods runs them without limits', async () => {
    const user = { ...good, isRoot: false, memoryController: false };
    expect((await preflight(user, exec())).join('\n')).not.toContain('memory');
    expect(shortcomings(user)).toEqual([expect.stringContaining('this user may not limit memory')]);
    expect(shortcomings({ ...user, isRoot: true })).toEqual([]);
  });

  test('an old podman, and programs that cannot be run', async () => {
    expect(await preflight(good, exec('podman version 3.4.4'))).toEqual([expect.stringContaining('podman 3.4.4 is too old')]);
    expect(await preflight({ ...good, cgroups: 'hybrid' }, exec(undefined, undefined, 1))).toEqual([
      expect.stringContaining('runc cannot be run'),
    ]);
  });
});

test('a quick look finds what is missing and starts no program', async () => {
  expect(await preflight(good, undefined)).toEqual([]);
  expect((await preflight(without('netavark'), undefined)).join('\n')).toContain('install the package netavark');
  expect((await preflight(without('iptables', 'nft'), undefined)).join('\n')).toContain('install the package iptables');
});

describe('containersConf', () => {
  test('takes runc where cgroups are mixed, and lowers limits only below what podman asks for', () => {
    expect(pickOciRuntime(good)).toBe('crun');
    expect(pickOciRuntime({ ...good, cgroups: 'hybrid' })).toBe('runc');
    expect(pickOciRuntime(without('crun'))).toBe('runc');
    expect(containersConf(good, undefined)).not.toContain('default_ulimits');
    const low = containersConf({ ...good, hardOpenFiles: 20_000, hardProcesses: 96_365, systemd: false }, '/x/conmon');
    expect(low).toContain('default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]');
    expect(low).toContain('cgroup_manager = "cgroupfs"');
    expect(low).toContain('conmon_path = ["/x/conmon"]');
  });
});
