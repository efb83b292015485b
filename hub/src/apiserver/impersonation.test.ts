import type { PolicyRule } from '@flotilla/shared/api/generated/types.js';
import { expect, test } from 'vitest';
import { mastersAuthorizer } from '#auth/authz/masters-authorizer.ts';
import { chain } from '#auth/authz/types.ts';
import { createRbacAuthorizer } from '#auth/rbac/rbac-authorizer.ts';
import { RolesFixture } from '#auth/rbac/roles-fixture.ts';
import type { UserInfo } from '#registry/generic/types.ts';
import type { Exchange } from './exchange.ts';
import { impersonated, NobodyImpersonated } from './impersonation.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const admin: UserInfo = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };
const proxy: UserInfo = { name: 'proxy', groups: ['system:authenticated'] };

function act(user: UserInfo, ...headers: [string, string][]): UserInfo {
  const fixture = new RolesFixture().synced();
  const rule = (group: string, resources: string[], names: string[]): PolicyRule => ({
    verbs: ['impersonate'],
    apiGroups: [group],
    resources,
    resourceNames: names,
  });
  const rules = [
    rule('', ['users', 'groups', 'serviceaccounts'], ['jane', 'devs', 'robot']),
    rule('authentication.k8s.io', ['userextras/scopes', 'uids'], ['view', '12']),
  ];
  fixture.clusterRoles.put({ metadata: { name: 'r' }, rules });
  fixture.clusterRoleBindings.put({
    metadata: { name: 'b' },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'r' },
    subjects: [{ kind: 'User', apiGroup, name: 'proxy' }],
  });
  const headersFrom = (prefix: string) => headers.filter(([name]) => name.startsWith(prefix));
  const authorizer = chain([mastersAuthorizer, createRbacAuthorizer(fixture.resolver)]);
  return impersonated({ headersFrom } as unknown as Exchange, '/api/v1/pods', user, authorizer);
}

test('without headers one is oneself', () => {
  expect(act(proxy)).toBe(proxy);
});

test('one becomes a user, with groups, uid and more', () => {
  expect(act(admin, ['impersonate-user', 'jane'])).toEqual({ name: 'jane', groups: ['system:authenticated'] });
  expect(
    act(
      admin,
      ['impersonate-user', 'jane'],
      ['impersonate-group', 'a'],
      ['impersonate-group', 'b'],
      ['impersonate-uid', '12'],
      ['impersonate-extra-acme.com%2fproject', 'x'],
      ['impersonate-extra-scopes', 'y'],
      ['impersonate-extra-scopes', 'z'],
    ),
  ).toEqual({
    name: 'jane',
    uid: '12',
    groups: ['a', 'b', 'system:authenticated'],
    extra: { 'acme.com/project': ['x'], scopes: ['y', 'z'] },
  });
});

test('a service account has its groups, and nobody has those of nobody', () => {
  const account = 'system:serviceaccount:site:robot';
  expect(act(admin, ['impersonate-user', account]).groups).toEqual([
    'system:serviceaccounts',
    'system:serviceaccounts:site',
    'system:authenticated',
  ]);
  expect(act(admin, ['impersonate-user', account], ['impersonate-group', 'devs']).groups).toEqual(['devs', 'system:authenticated']);
  expect(act(admin, ['impersonate-user', 'system:anonymous']).groups).toEqual(['system:unauthenticated']);
  expect(act(admin, ['impersonate-user', 'x'], ['impersonate-group', 'system:unauthenticated']).groups).toEqual(['system:unauthenticated']);
});

test('whoever acts as another may do so for each part', () => {
  const scopes: [string, string] = ['impersonate-extra-scopes', 'view'];
  const jane: [string, string] = ['impersonate-user', 'jane'];
  expect(act(proxy, jane, ['impersonate-group', 'devs'], ['impersonate-uid', '12'], scopes)).toMatchObject({ name: 'jane', uid: '12' });
  const refusals: [string, ...[string, string][]][] = [
    [
      'users "joe" is forbidden: User "proxy" cannot impersonate resource "users" in API group "" at the cluster scope',
      ['impersonate-user', 'joe'],
    ],
    [
      'groups "system:masters" is forbidden: User "proxy" cannot impersonate resource "groups" in API group "" at the cluster scope',
      jane,
      ['impersonate-group', 'system:masters'],
    ],
    [
      'uids.authentication.k8s.io "1" is forbidden: User "proxy" cannot impersonate resource "uids" in API group "authentication.k8s.io" at the cluster scope',
      jane,
      ['impersonate-uid', '1'],
    ],
    [
      'userextras.authentication.k8s.io "all" is forbidden: User "proxy" cannot impersonate resource "userextras/scopes" in API group "authentication.k8s.io" at the cluster scope',
      jane,
      ['impersonate-extra-scopes', 'all'],
    ],
    [
      'serviceaccounts "other" is forbidden: User "proxy" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "site"',
      ['impersonate-user', 'system:serviceaccount:site:other'],
    ],
  ];
  for (const [message, ...headers] of refusals) {
    expect(() => act(proxy, ...headers)).toThrow(expect.objectContaining({ code: 403, message }));
  }
});

test('nobody to become', () => {
  expect(() => act(admin, ['impersonate-group', 'a'])).toThrow(new NobodyImpersonated('/api/v1/pods', '{Group  a    }'));
  expect(() => act(admin, ['impersonate-uid', 'a'])).toThrow(
    'requested [{UID  a  authentication.k8s.io/v1  }] without impersonating a user',
  );
});
