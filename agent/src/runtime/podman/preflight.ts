import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import { pickOciRuntime } from './containers-conf.ts';
import type { HostFacts } from './host-facts.ts';

/** What this host lacks for pods with podman, each in plain words with what to do about it. Without `exec` no program is tried out. */
export async function preflight(facts: HostFacts, exec: Exec | undefined): Promise<readonly string[]> {
  const { found } = facts;
  const lacks: string[] = [];
  if (found.podman === undefined) return ['podman is not installed: install the package podman (apt install podman)'];

  if (exec) {
    const version = await versionOf(exec, found.podman);
    if (version === undefined) lacks.push(`${found.podman} --version fails: reinstall the package podman`);
    else if (version[0] < 4)
      lacks.push(`podman ${version.join('.')} is too old: version 4 or later is needed (Debian 12 and later have it)`);
  }

  const runtime = pickOciRuntime(facts);
  if (runtime === undefined) {
    lacks.push(
      facts.cgroups === 'hybrid' && found.crun !== undefined
        ? 'crun does not work on this host because it mixes cgroups v1 and v2: install the package runc'
        : 'no OCI runtime is installed: install the package crun or runc',
    );
  } else if (exec) {
    const works = await exec.run(found[runtime] as string, ['--version']).then(
      ({ code }) => code === 0,
      () => false,
    );
    if (!works) lacks.push(`${runtime} cannot be run: reinstall the package ${runtime}`);
  }

  if (found.conmon === undefined) lacks.push('conmon, which watches over each container, is missing: install the package conmon');
  if (found.catatonit === undefined) lacks.push('catatonit, which holds a pod’s network open, is missing: install the package catatonit');
  if (found.netavark === undefined) lacks.push('netavark, which makes the pod network, is missing: install the package netavark');
  else lacks.push(...(await firewall(facts, exec, found.netavark)));
  lacks.push(...cgroupLacks(facts));
  if (!facts.isRoot) lacks.push(...rootlessLacks(facts));
  return lacks;
}

async function firewall(facts: HostFacts, exec: Exec | undefined, netavark: string): Promise<string[]> {
  const { iptables, nft } = facts.found;
  if (iptables !== undefined || (nft !== undefined && !exec)) return [];
  const version = exec && (await versionOf(exec, netavark));
  // Since 1.10 netavark can use nftables instead.
  const takesNft = version !== undefined && (version[0] > 1 || (version[0] === 1 && version[1] >= 10));
  if (takesNft && nft !== undefined) return [];
  return ['iptables, which netavark needs for the pod network, is missing: install the package iptables'];
}

function cgroupLacks(facts: HostFacts): string[] {
  if (facts.cgroups === 'none') return ['no cgroups are mounted below /sys/fs/cgroup: containers cannot be limited or watched'];
  if (!facts.isRoot) return [];
  const lacks: string[] = [];
  if (!facts.memoryController) {
    lacks.push(
      'the kernel’s memory controller is off, so memory limits have no effect: add cgroup_enable=memory to the kernel’s command line (on a Raspberry Pi: /boot/firmware/cmdline.txt) and reboot',
    );
  }
  if (!facts.cpuController) lacks.push('the kernel’s cpu controller is off, so CPU limits have no effect');
  return lacks;
}

/** What pods of an ordinary user go without on this host: they run all the same. */
export function shortcomings({ isRoot, memoryController, cpuController }: HostFacts): readonly string[] {
  if (isRoot) return [];
  const without = [...(memoryController ? [] : ['memory']), ...(cpuController ? [] : ['cpu'])];
  return without.map(
    (name) =>
      `this user may not limit ${name}, so limits of ${name} have no effect: run the agent as root, or delegate the ${name} controller to user sessions (systemd, Delegate=)`,
  );
}

function rootlessLacks(facts: HostFacts): string[] {
  const lacks: string[] = [];
  if (facts.found.newuidmap === undefined)
    lacks.push('newuidmap, which containers without root need, is missing: install the package uidmap');
  const { username } = userInfo();
  for (const file of ['/etc/subuid', '/etc/subgid']) {
    if (!new RegExp(`^${username}:`, 'm').test(read(file))) {
      lacks.push(
        `${file} gives ${username} no ids for containers: run usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username} as root`,
      );
    }
  }
  if (facts.found.slirp4netns === undefined && facts.found.pasta === undefined) {
    lacks.push('neither pasta nor slirp4netns, which connect containers without root, is installed: install the package slirp4netns');
  }
  if (!facts.tun)
    lacks.push(
      'this user may not open /dev/net/tun, which containers without root need for their network: run chmod 0666 /dev/net/tun as root',
    );
  return lacks;
}

async function versionOf(exec: Exec, program: string): Promise<[number, number, number] | undefined> {
  const result = await exec.run(program, ['--version'], { timeoutMs: 10_000 }).catch(() => undefined);
  const match = result?.code === 0 ? /(\d+)\.(\d+)\.(\d+)/.exec(result.stdout.toString()) : null;
  return match ? [Number(match[1]), Number(match[2]), Number(match[3])] : undefined;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
