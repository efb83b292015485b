import { join } from 'node:path';
import type { ConfigMap, Deployment, Event, Pod, PodList } from '@flotilla/shared/api/generated/types.js';
import { expect, test } from 'vitest';
import type { Board } from '../harness/board.ts';
import { findKubectls, Kubectl } from '../harness/kubectl.ts';
import { Program } from '../harness/program.ts';
import { repository, useStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const hello = join(repository, 'hub/docs/examples/hello.yaml');
let board: Board;
const stack = useStack({}, async (it) => {
  board = await it.addBoard('board-1');
});

const pods = async (): Promise<readonly Pod[]> => (await stack.get<PodList>('-n', 'hello', 'pods')).items ?? [];
const names = async (): Promise<string[]> => (await pods()).map(({ metadata }) => metadata?.name ?? '').sort();
const running = async (): Promise<string[]> =>
  (await board.containers())
    .filter(({ name, state }) => name === 'web' && state === 'running')
    .map(({ pod }) => pod)
    .sort();
/** Ready says that it runs; that it listens comes a moment later. */
const page = (pod: Pod): Promise<string> =>
  until('it serves', async () => (await fetch(`http://${pod.status?.podIP}:8080/`, { signal: AbortSignal.timeout(10_000) })).text());
const firstPod = async (): Promise<Pod> => {
  const [pod] = await pods();
  if (!pod) throw new Error('there is no pod');
  return pod;
};

test('a namespace, a ConfigMap, a Secret and a Deployment become three pods that are Ready', async () => {
  const said = await stack.kubectl.ok(['apply', '-f', hello]);
  expect(said.split('\n')).toEqual([
    'namespace/hello created',
    'configmap/greeting created',
    'secret/harbour created',
    'deployment.apps/hello created',
  ]);
  const status = await stack.kubectl.ok(['-n', 'hello', 'rollout', 'status', 'deployment/hello', '--timeout=120s']);
  expect(status).toContain('deployment "hello" successfully rolled out');
  const all = await pods();
  expect(all).toHaveLength(3);
  for (const { spec, status: pod } of all) {
    expect(spec?.nodeName).toBe('board-1');
    expect(pod?.phase).toBe('Running');
    expect(pod?.conditions?.filter(({ type }) => type !== 'PodReadyToStartContainers').map(({ type, status: is }) => [type, is])).toEqual(
      expect.arrayContaining([
        ['Ready', 'True'],
        ['ContainersReady', 'True'],
        ['Initialized', 'True'],
        ['PodScheduled', 'True'],
      ]),
    );
    expect(pod?.initContainerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
    expect(pod?.containerStatuses?.[0]).toMatchObject({ ready: true, started: true, restartCount: 0 });
  }
  expect(await running()).toEqual(await names());
});

test('the process inside sees its environment, its files and its limits', async () => {
  const pod = await firstPod();
  const name = pod.metadata?.name ?? '';
  const { id } = await board.container(name, 'web');
  const inside = (...command: string[]): Promise<string> => board.place.podman('exec', id, ...command);
  const environment = (await inside('cat', '/proc/1/environ')).split('\0');
  expect(environment).toEqual(expect.arrayContaining([`POD_NAME=${name}`, 'NODE_NAME=board-1', 'PASSWORD=starboard']));
  expect(await inside('cat', '/www/index.html')).toBe(`Ahoy from ${name}\nFair winds.\n`);
  expect(await inside('cat', '/var/run/secrets/kubernetes.io/serviceaccount/namespace')).toBe('hello');
  expect(await page(pod)).toBe(`Ahoy from ${name}\nFair winds.\n`);
  const [inspected] = JSON.parse(await board.place.podman('inspect', id)) as { HostConfig: { Memory: number } }[];
  expect(inspected?.HostConfig.Memory).toBe(64 << 20);
});

test('a second apply of the same changes nothing', async () => {
  const objects = (): Promise<string> => stack.kubectl.ok(['-n', 'hello', 'get', 'secret,configmap,deployment', '-o', 'yaml']);
  const [before, stored] = [await board.containers(), await objects()];
  expect((await stack.kubectl.ok(['apply', '-f', hello])).split('\n')).toEqual([
    'namespace/hello unchanged',
    'configmap/greeting unchanged',
    // kubectl sends stringData each time, because it never comes back.
    'secret/harbour configured',
    'deployment.apps/hello unchanged',
  ]);
  expect(await objects()).toBe(stored);
  expect((await stack.kubectl.run(['diff', '-f', hello])).code).toBe(0);
  expect(await board.containers()).toEqual(before);
});

test('logs show what a container said, and stream what it says', async () => {
  const pod = await firstPod();
  const name = pod.metadata?.name ?? '';
  const greeting = `serving as ${name} on board-1`;
  await until('it shows', async () =>
    /^serving as hello-/.test(await stack.kubectl.ok(['-n', 'hello', 'logs', 'deployment/hello', '-c', 'web'])),
  );
  expect(await stack.kubectl.ok(['-n', 'hello', 'logs', name, '-c', 'prepare'])).toBe('');
  const follow = new Program('kubectl logs -f', stack.kubectl.start(['-n', 'hello', 'logs', '-f', '--tail=100', name]));
  await follow.says(new RegExp(greeting));
  const before = follow.stdout.split('\n').length;
  await page(pod);
  await until('the request shows in the log', () => follow.stdout.split('\n').length > before);
  expect(follow.running).toBe(true);
  await follow.end('SIGKILL');
  await page(pod);
  expect((await stack.kubectl.ok(['-n', 'hello', 'logs', name, '--tail=1'])).split('\n')).toHaveLength(1);
  expect(await stack.kubectl.fails(['-n', 'hello', 'logs', name, '--previous'])).toContain('previous terminated container "web"');
});

test('scale makes and removes pods, and leaves the others alone', async () => {
  const three = await names();
  const watch = new Program('kubectl get -w', stack.kubectl.start(['-n', 'hello', 'get', 'pods', '-w', '-o', 'name']));
  await until('the watch shows all', () => three.every((name) => watch.stdout.includes(name)));
  await stack.kubectl.ok(['-n', 'hello', 'scale', 'deployment/hello', '--replicas=5']);
  await stack.kubectl.ok(['-n', 'hello', 'rollout', 'status', 'deployment/hello', '--timeout=120s']);
  const five = await names();
  expect(five).toHaveLength(5);
  expect(five).toEqual(expect.arrayContaining(three));
  expect(await running()).toEqual(five);
  await until('the watch shows the new ones', () => five.every((name) => watch.stdout.includes(name)));
  await watch.end('SIGKILL');
  await stack.kubectl.ok(['-n', 'hello', 'scale', 'deployment/hello', '--replicas=2']);
  await until('two are left on the board', async () => (await running()).length === 2);
  await until('two are left in the API', async () => (await pods()).length === 2);
  expect(await running()).toEqual(await names());
  expect(five).toEqual(expect.arrayContaining(await names()));
});

test('every way to look at things works', async () => {
  const { kubectl } = stack;
  const hi = (...args: string[]): Promise<string> => kubectl.ok(['-n', 'hello', ...args]);
  const [wide = '', ...rows] = (await hi('get', 'pods', '-o', 'wide')).split('\n');
  expect(wide.trim().split(/ {2,}/)).toEqual([
    'NAME',
    'READY',
    'STATUS',
    'RESTARTS',
    'AGE',
    'IP',
    'NODE',
    'NOMINATED NODE',
    'READINESS GATES',
  ]);
  for (const row of rows) expect(row).toMatch(/^hello-\S+ +1\/1 +Running +0 +\S+ +100\.\d+\.\d+\.\d+ +board-1 /);
  expect(await hi('get', 'deployment,rs,pods', '-l', 'app=hello', '-o', 'name')).toMatch(
    /^deployment.apps\/hello\nreplicaset.apps\/hello-/,
  );
  expect(await hi('get', 'pods', '-l', 'app!=hello')).toBe('');
  expect(await hi('get', 'configmap', 'greeting', '-o', 'yaml')).toContain('GREETING: Ahoy');
  expect((await stack.get<ConfigMap>('-n', 'hello', 'cm', 'greeting')).data).toEqual({ GREETING: 'Ahoy', 'motd.txt': 'Fair winds.\n' });
  expect(await kubectl.ok(['get', 'pods', '-A'])).toMatch(/^NAMESPACE +NAME .*\nhello +hello-/);
  expect(await kubectl.ok(['get', 'nodes', '-o', 'wide'])).toMatch(/board-1 +Ready +\S+ +\S+ +v1\.34\.\S+ .*podman:\/\/\d/);
  const described = await hi('describe', 'deployment', 'hello');
  expect(described).toMatch(/Replicas: +2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable/);
  expect(described).toContain('ScalingReplicaSet');
  const [name = ''] = await names();
  const pod = await hi('describe', 'pod', name);
  for (const words of ['Node: +board-1/', 'prepare:', 'Reason: +Completed', 'Successfully assigned hello/', 'Started container web']) {
    expect(pod).toMatch(new RegExp(words));
  }
  expect(await kubectl.ok(['describe', 'node', 'board-1'])).toMatch(/Non-terminated Pods: +\(2 in total\)/);
  expect(await kubectl.ok(['explain', 'deployment.spec.replicas'])).toContain('Number of desired pods');
  await hi('label', 'pod', name, 'checked=yes');
  expect(await hi('get', 'pods', '-l', 'checked=yes', '-o', 'name')).toBe(`pod/${name}`);
  expect(await hi('get', 'pods', '-L', 'checked')).toContain('CHECKED');
  const events = (await stack.get<{ items: Event[] }>('-n', 'hello', 'events')).items;
  const reasons = new Set(events.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason }) => reason));
  expect([...reasons]).toEqual(expect.arrayContaining(['Scheduled', 'Pulled', 'Created', 'Started']));
});

test('an image change rolls out, and undo brings the old one back', async () => {
  const images = async (): Promise<string[]> => [...new Set((await pods()).map(({ spec }) => spec?.containers[0]?.image ?? ''))];
  const rolledOut = (): Promise<string> => stack.kubectl.ok(['-n', 'hello', 'rollout', 'status', 'deployment/hello', '--timeout=120s']);
  const settled = async (): Promise<void> => {
    await until('the old ones are gone', async () => (await pods()).length === 2 && (await running()).length === 2);
    expect(await running()).toEqual(await names());
  };
  const first = await names();
  await stack.kubectl.ok(['-n', 'hello', 'set', 'image', 'deployment/hello', 'web=localhost/flotilla-demo:2']);
  expect(await rolledOut()).toContain('successfully rolled out');
  await settled();
  expect(await images()).toEqual(['localhost/flotilla-demo:2']);
  expect((await names()).some((name) => first.includes(name))).toBe(false);
  expect(await stack.kubectl.ok(['-n', 'hello', 'rollout', 'history', 'deployment/hello'])).toMatch(/\n1 .*\n2 /);
  await stack.kubectl.ok(['-n', 'hello', 'rollout', 'undo', 'deployment/hello']);
  await rolledOut();
  await settled();
  expect(await images()).toEqual(['localhost/flotilla-demo:1']);
  const { metadata } = await stack.get<Deployment>('-n', 'hello', 'deployment', 'hello');
  expect(metadata?.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
});

test('the oldest kubectl does it as well', async () => {
  const old = new Kubectl(findKubectls().oldest, stack.kubeconfig);
  const hi = (...args: string[]): Promise<string> => old.ok(['-n', 'hello', ...args]);
  expect(await old.ok(['apply', '-f', hello])).toContain('deployment.apps/hello configured');
  expect(await hi('rollout', 'status', 'deployment/hello', '--timeout=120s')).toContain('successfully rolled out');
  expect(await hi('get', 'pods', '-o', 'wide')).toMatch(/hello-\S+ +1\/1 +Running/);
  expect(await hi('describe', 'pods')).toContain('Started container web');
  await until('it has spoken', async () => /^serving as hello-/.test(await hi('logs', 'deployment/hello')));
  await hi('scale', 'deployment/hello', '--replicas=1');
  await until('one is left', async () => (await running()).length === 1 && (await pods()).length === 1);
  old.close();
});

test('delete leaves nothing behind in the API and nothing in podman', async () => {
  await stack.kubectl.ok(['delete', '-f', hello, '--timeout=120s']);
  expect(await stack.kubectl.ok(['get', 'pods,deployments,replicasets', '-A', '-o', 'name'])).toBe('');
  expect(await stack.kubectl.fails(['get', 'namespace', 'hello'])).toContain('namespaces "hello" not found');
  await until('podman is empty', async () => (await board.place.podman('ps', '--all', '--quiet')) === '');
  await until('no pod is left', async () => (await board.place.podman('pod', 'ps', '--quiet')) === '');
  expect(stack.hub.running && board.agent?.running).toBe(true);
});
