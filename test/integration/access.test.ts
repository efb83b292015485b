import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningHub, runHub } from '@flotilla/hub/cmd/run-hub.js';
import { decodeYaml } from '@flotilla/hub/registry/decode/yaml-decode.js';
import type { ClusterRole, Pod } from '@flotilla/shared/api/generated/types.js';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { findKubectls, Kubectl } from '../harness/kubectl.ts';
import { until } from '../harness/until.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'flotilla-access-'));
const log: string[] = [];
let running: RunningHub;
let kubectl: Kubectl;

const start = () =>
  runHub({
    dataDir,
    listen: { host: '127.0.0.1', port: 0 },
    mqttListen: undefined,
    store: 'sqlite',
    logLevel: 'info',
    scheduler: false,
  });

beforeAll(async () => {
  vi.spyOn(process.stderr, 'write').mockImplementation((line) => {
    log.push(String(line));
    return true;
  });
  running = await start();
  kubectl = new Kubectl(findKubectls().newest, running.kubeconfig);
  await until('its namespace is ready', () => running.hub.admin.informer('', 'serviceaccounts').get('default/default') !== undefined);
  await until('roles are gathered', () => (role('view')?.rules?.length ?? 0) > 5 && (role('admin')?.rules?.length ?? 0) > 10);
});
afterAll(async () => {
  vi.restoreAllMocks();
  kubectl?.close();
  await running?.hub.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const role = (name: string) => running.hub.admin.informer<ClusterRole>('rbac.authorization.k8s.io', 'clusterroles').get(name);

/** A kubectl with this token and nothing else. */
async function withToken<T>(token: string, use: (kubectl: Kubectl) => Promise<T>): Promise<T> {
  const { clusters } = decodeYaml(await kubectl.ok(['config', 'view', '--raw', '--minify'])).value as { clusters: object[] };
  const file = join(dataDir, 'token.kubeconfig');
  const context = { name: 'it', context: { cluster: (clusters[0] as { name: string }).name, user: 'it' } };
  const users = [{ name: 'it', user: { token } }];
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'Config', clusters, users, contexts: [context], 'current-context': 'it' }), {
    mode: 0o600,
  });
  const own = new Kubectl(findKubectls().newest, file);
  try {
    return await use(own);
  } finally {
    own.close();
  }
}

test('roles are made, bound, shown and asked for with kubectl', async () => {
  await kubectl.ok(['create', 'role', 'reader', '--verb=get,list', '--resource=pods,pods/log', '--resource=deployments.apps/scale']);
  await kubectl.ok(['create', 'rolebinding', 'reader', '--role=reader', '--user=jane', '--serviceaccount=default:robot']);
  await kubectl.ok(['create', 'clusterrole', 'pages', '--verb=get', '--non-resource-url=/metrics']);
  await kubectl.ok(['create', 'clusterrolebinding', 'pages', '--clusterrole=pages', '--group=watchers']);
  expect(await kubectl.ok(['get', 'rolebindings', '-o', 'wide', '--no-headers'])).toMatch(
    /^reader +Role\/reader +\S+ +jane +default\/robot$/,
  );
  expect(await kubectl.ok(['describe', 'role', 'reader'])).toMatch(/pods\/log +\[\] +\[\] +\[get list\]/);
  expect(await kubectl.ok(['describe', 'clusterrole', 'pages'])).toMatch(/\[\/metrics\] +\[\] +\[get\]/);
  expect(await kubectl.ok(['auth', 'can-i', 'list', 'pods', '--as=jane'])).toBe('yes');
  expect((await kubectl.run(['auth', 'can-i', 'create', 'pods/exec', '--as=jane'])).stdout.trim()).toMatch(/^no/);
  expect(await kubectl.ok(['auth', 'can-i', 'get', '/metrics', '--as=x', '--as-group=watchers'])).toBe('yes');
  expect(await kubectl.ok(['auth', 'can-i', '--list', '--as=jane'])).toMatch(/pods\/log +\[\] +\[\] +\[get list\]/);
  const extended = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'reader', namespace: 'default' },
    rules: [{ verbs: ['watch'], apiGroups: [''], resources: ['pods'] }],
  };
  expect(await kubectl.ok(['auth', 'reconcile', '-f', '-'], { input: JSON.stringify(extended) })).toContain(
    'role.rbac.authorization.k8s.io/reader reconciled',
  );
  expect(await kubectl.ok(['auth', 'can-i', 'watch', 'pods', '--as=jane'])).toBe('yes');
  expect(await kubectl.ok(['auth', 'whoami', '--as=jane', '-o', 'jsonpath={.status.userInfo.username}'])).toBe('jane');
});

test('who may not run programs in pods is refused, and it is recorded who asked', async () => {
  const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { containers: [{ name: 'c', image: 'x:1' }] } };
  await running.hub.admin.resource<Pod>('', 'pods').create('default', pod);
  expect(await kubectl.fails(['exec', 'web', '--as=jane', '--', 'id'])).toContain(
    'pods "web" is forbidden: User "jane" cannot create resource "pods/exec" in API group "" in the namespace "default"',
  );
  const told = log.filter((line) => line.includes('refused a stream to a pod')).map((line) => JSON.parse(line));
  // A newer kubectl asks over WebSocket first, which is a GET.
  expect(told).toContainEqual(
    expect.objectContaining({ user: 'jane', impersonator: 'kubernetes-admin', verb: 'create', subresource: 'exec', name: 'web' }),
  );
});

test('nobody gives away more than he has', async () => {
  await kubectl.ok(['create', 'rolebinding', 'chief', '--clusterrole=admin', '--user=chief']);
  await kubectl.ok(['create', 'role', 'fair', '--verb=get', '--resource=pods', '--as=chief']);
  const why = await kubectl.fails(['create', 'role', 'unfair', '--verb=get', '--resource=nodes', '--as=chief']);
  expect(why).toContain(
    'is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["get"]}',
  );
  expect(await kubectl.fails(['create', 'rolebinding', 'coup', '--clusterrole=cluster-admin', '--user=chief', '--as=chief'])).toContain(
    'is attempting to grant',
  );
});

test("a pod's token is its service account, with the account's roles, until the pod is gone", async () => {
  await kubectl.ok(['create', 'serviceaccount', 'robot']);
  const spec = { containers: [{ name: 'c', image: 'x:1' }], serviceAccountName: 'robot' };
  await running.hub.admin
    .resource<Pod>('', 'pods')
    .create('default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'worker' }, spec });
  const token = await kubectl.ok(['create', 'token', 'robot', '--bound-object-kind=Pod', '--bound-object-name=worker', '--duration=10m']);
  await withToken(token, async (robot) => {
    expect(await robot.ok(['get', 'pods', '--no-headers', '-o', 'name'])).toContain('pod/worker');
    expect(await robot.fails(['get', 'secrets'])).toContain(
      'secrets is forbidden: User "system:serviceaccount:default:robot" cannot list resource "secrets" in API group "" in the namespace "default"',
    );
    await running.hub.admin.resource('', 'pods').delete('default', 'worker', { gracePeriodSeconds: 0 });
    expect(await robot.fails(['get', 'pods'])).toMatch(/Unauthorized|must be logged in/);
  });
});

test('what was made before there were roles is as it was after the next start, and has the roles of every cluster', async () => {
  const group = 'rbac.authorization.k8s.io';
  for (const resource of ['rolebindings', 'roles', 'clusterrolebindings', 'clusterroles']) {
    const all = running.hub.admin.informer(group, resource).list();
    const of = running.hub.admin.resource(group, resource);
    await Promise.all(all.map(({ metadata }) => of.delete(metadata?.namespace ?? '', metadata?.name ?? '')));
  }
  await running.hub.stop();
  running = await start();
  kubectl.close();
  kubectl = new Kubectl(findKubectls().newest, running.kubeconfig);
  await until('roles are gathered', () => (role('view')?.rules?.length ?? 0) > 5);
  expect(await kubectl.ok(['get', 'pod', 'web', '-o', 'name'])).toBe('pod/web');
  const token = await kubectl.ok(['create', 'token', 'robot']);
  await withToken(token, async (robot) => {
    expect(await robot.ok(['api-versions'])).toContain('rbac.authorization.k8s.io/v1');
    expect(await robot.fails(['get', 'pods'])).toContain('User "system:serviceaccount:default:robot" cannot list resource "pods"');
  });
  await kubectl.ok(['create', 'rolebinding', 'viewer', '--clusterrole=view', '--serviceaccount=default:robot']);
  await withToken(token, async (robot) => expect(await robot.ok(['get', 'pods', '-o', 'name'])).toBe('pod/web'));
});
