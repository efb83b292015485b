import { X509Certificate } from 'node:crypto';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { Enrolment } from '#hublink/enrolment.ts';

export interface Finding {
  readonly check: string;
  /** `warning`: it works, and somebody should look at it. */
  readonly state: 'ok' | 'warning' | 'failed';
  readonly what: string;
  /** What to do about it. */
  readonly todo?: string;
}

export interface DoctorDoors {
  readonly files: Pick<Files, 'readText' | 'space' | 'stat'>;
  readonly clock: Clock;
  /** What the runtime misses on this machine. */
  readonly runtimeFaults: () => Promise<readonly string[]>;
  /** Undefined when this board has not joined. */
  readonly enrolment: () => Promise<Enrolment | undefined>;
  /** Asks the hub for something over TLS, by its pinned authority. @throws Error */
  readonly reachHub: (enrolment: Enrolment) => Promise<void>;
  /** Addresses of this machine that others can reach. */
  readonly addresses: () => readonly string[];
  readonly dataDir: string;
}

const mib = 1 << 20;
const leastFreeBytes = 256 * mib;
/** No hub was ever made before: a clock that says so is wrong. */
const firstReleaseMs = Date.UTC(2026, 0, 1);
const dayMs = 86_400_000;

/** Looks at everything that a board needs, in the order in which one thing stands on another. Never throws. */
export async function examine(doors: DoctorDoors): Promise<Finding[]> {
  const checks: readonly (readonly [string, (doors: DoctorDoors) => Promise<Finding> | Finding])[] = [
    ['runtime', runtime],
    ['cgroups', cgroups],
    ['clock', clock],
    ['disk', disk],
    ['network', network],
    ['identity', identity],
    ['hub', hub],
  ];
  const findings: Finding[] = [];
  for (const [check, look] of checks) {
    try {
      findings.push(await look(doors));
    } catch (error) {
      findings.push({ check, state: 'failed', what: `could not be looked at: ${error instanceof Error ? error.message : String(error)}` });
    }
  }
  return findings;
}

async function runtime({ runtimeFaults }: DoctorDoors): Promise<Finding> {
  const faults = await runtimeFaults();
  if (faults.length === 0) return { check: 'runtime', state: 'ok', what: 'podman can run pods' };
  return {
    check: 'runtime',
    state: 'failed',
    what: faults.join('; '),
    todo: 'install or repair what is named; on Debian: apt-get install podman',
  };
}

async function cgroups({ files }: DoctorDoors): Promise<Finding> {
  const unified = await files.readText('/sys/fs/cgroup/cgroup.controllers').catch(() => undefined);
  const table = (await files.readText('/proc/cgroups').catch(() => undefined)) ?? '';
  // On the old hierarchy a controller is a line with a 1 at its end.
  const has = (name: string): boolean => unified?.trim().split(' ').includes(name) || new RegExp(`^${name}\\s.*\\s1$`, 'm').test(table);
  const missing = ['memory', 'cpu', 'pids'].filter((name) => !has(name));
  if (missing.length === 0) return { check: 'cgroups', state: 'ok', what: 'memory, CPU and processes can be limited' };
  return {
    check: 'cgroups',
    state: 'warning',
    what: `the kernel does not limit ${missing.join(', ')}: pods may take all there is`,
    todo: missing.includes('memory')
      ? 'add cgroup_enable=memory to the kernel command line and start the board again'
      : 'use a kernel that can',
  };
}

function clock({ clock: time }: DoctorDoors): Finding {
  const nowMs = time.wallMs();
  const shown = new Date(nowMs).toISOString();
  if (nowMs >= firstReleaseMs) return { check: 'clock', state: 'ok', what: `it is ${shown}` };
  return {
    check: 'clock',
    state: 'warning',
    what: `it is ${shown}, which cannot be; the board takes the time from its hub`,
    todo: 'let the board reach a time server (UDP 123), or give it a battery for its clock',
  };
}

async function disk({ files, dataDir }: DoctorDoors): Promise<Finding> {
  const { bytes, freeBytes } = await files.space(dataDir);
  const shown = `${Math.round(freeBytes / mib)} of ${Math.round(bytes / mib)} MiB are free for ${dataDir}`;
  if (freeBytes >= leastFreeBytes && freeBytes >= bytes / 20) return { check: 'disk', state: 'ok', what: shown };
  const state = freeBytes < 16 * mib ? 'failed' : 'warning';
  return {
    check: 'disk',
    state,
    what: `only ${shown}`,
    todo: 'remove images that nobody uses (podman image prune), or take a larger card',
  };
}

async function network({ files, addresses }: DoctorDoors): Promise<Finding> {
  const own = addresses();
  if (own.length === 0)
    return {
      check: 'network',
      state: 'failed',
      what: 'no interface has an address',
      todo: 'look at the cable, or at wifi in the settings',
    };
  const four = (await files.readText('/proc/net/route').catch(() => undefined)) ?? '';
  const six = (await files.readText('/proc/net/ipv6_route').catch(() => undefined)) ?? '';
  const routed = /^\S+\t00000000\t/m.test(four) || /^0{32} 00 (?!.* lo$)/m.test(six);
  if (routed) return { check: 'network', state: 'ok', what: `the addresses are ${own.join(', ')}` };
  return {
    check: 'network',
    state: 'warning',
    what: `the addresses are ${own.join(', ')}, but there is no way out of this network`,
    todo: 'set the gateway if the hub is not in this network',
  };
}

async function identity({ enrolment, clock: time }: DoctorDoors): Promise<Finding> {
  const known = await enrolment();
  if (!known)
    return {
      check: 'identity',
      state: 'failed',
      what: 'this board has not joined a hub',
      todo: 'give it a token: `flotilla token create` on the hub, then --hub and --token-file here',
    };
  const end = new X509Certificate(known.certificate).validToDate.getTime();
  const name = `node ${known.node} of ${known.hub.host}:${known.hub.port}`;
  const left = end - time.wallMs();
  if (left > dayMs) return { check: 'identity', state: 'ok', what: `${name}; its certificate holds ${Math.floor(left / dayMs)} days` };
  return {
    check: 'identity',
    state: 'warning',
    what: `${name}; its certificate ${left > 0 ? 'ends within a day' : 'has ended'}`,
    todo: 'nothing, if the hub can be reached: the agent renews it with its key',
  };
}

async function hub({ enrolment, reachHub }: DoctorDoors): Promise<Finding> {
  const known = await enrolment();
  if (!known) return { check: 'hub', state: 'failed', what: 'no hub is known', todo: 'join one first' };
  const where = `${known.hub.host}:${known.hub.port}`;
  try {
    await reachHub(known);
    return { check: 'hub', state: 'ok', what: `${where} answers, and it is ours` };
  } catch (error) {
    return {
      check: 'hub',
      state: 'failed',
      what: error instanceof Error ? error.message : String(error),
      todo: `let this board reach ${where} (TCP), straight or through --proxy; pods run on meanwhile`,
    };
  }
}

/** 0: all is well. 1: something is broken. 2: it works, and somebody should look at it. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 2 {
  if (findings.some(({ state }) => state === 'failed')) return 1;
  return findings.some(({ state }) => state === 'warning') ? 2 : 0;
}

/** Lines for people. */
export function findingLines(findings: readonly Finding[]): string[] {
  const words = { ok: 'ok', warning: 'LOOK', failed: 'FAILED' } as const;
  return findings.flatMap(({ check, state, what, todo }) => [
    `${words[state].padEnd(6)}  ${check.padEnd(8)}  ${what}`,
    ...(todo === undefined ? [] : [`${''.padEnd(18)}→ ${todo}`]),
  ]);
}
