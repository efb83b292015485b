import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BoardLease } from '@flotilla/agent/leases/board-lease.js';
import { SystemGuard } from '@flotilla/agent/leases/system-guard.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../harness/until.ts';

const dir = mkdtempSync(join(tmpdir(), 'flotilla-guard-'));
const guard = new SystemGuard({ files: new SystemFiles(), exec: new SystemExec() });
const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
const roots = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd', '/sys/fs/cgroup/pids'];
const root = roots.find((one) => existsSync(join(one, 'cgroup.procs'))) ?? '';
const pod = `/flotilla-guard-test-${process.pid}`;
const started: number[] = [];

const bootMs = (): number => Number.parseFloat(readFileSync('/proc/uptime', 'utf8')) * 1000;
/** 0 when none is at work. */
const guardPid = (): number => (existsSync(join(dir, 'guard.pid')) ? Number(readFileSync(join(dir, 'guard.pid'), 'utf8')) : 0);
function runs(pid: number): boolean {
  try {
    // A process that nobody has waited for yet is dead all the same.
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
/** A process in a container of the pod. */
function start(container: string): number {
  const folder = join(root, pod, container);
  mkdirSync(folder, { recursive: true });
  const { pid = 0 } = spawn('sleep', ['600'], { stdio: 'ignore', detached: true });
  started.push(pid);
  writeFileSync(join(folder, 'cgroup.procs'), String(pid));
  return pid;
}
/** Whole or not at all, as the agent does: a guard that reads half of it would end. */
function writeState(text: string): void {
  writeFileSync(join(dir, 'state.new'), text);
  renameSync(join(dir, 'state.new'), join(dir, 'state'));
}
function write(untilMs: number, boot = bootId): void {
  const lease = new BoardLease(boot);
  lease.add('uid-1');
  lease.place('uid-1', pod);
  lease.ask('n', ['uid-1'], 0);
  lease.granted('n', { 'uid-1': Math.max(0, untilMs) });
  writeState(lease.text());
}
/** As if another had begun. */
async function ended(): Promise<void> {
  const pid = guardPid();
  writeFileSync(join(dir, 'guard.pid'), '1\n');
  await until('the guard is gone', async () => !runs(pid));
}

beforeAll(() => {
  if (root === '') throw new Error('there is no cgroup hierarchy to test with');
});
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  for (const pid of started.filter(runs)) process.kill(pid, 'SIGKILL');
  await until('they are gone', async () => !started.some(runs));
  const remove = (folder: string): void => {
    for (const one of readdirSync(folder, { withFileTypes: true })) if (one.isDirectory()) remove(join(folder, one.name));
    rmdirSync(folder);
  };
  await until('the cgroups are free', async () => {
    try {
      if (existsSync(join(root, pod))) remove(join(root, pod));
      return true;
    } catch {
      return false;
    }
  });
});

test('the guard kills what outlives its lease, and what starts later, and nothing else', async () => {
  const container = start('libpod-a');
  const below = start('libpod-a/deeper');
  const conmon = start('conmon');
  const untilMs = bootMs() + 3000;
  write(untilMs);
  await guard.ensure(dir);
  await until('it runs', async () => existsSync(join(dir, 'guard.pid')) && runs(guardPid()));
  await until('they were killed', async () => !runs(container) && !runs(below));
  expect(bootMs()).toBeGreaterThan(untilMs - 20);
  expect(runs(conmon)).toBe(true);
  // A start that was on its way, with nobody left to stop it.
  const late = start('libpod-b');
  await until('it was killed, too', async () => !runs(late));
  expect(runs(conmon)).toBe(true);
});

test('a second guard takes over from the first, which ends; one that runs is left alone', async () => {
  const first = guardPid();
  await guard.ensure(dir);
  expect(guardPid()).toBe(first);
  await ended();
  await guard.ensure(dir);
  await until('another runs', async () => guardPid() > 1 && runs(guardPid()));
  expect(guardPid()).not.toBe(first);
});

test('a renewal that was written is heeded', async () => {
  // One that still has the old state in hand would be right to kill.
  await ended();
  write(bootMs() + 600_000);
  const container = start('libpod-c');
  const again = start('libpod-d');
  await guard.ensure(dir);
  await until('the guard is at work', async () => guardPid() > 1 && runs(guardPid()));
  expect(runs(container)).toBe(true);
  write(0);
  await until('both were killed', async () => !runs(container) && !runs(again));
});

test('the guard ends when there is nothing to guard, and makes nothing of another boot', async () => {
  const before = guardPid();
  writeState(`${bootId}\n`);
  await until('it ended', async () => !runs(before));
  const container = start('libpod-e');
  write(0, 'another-boot');
  await guard.ensure(dir);
  await until('the next one began and ended', async () => guardPid() > 0 && guardPid() !== before && !runs(guardPid()));
  expect(runs(container)).toBe(true);
});
