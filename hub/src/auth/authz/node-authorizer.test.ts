import { expect, test } from 'vitest';
import type { UserInfo } from '#registry/generic/types.ts';
import { createRbacAuthorizer } from '../rbac/rbac-authorizer.ts';
import { RolesFixture } from '../rbac/roles-fixture.ts';
import { mastersAuthorizer } from './masters-authorizer.ts';
import { createNodeAuthorizer } from './node-authorizer.ts';
import { createNodeGraph, type NodeGraph } from './node-graph.ts';
import { type Attributes, chain, forbiddenError } from './types.ts';

const board: UserInfo = { name: 'system:node:pi-1', groups: ['system:nodes', 'system:authenticated'] };
const jane: UserInfo = { name: 'jane', groups: ['system:authenticated'] };
const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];
const resources = [
  '/namespaces',
  '/namespaces/finalize',
  '/namespaces/status',
  '/nodes',
  '/nodes/status',
  '/nodes/proxy',
  '/pods',
  '/pods/status',
  '/pods/log',
  '/pods/binding',
  '/pods/exec',
  '/pods/eviction',
  '/pods/ephemeralcontainers',
  '/configmaps',
  '/secrets',
  '/serviceaccounts',
  '/serviceaccounts/token',
  '/events',
  '/services',
  '/endpoints',
  '/persistentvolumes',
  'events.k8s.io/events',
  'coordination.k8s.io/leases',
  'apps/deployments',
  'apps/deployments/scale',
  'apps/replicasets',
  'apps/daemonsets',
  'rbac.authorization.k8s.io/clusterroles',
  'authentication.k8s.io/tokenreviews',
  'authentication.k8s.io/selfsubjectreviews',
  'authorization.k8s.io/subjectaccessreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
  'certificates.k8s.io/certificatesigningrequests',
  'fleet.flotilla.dev/nodeoperations',
  'fleet.flotilla.dev/nodeoperations/status',
  'fleet.flotilla.dev/anything',
];

/** One pod, `site/mine` on pi-1, that uses one of each; `site/theirs` is on pi-2. */
const graph: NodeGraph = {
  ownsPod: (node, namespace, name) =>
    namespace === 'site' && ((node === 'pi-1' && name === 'mine') || (node === 'pi-2' && name === 'theirs')),
  refersTo: (node, _kind, namespace, name) => node === 'pi-1' && namespace === 'site' && name === 'mine',
  hasPodIn: (_node, namespace) => namespace === 'site',
  eventSource: (_namespace, name) => (name === 'mine' ? 'pi-1' : name === 'theirs' ? 'pi-2' : undefined),
  ownsOperation: (node, name) => node === 'pi-1' && name === 'op-mine',
};
const authorizer = chain([
  mastersAuthorizer,
  createNodeAuthorizer(graph),
  createRbacAuthorizer(new RolesFixture().withDefaults().resolver),
]);

function about(user: UserInfo, verb: string, path: string, namespace: string, name: string, fieldSelector?: string): Attributes {
  const [group = '', resource = '', subresource = ''] = path.split('/');
  return {
    user,
    verb,
    path: '',
    resource: { group, version: 'v1', namespace, resource, subresource, name, ...(fieldSelector ? { fieldSelector } : {}) },
  };
}

/** Every verb of every resource that is allowed, as `verb path`. */
async function allowed(user: UserInfo, namespace: string, name: string): Promise<string[]> {
  const found: string[] = [];
  for (const path of resources) {
    for (const verb of verbs) {
      const { verdict } = await authorizer.authorize(about(user, verb, path, namespace, name));
      if (verdict === 'allow') found.push(`${verb} ${path}`);
    }
  }
  return found;
}

const everybody = [
  'create authentication.k8s.io/selfsubjectreviews',
  'create authorization.k8s.io/selfsubjectaccessreviews',
  'create authorization.k8s.io/selfsubjectrulesreviews',
];

test('a board, every verb of every resource: what it has to do with', async () => {
  expect(await allowed(board, 'site', 'mine')).toEqual([
    'get /pods',
    'list /pods',
    'watch /pods',
    'delete /pods',
    'get /pods/status',
    'update /pods/status',
    'patch /pods/status',
    'get /configmaps',
    'list /configmaps',
    'watch /configmaps',
    'get /secrets',
    'list /secrets',
    'watch /secrets',
    'create /serviceaccounts/token',
    'create /events',
    'update /events',
    'patch /events',
    'create events.k8s.io/events',
    'update events.k8s.io/events',
    'patch events.k8s.io/events',
    ...everybody,
  ]);
});

test('a board, every verb of every resource: itself', async () => {
  expect(await allowed(board, '', 'pi-1')).toEqual([
    'get /nodes',
    'list /nodes',
    'watch /nodes',
    'get /nodes/status',
    'update /nodes/status',
    'patch /nodes/status',
    ...everybody,
  ]);
  const lease = ['get', 'create', 'update', 'patch', 'delete'].map((verb) => `${verb} coordination.k8s.io/leases`);
  const inLeases = await allowed(board, 'kube-node-lease', 'pi-1');
  // Nodes are in no namespace: such a path is not found, whoever asks.
  expect(inLeases.filter((found) => !found.includes('/nodes'))).toEqual([...lease, ...everybody]);
});

test('a board, every verb of every resource: an operation that is its own', async () => {
  const path = 'fleet.flotilla.dev/nodeoperations';
  expect(await allowed(board, '', 'op-mine')).toEqual([...everybody, `get ${path}`, `list ${path}`, `watch ${path}`]);
  expect(await allowed(board, '', 'op-theirs')).toEqual(everybody);
  const listing = async (selector: string) => (await authorizer.authorize(about(board, 'list', path, '', '', selector))).verdict;
  expect(await listing('spec.nodeName=pi-1')).toBe('allow');
  expect(await listing('spec.nodeName=pi-2')).toBe('noOpinion');
});

test('a board, every verb of every resource: what belongs to others', async () => {
  const create = ['create /events', 'create events.k8s.io/events'];
  expect(await allowed(board, 'site', 'theirs')).toEqual([...create, ...everybody]);
  expect(await allowed(board, 'elsewhere', 'mine')).toEqual(everybody);
  expect(await allowed(board, '', 'pi-2')).toEqual(everybody);
  expect(await allowed(board, '', '')).toEqual(everybody);
  expect(await allowed(board, 'kube-node-lease', 'pi-2')).toEqual(['create coordination.k8s.io/leases', ...everybody]);
  // In "default" a board reports about itself.
  expect(await allowed(board, 'default', 'theirs')).toEqual([...create, ...everybody]);
});

test('a board lists its pods by node name and no others', async () => {
  const list = (selector: string) => authorizer.authorize(about(board, 'list', '/pods', '', '', selector));
  expect((await list('spec.nodeName=pi-1')).verdict).toBe('allow');
  expect((await list('status.phase=Running,spec.nodeName=pi-1')).verdict).toBe('allow');
  expect((await list('spec.nodeName=pi-2')).verdict).toBe('noOpinion');
  expect((await list('spec.nodeName!=pi-1')).verdict).toBe('noOpinion');
  expect((await list('spec.nodeName=pi-10')).verdict).toBe('noOpinion');
});

const paths = [
  '/',
  '/api',
  '/apis',
  '/apis/apps/v1',
  '/openapi/v2',
  '/openapi/v3/api/v1',
  '/version',
  '/livez',
  '/readyz/ping',
  '/healthz',
  '/metrics',
  '/debug/x',
];

test.each([
  ['a board', board, ['/api', '/apis', '/apis/apps/v1', '/openapi/v2', '/openapi/v3/api/v1', '/version', '/livez', '/healthz']],
  ['nobody', { name: 'system:anonymous', groups: ['system:unauthenticated'] }, ['/version', '/livez', '/healthz']],
  ['an admin', { name: 'a', groups: ['system:masters'] }, paths],
])('paths that are no resource, for %s', async (_, user, wanted) => {
  const found: string[] = [];
  for (const path of paths) if ((await authorizer.authorize({ user, verb: 'get', path })).verdict === 'allow') found.push(path);
  expect(found).toEqual(wanted);
  const post = await authorizer.authorize({ user, verb: 'post', path: '/version' });
  expect(post.verdict).toBe(user.groups.includes('system:masters') ? 'allow' : 'noOpinion');
});

test('the group alone, or the name alone, makes no board', async () => {
  expect(await allowed({ name: 'pi-1', groups: ['system:nodes', 'system:authenticated'] }, '', 'pi-1')).toEqual(everybody);
  expect(await allowed({ name: 'system:node:pi-1', groups: ['system:authenticated'] }, '', 'pi-1')).toEqual(everybody);
  expect(await allowed({ name: 'system:node:', groups: ['system:nodes', 'system:authenticated'] }, '', '')).toEqual(everybody);
});

test('controllers may, other service accounts may not', async () => {
  const account = (name: string): UserInfo => ({
    name: `system:serviceaccount:${name}`,
    groups: ['system:serviceaccounts', 'system:authenticated'],
  });
  expect(await allowed(account('kube-system:deployment-controller'), 'site', 'x')).toEqual(
    expect.arrayContaining([...everybody, 'update apps/deployments', 'create apps/replicasets', 'list /pods']),
  );
  expect(await allowed(account('kube-system:deployment-controller'), 'site', 'x')).not.toContain('get /secrets');
  expect(await allowed(account('kube-system:default'), 'site', 'x')).toEqual(everybody);
  expect(await allowed(account('default:deployment-controller'), 'site', 'x')).toEqual(everybody);
  expect(await allowed(jane, 'site', 'mine')).toEqual(everybody);
});

test('a refusal has the words of Kubernetes', async () => {
  const message = async (attributes: Attributes): Promise<string> =>
    forbiddenError(attributes, await authorizer.authorize(attributes)).message;
  expect(await message(about(jane, 'get', '/configmaps', 'default', 'x'))).toBe(
    'configmaps "x" is forbidden: User "jane" cannot get resource "configmaps" in API group "" in the namespace "default"',
  );
  expect(await message(about(jane, 'list', 'apps/deployments', '', ''))).toBe(
    'deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope',
  );
  expect(await message(about(jane, 'update', '/pods/status', 'a', 'p'))).toBe(
    'pods "p" is forbidden: User "jane" cannot update resource "pods/status" in API group "" in the namespace "a"',
  );
  expect(await message(about(board, 'get', '/secrets', 'site', 'other'))).toBe(
    `secrets "other" is forbidden: User "system:node:pi-1" cannot get resource "secrets" in API group "" in the namespace "site": no relationship found between node 'pi-1' and this object`,
  );
  expect(await message({ user: jane, verb: 'get', path: '/metrics' })).toBe('forbidden: User "jane" cannot get path "/metrics"');
});

test('a node has to do with what its pods name, in their namespace', () => {
  const pod = {
    metadata: { namespace: 'site', name: 'p' },
    spec: {
      nodeName: 'pi-1',
      containers: [{ envFrom: [{ secretRef: { name: 'secret' } }] }],
      volumes: [{ configMap: { name: 'config' } }],
    },
  };
  const byIndex = (_index: string, node: string): unknown[] => (node === 'pi-1' ? [pod] : []);
  const client = { informer: () => ({ index: () => {}, byIndex, get: () => pod }) };
  const graph = createNodeGraph(client as never, undefined as never);
  const refers = graph.refersTo;
  expect(refers('pi-1', 'secrets', 'site', 'secret')).toBe(true);
  expect(refers('pi-1', 'configmaps', 'site', 'config')).toBe(true);
  expect(refers('pi-1', 'serviceaccounts', 'site', 'default')).toBe(true);
  expect(refers('pi-1', 'secrets', 'site', 'config')).toBe(false);
  expect(refers('pi-1', 'configmaps', 'site', 'secret')).toBe(false);
  expect(refers('pi-1', 'secrets', 'other', 'secret')).toBe(false);
  expect(refers('pi-2', 'secrets', 'site', 'secret')).toBe(false);
});
