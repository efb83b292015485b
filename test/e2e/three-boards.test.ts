import { demoImage } from '@flotilla/agent/cmd/demo-image.js';
import type { Namespace, Node, Pod, PodList } from '@flotilla/shared/api/generated/types.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Board, BoardContainer } from '../harness/board.ts';
import { Lan } from '../harness/lan.ts';
import { LinkProxy } from '../harness/link-proxy.ts';
import { Stack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const names = ['board-1', 'board-2', 'board-3'] as const;
const flags: Readonly<Record<string, readonly string[]>> = {
  'board-1': ['--node-labels', 'place=dock', '--capacity', 'cpu=4,memory=2Gi'],
  'board-2': ['--register-with-taints', 'only=cameras:NoSchedule', '--capacity', 'cpu=4,memory=2Gi'],
  'board-3': ['--capacity', 'cpu=1,memory=512Mi'],
};

let lan: Lan;
let stack: Stack;
let door: LinkProxy;
const boards = new Map<string, Board>();

beforeAll(async () => {
  lan = await Lan.open();
  stack = new Stack({ hubArgs: ['--names', lan.gateway] });
  try {
    await stack.startHub();
    // The hub's machine is one more on this LAN.
    door = await LinkProxy.open(lan.gateway, '127.0.0.1', [stack.ports.api, stack.ports.mqtt ?? 0]);
    await Promise.all(
      names.map(async (name) => {
        const place = await lan.add(name);
        const args = ['--keep-alive', '4', ...(flags[name] ?? [])];
        const board = await stack.makeBoard(name, { address: lan.gateway, args, place, images: false });
        await demoImage({ exec: new SystemExec(), tag: '1', podmanFlags: board.place.flags, env: board.place.env });
        board.start();
        await stack.nodeReady(name);
        boards.set(name, board);
      }),
    );
    const nodes = await Promise.all(names.map((name) => stack.get<Node>('node', name)));
    await lan.route(Object.fromEntries(nodes.map(({ metadata, spec }) => [metadata?.name ?? '', spec?.podCIDR ?? ''])));
  } catch (error) {
    for (const board of stack.boards) process.stderr.write(board.agent?.tail() ?? '');
    throw error;
  }
});
afterAll(async () => {
  await door?.close();
  await stack?.close();
  await lan?.close();
});

type Spec = NonNullable<Pod['spec']>;
const container = { name: 'main', image: 'localhost/flotilla-demo:1' };
const on = (node: string): Partial<Spec> => ({ nodeSelector: { 'kubernetes.io/hostname': node } });
const asking = (cpu: string): Partial<Spec> => ({ containers: [{ ...container, resources: { requests: { cpu } } }] });
const cameras = { tolerations: [{ key: 'only', operator: 'Exists' }] };
const pod = (name: string, more: Partial<Spec> = {}, namespace = 'default'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: { terminationGracePeriodSeconds: 1, containers: [container], ...more },
});
/** One pod that prefers the board which will be away. */
const deployment = (name: string, more: Partial<Spec> = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { ...pod(name).spec, ...preferring('board-3'), ...more } },
  },
});
const preferring = (node: string): Partial<Spec> => ({
  affinity: {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 100, preference: { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] } },
      ],
    },
  },
});

const create = (...objects: readonly object[]): Promise<string> =>
  stack.kubectl.ok(['create', '-f', '-'], { input: objects.map((object) => JSON.stringify(object)).join('\n---\n') });
const podsOf = async (app: string): Promise<readonly Pod[]> => (await stack.get<PodList>('pods', '-l', `app=${app}`)).items ?? [];
const board = (name: string): Board => {
  const found = boards.get(name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
};
const containers = async (name: string): Promise<BoardContainer[]> =>
  (await board(name).containers()).sort((a, b) => (a.id < b.id ? -1 : 1));
const readyOf = ({ status }: Pod | Node) => status?.conditions?.find(({ type }) => type === 'Ready');

test('boards take pods by label, taint and capacity', async () => {
  await create(
    pod('by-label', { nodeSelector: { place: 'dock' } }),
    pod('by-taint', { ...on('board-2'), ...cameras }),
    pod('by-capacity', asking('3')),
    pod('on-three', on('board-3')),
    pod('kept-out', on('board-2')),
    pod('too-large', asking('100')),
  );
  const placed = ['by-label', 'by-taint', 'by-capacity', 'on-three'];
  await stack.waitFor('condition=Ready', ...placed.map((name) => `pod/${name}`));
  const nodes = await Promise.all(placed.map(async (name) => (await stack.get<Pod>('pod', name)).spec?.nodeName));
  expect(nodes).toEqual(['board-1', 'board-2', 'board-1', 'board-3']);
  const refusal = (name: string): Promise<string> =>
    until(`${name} is refused`, async () => {
      const { status } = await stack.get<Pod>('pod', name);
      return status?.conditions?.find(({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable')?.message;
    });
  expect(await refusal('kept-out')).toMatch(/^0\/3 nodes are available: 1 node\(s\) had untolerated taint\(s\), 2 node\(s\) didn't match/);
  expect(await refusal('too-large')).toMatch(/^0\/3 nodes are available: 1 node\(s\) had untolerated taint\(s\), 2 Insufficient cpu/);
  await stack.kubectl.ok(['delete', 'pod', 'kept-out', 'too-large', 'by-capacity', '--wait=false']);
});

test('pods of all boards reach each other by their own addresses', async () => {
  const addressOf = async (name: string): Promise<string> => (await stack.get<Pod>('pod', name)).status?.podIP ?? '';
  const everywhere = ['by-label', 'by-taint', 'on-three'];
  const addresses = await Promise.all(everywhere.map(addressOf));
  expect(new Set(addresses).size).toBe(everywhere.length);
  for (const [at, from] of everywhere.entries()) {
    const to = (at + 1) % everywhere.length;
    // Not with wget: Debian's static busybox crashes in it.
    const ask = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 20 ${addresses[to]} 8080`;
    const page = await stack.kubectl.ok(['exec', from, '--', 'sh', '-c', ask]);
    expect(page).toContain(`Hello from ${everywhere[to]}`);
  }
});

test('a board that goes away keeps its pods; who waits for it is told; what may be replaced is', async () => {
  await create(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'trial' } },
    deployment('keeps'),
    deployment('moves', {
      tolerations: [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 }],
    }),
  );
  await until(
    'the account of the namespace is there',
    async () => (await stack.kubectl.run(['-n', 'trial', 'get', 'sa', 'default'])).code === 0,
  );
  await create(pod('tried', on('board-3'), 'trial'));
  await stack.waitFor('condition=Available', 'deployment/keeps', 'deployment/moves');
  await stack.waitFor('condition=Ready', '-n', 'trial', 'pod/tried');
  const [keeps, moves] = [(await podsOf('keeps'))[0], (await podsOf('moves'))[0]];
  expect([keeps?.spec?.nodeName, moves?.spec?.nodeName]).toEqual(['board-3', 'board-3']);
  const before = await containers('board-3');

  await lan.unplug('board-3');
  await until('the node is not ready', async () => readyOf(await stack.get<Node>('node', 'board-3'))?.status === 'Unknown');
  expect(await stack.kubectl.ok(['get', 'node', 'board-3'])).toContain('NotReady');
  await until('its pods are not ready', async () => readyOf((await podsOf('keeps'))[0] ?? {})?.status === 'False');
  const replaced = await until('what may be replaced runs elsewhere', async () =>
    (await podsOf('moves')).find((one) => one.spec?.nodeName === 'board-1' && readyOf(one)?.status === 'True'),
  );
  expect(replaced.metadata?.uid).not.toBe(moves?.metadata?.uid);
  expect((await podsOf('keeps')).map(({ metadata }) => [metadata?.uid, metadata?.deletionTimestamp])).toEqual([
    [keeps?.metadata?.uid, undefined],
  ]);
  expect(await containers('board-3')).toEqual(before);

  // kubectl ends when it was told to, in its own words, and ours say what it waits for.
  const offline = /Warning: node board-3 is offline since \S+; the pod will be stopped when it returns/;
  const deleted = await stack.kubectl.fails(['delete', 'pod', 'on-three', '--timeout=1s']);
  expect(deleted).toMatch(offline);
  expect(deleted).toContain('error: timed out waiting for the condition on pods/on-three');
  const drain = ['drain', 'board-3', '--force', '--ignore-daemonsets', '--pod-selector=app=moves', '--timeout=1s'];
  const drained = await stack.kubectl.run(drain);
  expect(drained.stderr).toMatch(offline);
  expect((await stack.get<Node>('node', 'board-3')).spec?.unschedulable).toBe(true);
  expect(await stack.kubectl.fails(['delete', 'namespace', 'trial', '--timeout=1s'])).toContain('timed out waiting for the condition');
  const told = await until('the namespace says what it waits for', async () => {
    const { status } = await stack.get<Namespace>('namespace', 'trial');
    return status?.conditions?.find(({ type }) => type === 'NamespaceWaitingForNodes')?.message;
  });
  expect(told).toMatch(/^Pods will be stopped when their nodes return: node board-3 is offline since \S+ and has 1 pod$/);
});

test('it returns: nothing restarts, and what was deleted meanwhile goes', async () => {
  const staying = (await containers('board-3')).filter(({ pod: name }) => name.startsWith('keeps-'));
  expect(staying).toHaveLength(1);
  await lan.plug('board-3');
  await stack.waitFor('condition=Ready', 'node/board-3');
  await until('the namespace is gone', async () => (await stack.kubectl.run(['get', 'namespace', 'trial'])).code !== 0);
  await until('only what shall stay is there', async () => (await containers('board-3')).length === 1);
  expect(await containers('board-3')).toEqual(staying);
  await stack.waitFor('condition=Ready', 'pod', '-l', 'app=keeps');
  const [kept] = await podsOf('keeps');
  expect(kept?.status?.containerStatuses?.[0]).toMatchObject({ restartCount: 0, state: { running: {} } });
  await until('one of the replaced is left', async () => (await podsOf('moves')).length === 1);
  expect((await podsOf('moves'))[0]?.spec?.nodeName).toBe('board-1');
});
