import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Etcd } from '../harness/etcd.ts';
import { Program } from '../harness/program.ts';
import { Stack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const dir = mkdtempSync(join(tmpdir(), 'flotilla-etcd-'));
let etcd: Etcd;
let stack: Stack;

beforeAll(async () => {
  etcd = await Etcd.start(dir);
  stack = new Stack({ hubArgs: ['--store', 'etcd', '--etcd-endpoints', etcd.endpoint], mqtt: 'none' });
  await stack.startHub();
});
afterAll(async () => {
  await stack?.close();
  await etcd?.kill();
  rmSync(dir, { recursive: true, force: true });
});

test('a hub on etcd keeps what was applied over a restart, and tells its watchers', async () => {
  await stack.kubectl.ok(['create', 'deployment', 'web', '--image=localhost/web', '--replicas=2']);
  const replicas = (): Promise<string> => stack.kubectl.ok(['get', 'deployment', 'web', '-o', 'jsonpath={.status.replicas}']);
  await until('the deployment has two replicas', async () => (await replicas()) === '2');
  const uid = await stack.kubectl.ok(['get', 'deployment', 'web', '-o', 'jsonpath={.metadata.uid}']);
  expect(await stack.hub.end('SIGTERM')).toBe(0);
  await stack.startHub();
  expect(await stack.kubectl.ok(['get', 'deployment', 'web', '-o', 'jsonpath={.metadata.uid}'])).toBe(uid);
  const watch = new Program('watch', stack.kubectl.start(['get', 'deployment', 'web', '--watch', '--output-watch-events', '--no-headers']));
  await watch.says(/^ADDED /m);
  await stack.kubectl.ok(['scale', 'deployment', 'web', '--replicas=3']);
  await watch.says(/^MODIFIED +web +0\/3/m);
  await stack.kubectl.ok(['delete', 'deployment', 'web']);
  await watch.says(/^DELETED /m);
  await watch.end('SIGTERM');
});
