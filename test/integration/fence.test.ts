import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningHub, runHub } from '@flotilla/hub/cmd/run-hub.js';
import type { Event, Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Program } from '../harness/program.ts';
import { flotilla } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'flotilla-fence-'));
let running: RunningHub;
beforeAll(async () => {
  const listen = { host: '127.0.0.1', port: 0 };
  running = await runHub({ dataDir, listen, mqttListen: undefined, store: 'memory', logLevel: 'error', scheduler: false });
  const { admin } = running.hub;
  // Boards that were never heard of, and one that says it is well.
  for (const name of ['away', 'there']) await nodes().create('', { apiVersion: 'v1', kind: 'Node', metadata: { name } });
  await nodes().updateStatus('', 'there', (node) => ({
    ...node,
    status: { ...node.status, conditions: [{ type: 'Ready', status: 'True' }] },
  }));
  for (const [name, node] of [
    ['on-away', 'away'],
    ['also-on-away', 'away'],
    ['on-there', 'there'],
  ] as const) {
    await until('its namespace is ready', () => admin.informer('', 'serviceaccounts').get('default/default') !== undefined);
    const spec = { nodeName: node, containers: [{ name: 'main', image: 'x:1' }] };
    await admin.resource<Pod>('', 'pods').create('default', { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec });
  }
});
afterAll(async () => {
  await running?.hub.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const nodes = () => running.hub.admin.resource<Node>('', 'nodes');
const node = (name: string) => running.hub.admin.informer<Node>('', 'nodes').get(name);
const pods = (): string[] =>
  running.hub.admin
    .informer<Pod>('', 'pods')
    .list('default')
    .map(({ metadata }) => metadata?.name ?? '')
    .sort();
const events = (): string[] =>
  running.hub.admin
    .informer<Event>('', 'events')
    .list()
    .map(({ reason, message }) => `${reason}: ${message}`);
async function command(...args: string[]): Promise<{ readonly code: number | string; readonly said: string }> {
  const env = { ...process.env, KUBECONFIG: running.kubeconfig };
  const program = Program.node('flotilla', flotilla, ['node', ...args], { env });
  program.input('');
  const code = await program.ended;
  return { code, said: program.stdout + program.stderr };
}
const fence = { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' };

test('an operator fences a board that is away, by name, and lets it back', async () => {
  expect(pods()).toEqual(['also-on-away', 'on-away', 'on-there']);
  expect(await command('fence', 'nowhere', '--yes')).toEqual({ code: 1, said: 'flotilla: nodes "nowhere" not found\n' });
  expect((await command('fence', 'there', '--yes')).said).toContain('node there is ready: what it runs would run on');
  const asked = await command('fence', 'away');
  expect(asked.code).toBe(1);
  expect(asked.said).toContain('Its 2 pods will be deleted without a word from it');
  expect(asked.said).toContain('nobody is there to confirm it: say --yes');
  expect(pods()).toHaveLength(3);

  const fenced = await command('fence', 'away', '--yes');
  expect(fenced.said).toContain('fenced away: ');
  expect(fenced.code).toBe(0);
  expect(pods()).toEqual(['on-there']);
  expect(node('away')?.spec?.taints).toContainEqual(fence);
  const by = node('away')?.metadata?.annotations?.['fleet.flotilla.dev/fenced-by'] ?? '';
  expect(by).toMatch(/admin/);
  expect(node('away')?.metadata?.annotations?.['fleet.flotilla.dev/fenced-at']).toMatch(/^\d{4}-\d\d-\d\dT/);
  await until('it is told', () => events().some((event) => event.startsWith(`NodeFenced: ${by} declared the node out of service at `)));

  expect(await command('unfence', 'away')).toEqual({ code: 0, said: 'unfenced away\n' });
  expect(node('away')?.spec?.taints ?? []).not.toContainEqual(fence);
  expect(node('away')?.metadata?.annotations?.['fleet.flotilla.dev/fenced-by']).toBeUndefined();
  expect(await command('unfence', 'away')).toEqual({ code: 0, said: 'away was not fenced\n' });
});
