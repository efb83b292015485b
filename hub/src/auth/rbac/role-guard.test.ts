import type { PolicyRule } from '@flotilla/shared/api/generated/types.js';
import { beforeEach, expect, test } from 'vitest';
import type { AdmissionAttributes, ResourceDefinition } from '#registry/generic/types.ts';
import { clusterRoles } from '#registry/rbac/cluster-role.ts';
import { roles } from '#registry/rbac/role.ts';
import { roleBindings } from '#registry/rbac/role-binding.ts';
import { createRbacAuthorizer } from './rbac-authorizer.ts';
import { createRoleGuard, type RoleGuard } from './role-guard.ts';
import { RolesFixture } from './roles-fixture.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const everything: PolicyRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
const pods: PolicyRule = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };

let guard: RoleGuard;
beforeEach(() => {
  const fixture = new RolesFixture().synced();
  fixture.clusterRoles.put({ metadata: { name: 'pods' }, rules: [pods] });
  fixture.clusterRoles.put({ metadata: { name: 'strong' }, rules: [everything] });
  fixture.clusterRoles.put({
    metadata: { name: 'named' },
    rules: [
      { verbs: ['escalate', 'bind'], apiGroups: [apiGroup], resources: ['roles', 'clusterroles'], resourceNames: ['chosen', 'strong'] },
    ],
  });
  const bind = (name: string, role: string, user: string): void =>
    fixture.clusterRoleBindings.put({
      metadata: { name },
      roleRef: { apiGroup, kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'User', apiGroup, name: user }],
    });
  bind('a', 'pods', 'jane');
  bind('b', 'named', 'chooser');
  guard = createRoleGuard({ authorizer: createRbacAuthorizer(fixture.resolver), resolver: fixture.resolver });
});

function write(user: string, definition: ResourceDefinition<never>, object: object, more: Partial<AdmissionAttributes> = {}): string {
  const attributes: AdmissionAttributes = {
    ctx: { user: { name: user, groups: [user === 'master' ? 'system:masters' : 'system:authenticated'] }, warn: () => {} },
    operation: 'CREATE',
    definition: definition as unknown as ResourceDefinition,
    subresource: '',
    namespace: 'site',
    name: 'chosen',
    object: { metadata: { name: 'chosen' }, ...object },
    old: undefined,
    dryRun: false,
    ...more,
  };
  try {
    guard(attributes);
    return 'allowed';
  } catch (error) {
    return (error as Error).message;
  }
}

test('a role gives no more than its writer has', () => {
  expect(write('jane', roles as never, { rules: [pods] })).toBe('allowed');
  expect(write('jane', roles as never, { rules: [everything] })).toBe(
    'roles.rbac.authorization.k8s.io "chosen" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}',
  );
  expect(write('master', roles as never, { rules: [everything] })).toBe('allowed');
});

test('who may escalate one role may write that one, by its name', () => {
  const strong = { rules: [everything] };
  expect(write('chooser', roles as never, strong)).toContain('is attempting to grant');
  expect(write('chooser', roles as never, strong, { named: true })).toBe('allowed');
  expect(write('chooser', roles as never, strong, { operation: 'UPDATE', old: {} })).toBe('allowed');
  expect(write('chooser', roles as never, strong, { operation: 'UPDATE', old: {}, name: 'other' })).toContain('is attempting to grant');
});

test('who gathers roles has everything', () => {
  const gathering = { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } };
  const why = 'clusterroles.rbac.authorization.k8s.io "chosen" is forbidden: must have cluster-admin privileges to use the aggregationRule';
  expect(write('jane', clusterRoles as never, gathering)).toBe(why);
  expect(write('jane', clusterRoles as never, {}, { operation: 'UPDATE', old: { metadata: {}, ...gathering } })).toBe(why);
  expect(write('master', clusterRoles as never, gathering)).toBe('allowed');
});

test('a binding gives no more than its writer has, or may bind', () => {
  const to = (name: string) => ({ roleRef: { apiGroup, kind: 'ClusterRole', name }, subjects: [] });
  expect(write('jane', roleBindings as never, to('pods'))).toBe('allowed');
  expect(write('jane', roleBindings as never, to('strong'))).toContain('is attempting to grant');
  expect(write('jane', roleBindings as never, to('none'))).toBe('rolebindings.rbac.authorization.k8s.io "none" not found');
  expect(write('chooser', roleBindings as never, to('strong'))).toBe('allowed');
  expect(write('chooser', roleBindings as never, to('pods'))).toContain('is attempting to grant');
});

test('what garbage collection waits for may be taken away by anybody who may write', () => {
  const rules = [everything];
  const old = { metadata: { name: 'chosen', finalizers: ['example.com/f'], resourceVersion: '1' }, rules };
  const more = { operation: 'UPDATE', old } as const;
  expect(write('jane', roles as never, { metadata: { name: 'chosen', resourceVersion: '1' }, rules }, more)).toBe('allowed');
  expect(write('jane', roles as never, { metadata: { name: 'chosen', labels: { a: 'b' } }, rules }, more)).toContain('is attempting');
});
