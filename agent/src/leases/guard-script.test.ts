import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { guardScript } from './guard-script.ts';
import { isPodCgroup } from './pod-cgroup.ts';

const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
let dir: string;
let started: ChildProcess[] = [];

beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'flotilla-guard-script-')));
});
afterEach(() => {
  for (const one of started) one.kill('SIGKILL');
  started = [];
  rmSync(dir, { recursive: true, force: true });
});

/** A process that is listed in a cgroup of the hierarchy that this test made of plain files; no real one is ever looked at. */
function processIn(cgroup: string): ChildProcess {
  const folder = join(dir, 'cgroup', cgroup);
  mkdirSync(folder, { recursive: true });
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  started.push(child);
  writeFileSync(join(folder, 'cgroup.procs'), `0\n${child.pid}\n`);
  return child;
}

const endOf = (child: ChildProcess): Promise<void> => new Promise((resolve) => child.once('exit', () => resolve()));
const alive = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;

/** The guard looks at one line after the other: when the last pod's process was killed, all lines before were heeded. */
async function guardWith(paths: readonly string[], until: ChildProcess, script = guardScript): Promise<void> {
  const shared = join(dir, 'shared');
  mkdirSync(shared);
  writeFileSync(join(shared, 'state'), `${[bootId, ...paths.map((path, at) => `uid-${at} 0 1000 ${path}`)].join('\n')}\n`);
  writeFileSync(join(shared, 'guard.sh'), script.replaceAll('/sys/fs/cgroup', join(dir, 'cgroup')));
  const killed = endOf(until);
  const guard = spawn('/bin/sh', [join(shared, 'guard.sh'), shared], { stdio: 'ignore', detached: true });
  started.push(guard);
  const guardEnded = endOf(guard);
  await killed;
  // Alive to the end: it did not kill its own group by the 0 either.
  expect(alive(guard)).toBe(true);
  rmSync(join(shared, 'guard.pid'));
  await guardEnded;
}

const ways = ['/', '//', '/.', '/..', '/pods/..', '/pods/../other', '/pods/one/../../other', '/./other', '//other', '/other/', 'other'];

it('kills in the cgroup of a pod whose lease is over, and nowhere by a path that is not one of a pod', async () => {
  const others = ['other/container', 'pods/two/container', 'container'].map(processIn);
  // A container tells how it ended through its monitor.
  others.push(processIn('pods/one/conmon'));
  const one = processIn('pods/one/container');
  await guardWith([...ways, '/pods/one'], one);
  expect(others.map(alive)).toEqual(others.map(() => true));
});

it('would kill everything below the root if it did not look at the path', async () => {
  const other = processIn('other/container');
  const careless = guardScript.replace(/ {2}case \$1 in\n.*?\n {2}esac\n/s, '');
  expect(careless).not.toBe(guardScript);
  await guardWith(['/'], other, careless);
  expect(alive(other)).toBe(false);
});

it.each(['/machine.slice/machine-libpod_pod_ab.slice', '/libpod_parent/ab', '/one', '/user.slice/user@1000.service/x'])(
  '%s is of a pod',
  (path) => {
    expect(isPodCgroup(path)).toBe(true);
  },
);

it.each(['', ...ways, '/a b', '/a\nb', '/a..b'])('%j is not of a pod', (path) => {
  expect(isPodCgroup(path)).toBe(false);
});
