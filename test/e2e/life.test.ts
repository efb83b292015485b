import type { Deployment, Node, Pod, PodList } from '@flotilla/shared/api/generated/types.js';
import { afterAll, expect, test } from 'vitest';
import type { Board, BoardContainer } from '../harness/board.ts';
import { LinkProxy } from '../harness/link-proxy.ts';
import { useStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const boardAddress = '127.0.0.2';
let board: Board;
let link: LinkProxy;
// The board reaches the hub through a way that can be cut: the same ports at another address.
const stack = useStack({ hubArgs: ['--names', boardAddress] }, async (it) => {
  link = await LinkProxy.open(boardAddress, '127.0.0.1', [it.ports.api, it.ports.mqtt ?? 0]);
  board = await it.addBoard('board-1', { address: boardAddress, args: ['--keep-alive', '4'] });
  await it.kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(web) });
  await it.kubectl.ok(['rollout', 'status', 'deployment/web', '--timeout=120s']);
});
afterAll(() => link?.close());

const web: Deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'main', image: 'localhost/flotilla-demo:1', command: ['sh', '-c', 'trap "exit 0" TERM; sleep 10000 & wait'] }],
      },
    },
  },
};

const pods = async (): Promise<readonly Pod[]> => (await stack.get<PodList>('pods')).items ?? [];
const uids = async (): Promise<string[]> => (await pods()).map(({ metadata }) => metadata?.uid ?? '').sort();
const restarts = async (): Promise<number[]> =>
  (await pods()).map(({ status }) => status?.containerStatuses?.[0]?.restartCount ?? -1).sort();
const containers = async (): Promise<BoardContainer[]> => (await board.containers()).sort((a, b) => (a.id < b.id ? -1 : 1));
const live = async (): Promise<BoardContainer[]> => (await containers()).filter(({ state }) => state === 'running');
const ready = async (): Promise<string> =>
  (await stack.get<Node>('node', 'board-1')).status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? '';
const taints = async (): Promise<string[]> =>
  ((await stack.get<Node>('node', 'board-1')).spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`).sort();
/** The board has said how things are since it (or the hub) came back: what is asked next is not what was known before. */
const scaledTo = async (replicas: number): Promise<void> => {
  await stack.kubectl.ok(['scale', 'deployment/web', `--replicas=${replicas}`]);
  await stack.kubectl.ok(['rollout', 'status', 'deployment/web', '--timeout=120s']);
  await until(`${replicas} run`, async () => (await live()).length === replicas && (await pods()).length === replicas);
};

test('a container that is killed comes back, counted, and the others do not notice', async () => {
  const before = await live();
  const [victim] = before;
  await board.place.podman('kill', '--signal', 'KILL', victim?.id ?? '');
  await until('it was restarted', async () => (await restarts()).join() === '0,0,1');
  await stack.kubectl.ok(['wait', '--for=condition=Ready', 'pods', '--all', '--timeout=120s']);
  const restarted = (await pods()).find(({ metadata }) => metadata?.name === victim?.pod)?.status?.containerStatuses?.[0];
  expect(restarted).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 137, reason: 'Error' } } });
  const after = (await live()).map(({ id }) => id);
  expect(after).toHaveLength(3);
  for (const { id } of before.filter((one) => one !== victim)) expect(after).toContain(id);
});

test('without its hub the board goes on; when the hub is back, nothing restarts', async () => {
  const [before, known, counts] = [await containers(), await uids(), await restarts()];
  await stack.hub.end('SIGKILL');
  expect(await containers()).toEqual(before);
  await stack.startHub();
  await stack.nodeReady('board-1');
  // A change that the board carries out proves that it is back.
  await scaledTo(4);
  const after = await containers();
  for (const one of before) expect(after).toContainEqual(one);
  expect(await uids()).toEqual(expect.arrayContaining(known));
  expect((await restarts()).join()).toBe(['0', ...counts].sort().join());
  await scaledTo(3);
});

test('after SIGKILL the agent repairs what was deleted behind its back and touches nothing else', async () => {
  const [before, known] = [await live(), await uids()];
  await board.stop('SIGKILL');
  const [victim] = before;
  await board.place.podman('rm', '--force', '--time', '0', victim?.id ?? '');
  expect(await live()).toEqual(before.slice(1));
  board.start();
  await until('the container was made again', async () => (await live()).length === 3);
  const after = await live();
  for (const one of before.slice(1)) expect(after).toContainEqual(one);
  expect(after.filter(({ pod }) => pod === victim?.pod)).toHaveLength(1);
  expect(await uids()).toEqual(known);
});

test('what changed while the agent was down is applied when it is back', async () => {
  const before = await live();
  await board.stop('SIGKILL');
  const gone = before[0]?.pod ?? '';
  await stack.kubectl.ok(['delete', 'pod', gone, '--wait=false']);
  await until('a successor is waiting', async () => (await pods()).filter(({ status }) => status?.phase === 'Pending').length === 1);
  expect(await live()).toEqual(before);
  board.start();
  await until('the pod is gone', async () => (await pods()).every(({ metadata }) => metadata?.name !== gone));
  await stack.kubectl.ok(['wait', '--for=condition=Ready', 'pods', '--all', '--timeout=120s']);
  const after = await live();
  expect(after).toHaveLength(3);
  for (const one of before.slice(1)) expect(after).toContainEqual(one);
  expect(after.some(({ pod }) => pod === gone)).toBe(false);
});

test('cut off, the node is Unknown and keeps its pods; what changed is applied when it is back', async () => {
  const [before, known] = [await live(), await uids()];
  link.cut();
  await until('the node is Unknown', async () => (await ready()) === 'Unknown', 180_000);
  expect(await stack.kubectl.ok(['get', 'node', 'board-1'])).toContain('NotReady');
  await until('it is tainted', async () => (await taints()).length === 2);
  expect(await taints()).toEqual(['node.kubernetes.io/unreachable:NoExecute', 'node.kubernetes.io/unreachable:NoSchedule']);
  // Nothing is evicted and nothing is replaced: the pods are there, bound, only not known to be Ready.
  await until('the pods are not Ready', async () =>
    (await pods()).every(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'False')),
  );
  expect(await uids()).toEqual(known);
  expect((await pods()).every(({ metadata, status }) => !metadata?.deletionTimestamp && status?.phase === 'Running')).toBe(true);
  expect(await live()).toEqual(before);
  await stack.kubectl.ok(['set', 'env', 'deployment/web', 'CHANGED=yes']);
  await stack.kubectl.ok(['scale', 'deployment/web', '--replicas=2']);
  expect(await live()).toEqual(before);
  link.mend();
  await stack.nodeReady('board-1');
  await stack.kubectl.ok(['rollout', 'status', 'deployment/web', '--timeout=120s']);
  await until('two run, both new', async () => (await live()).length === 2 && (await pods()).length === 2);
  expect((await pods()).every(({ spec: pod }) => pod?.containers[0]?.env?.some(({ name }) => name === 'CHANGED'))).toBe(true);
  expect(await restarts()).toEqual([0, 0]);
  await until('the taints are gone', async () => (await taints()).length === 0);
});

test('with everything dead and no hub, the agent brings its pods back', async () => {
  const before = await live();
  await stack.hub.end('SIGKILL');
  await board.stop('SIGKILL');
  await board.place.podman('pod', 'stop', '--all', '--time', '0');
  expect(await live()).toEqual([]);
  board.start();
  await until('all run again', async () => (await live()).length === before.length);
  expect((await live()).map(({ pod }) => pod).sort()).toEqual(before.map(({ pod }) => pod).sort());
  const alone = await live();
  await stack.startHub();
  await stack.nodeReady('board-1');
  await scaledTo(3);
  const after = await live();
  for (const one of alone) expect(after).toContainEqual(one);
});
