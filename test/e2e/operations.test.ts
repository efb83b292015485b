import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeOperation } from '@flotilla/shared/api/fleet/node-operation.js';
import type { ConfigMap, Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { nodeOfflineSince } from '@flotilla/shared/api/offline.js';
import { expect, test } from 'vitest';
import type { Board } from '../harness/board.ts';
import { useStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

let board: Board;
const stack = useStack({}, async (it) => {
  // In the place of `systemctl reboot`: it counts, and the machine stays up.
  const command = join(it.dir, 'reboot');
  writeFileSync(command, `#!/bin/sh\necho ordered >> ${command}.log\n`);
  chmodSync(command, 0o755);
  board = await it.addBoard('board-1', { args: ['--keep-alive', '2', '--reboot-command', command] });
  await it.kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(web) });
  await it.waitFor('condition=Ready', 'pod/web');
});

const web: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web' },
  spec: {
    nodeName: 'board-1',
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'main', image: 'localhost/flotilla-demo:1', command: ['sh', '-c', 'trap "exit 0" TERM; sleep 10000 & wait'] }],
  },
};

const reboots = (): number => {
  const log = join(stack.dir, 'reboot.log');
  return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0;
};
const named = (stderr: string): string => /^nodeoperation\/(\S+) created$/m.exec(stderr)?.[1] ?? stderr;
const operation = (name: string): Promise<NodeOperation> => stack.get<NodeOperation>('nodeoperation', name);

test('a board that is away does what waited for it when it is back, once, and tells what came of it', async () => {
  const before = await stack.get<Pod>('pod', 'web');
  await board.stop();
  await until('it is offline', async () => nodeOfflineSince(await stack.get<Node>('node', 'board-1')) !== undefined);
  const ordered = await stack.flotilla('node', 'restart-pod', 'board-1', 'default/web', '--ttl', '1h');
  expect(ordered.stderr).toMatch(/^node board-1 is offline since \S+Z; the operation waits until \S+Z$/m);
  const name = named(ordered.stderr);
  expect((await operation(name)).status?.phase).toBe('Pending');

  board.start();
  await stack.waitFor('condition=Complete', `nodeoperation/${name}`);
  expect((await operation(name)).status?.result).toEqual({ restartedContainers: [{ name: 'main', restartCount: 1 }] });
  await until('the pod says so', async () => (await stack.get<Pod>('pod', 'web')).status?.containerStatuses?.[0]?.restartCount === 1);
  expect((await stack.get<Pod>('pod', 'web')).metadata?.uid).toBe(before.metadata?.uid);

  const out = join(stack.dir, 'report.json');
  const diagnosed = await stack.flotilla('node', 'diagnose', 'board-1', '--out', out);
  expect(diagnosed).toMatchObject({ code: 0, stdout: '' });
  const report = JSON.parse(readFileSync(out, 'utf8')) as { node: string; pods: { name: string; containers: object[] }[] };
  expect(report).toMatchObject({ node: 'board-1', runtime: { name: 'podman' }, pods: [{ name: 'web', phase: 'Running' }] });
  const kept = `nodeop-${named(diagnosed.stderr)}`;
  expect((await stack.get<ConfigMap>('configmap', kept, '--namespace', 'kube-system')).data?.['report.json']).toBeDefined();
});

test('an agent that dies between the order to boot and the boot says that it does not know, and orders nothing more', async () => {
  const ordered = await stack.flotilla('node', 'reboot', 'board-1');
  const name = named(ordered.stderr);
  await until('it was ordered', async () => reboots() === 1);
  // The hub is not waited for long.
  expect(['Delivered', 'Running']).toContain((await operation(name)).status?.phase);
  await board.stop('SIGKILL');
  board.start();
  await stack.waitFor('condition=Failed', `nodeoperation/${name}`);
  expect((await operation(name)).status).toMatchObject({
    phase: 'Unknown',
    message: 'The agent ended after it had begun, and nothing tells whether it was done; it is not tried again.',
  });
  expect(reboots()).toBe(1);
});

test('the command line says what is not there', async () => {
  const [nobody, elsewhere] = await Promise.all([
    stack.flotilla('node', 'reboot', 'nobody', '--wait'),
    stack.flotilla('node', 'restart-pod', 'board-2', 'web', '--wait'),
  ]);
  expect([nobody.code, nobody.stderr]).toEqual([1, 'flotilla: nodes "nobody" not found']);
  expect([elsewhere.code, elsewhere.stderr]).toEqual([1, 'flotilla: pod default/web runs on node board-1, not on board-2']);
});
