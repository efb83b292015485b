import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SystemExec } from './exec.ts';
import { FakeExec } from './fake-exec.ts';
import { SystemMounts } from './mounts.ts';

const tmpfsMagic = 0x01021994;
let dir: string;
const mounts = new SystemMounts(new SystemExec());
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flotilla mounts-'));
});
afterEach(async () => {
  await mounts.release(dir);
  rmSync(dir, { recursive: true });
});

// The kernel lets nobody but root mount, and without root the agent has no such door.
test.runIf(process.getuid?.() === 0)('memory is mounted once, with its limit, and taken away with all below it', async () => {
  expect(await mounts.memory(dir, { sizeBytes: 1_048_576 })).toBe(true);
  expect(await mounts.memory(dir, { sizeBytes: 1_048_576 })).toBe(false);
  const { type, bsize, blocks } = statfsSync(dir);
  expect([type, bsize * blocks]).toEqual([tmpfsMagic, 1_048_576]);
  writeFileSync(join(dir, 'fits'), Buffer.alloc(500_000));
  expect(() => writeFileSync(join(dir, 'does not'), Buffer.alloc(1_000_000))).toThrow('ENOSPC');
  await mounts.release(dir);
  expect(statfsSync(dir).type).not.toBe(tmpfsMagic);
  await mounts.release(dir);
});

test('what mount says is passed on', async () => {
  const refuses = new SystemMounts(new FakeExec({ mount: () => ({ code: 32, stderr: 'mount: not permitted\n' }) }));
  await expect(refuses.memory(dir, {})).rejects.toThrow('mount: mount: not permitted');
});
