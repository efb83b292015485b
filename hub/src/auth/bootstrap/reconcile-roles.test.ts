import type { ClusterRole, ClusterRoleBinding, Role } from '@flotilla/shared/api/generated/types.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RegistryFixture, registryFixture } from '#registry/generic/registry-fixture.ts';
import { clusterRoles } from '#registry/rbac/cluster-role.ts';
import { roles } from '#registry/rbac/role.ts';
import { clusterRoleBindings, roleBindings } from '#registry/rbac/role-binding.ts';
import { reconcileRoles } from './reconcile-roles.ts';
import { parseRoles } from './role-table.ts';

const group = 'rbac.authorization.k8s.io';
let hub: RegistryFixture;

beforeEach(async () => {
  hub = await registryFixture([clusterRoleBindings, clusterRoles, roleBindings, roles]);
  await reconcileRoles(hub.registry);
});
afterEach(() => hub.close());

const get = <T extends KubeObject>(resource: string, name: string, namespace = ''): T =>
  hub.registry.resource<T>(group, resource).get(hub.ctx, namespace, name).object;
const change = <T extends KubeObject>(resource: string, name: string, with_: (object: T) => T) =>
  hub.registry.resource<T>(group, resource).update(hub.ctx, '', name, with_);

test('makes what every cluster has, and at the next start writes nothing', async () => {
  expect(get<ClusterRole>('clusterroles', 'cluster-admin').rules).toEqual([
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    { verbs: ['*'], nonResourceURLs: ['*'] },
  ]);
  expect(get<ClusterRole>('clusterroles', 'edit')).toMatchObject({
    rules: null,
    metadata: {
      labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', 'rbac.authorization.k8s.io/aggregate-to-admin': 'true' },
      annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
    },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' } }] },
  });
  expect(get<ClusterRoleBinding>('clusterrolebindings', 'system:controller:node-controller').subjects).toEqual([
    { kind: 'ServiceAccount', name: 'node-controller', namespace: 'kube-system' },
  ]);
  expect(get<Role>('roles', 'flotilla:node-link', 'kube-node-lease').rules?.[0]?.resources).toEqual(['leases']);
  const before = hub.cache.revision;
  await reconcileRoles(hub.registry);
  expect(hub.cache.revision).toBe(before);
});

test('gives back what was taken, leaves what was added', async () => {
  const own = { verbs: ['get'], apiGroups: ['example.com'], resources: ['widgets'] };
  await change<ClusterRole>('clusterroles', 'system:discovery', (role) => ({
    ...role,
    metadata: { name: 'system:discovery' },
    rules: [own],
  }));
  const subject = { kind: 'User', apiGroup: group, name: 'jane' };
  await change<ClusterRoleBinding>('clusterrolebindings', 'system:discovery', (binding) => ({ ...binding, subjects: [subject] }));
  await hub.registry.resource(group, 'clusterroles').delete(hub.ctx, '', 'view');
  await reconcileRoles(hub.registry);
  const role = get<ClusterRole>('clusterroles', 'system:discovery');
  expect(role.rules?.[0]).toEqual(own);
  expect(role.rules?.slice(1).flatMap(({ nonResourceURLs }) => nonResourceURLs)).toContain('/openapi/*');
  expect(role.metadata?.labels).toEqual({ 'kubernetes.io/bootstrapping': 'rbac-defaults' });
  expect(get<ClusterRoleBinding>('clusterrolebindings', 'system:discovery').subjects).toEqual([
    subject,
    { kind: 'Group', apiGroup: group, name: 'system:authenticated' },
  ]);
  expect(get<ClusterRole>('clusterroles', 'view').metadata?.name).toBe('view');
});

test('leaves alone what says so', async () => {
  const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' };
  await change<ClusterRole>('clusterroles', 'system:basic-user', (role) => ({
    ...role,
    metadata: { ...role.metadata, annotations },
    rules: [],
  }));
  await reconcileRoles(hub.registry);
  expect(get<ClusterRole>('clusterroles', 'system:basic-user').rules).toBeNull();
});

test('makes a binding anew that refers to another role', async () => {
  const bindings = hub.registry.resource<ClusterRoleBinding>(group, 'clusterrolebindings');
  const name = 'system:basic-user';
  await bindings.delete(hub.ctx, '', name);
  await bindings.create(hub.ctx, '', { metadata: { name }, roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'view' } });
  await reconcileRoles(hub.registry);
  expect(get<ClusterRoleBinding>('clusterrolebindings', name)).toMatchObject({
    roleRef: { name },
    subjects: [{ name: 'system:authenticated' }],
  });
});

test('reads the notation of roles', () => {
  const text = 'a +aggregate-to-b\n  get list | core apps | pods pods/log\n    nodes | x y\n  get | /a /b/*\nb <aggregate-to-b\n';
  expect(parseRoles(text, 'flotilla-defaults')).toMatchObject([
    {
      metadata: { name: 'a', labels: { 'rbac.authorization.k8s.io/aggregate-to-b': 'true' } },
      rules: [
        { verbs: ['get', 'list'], apiGroups: ['', 'apps'], resources: ['pods', 'pods/log', 'nodes'], resourceNames: ['x', 'y'] },
        { verbs: ['get'], nonResourceURLs: ['/a', '/b/*'] },
      ],
    },
    { metadata: { name: 'b', labels: { 'kubernetes.io/bootstrapping': 'flotilla-defaults' } } },
  ]);
});
