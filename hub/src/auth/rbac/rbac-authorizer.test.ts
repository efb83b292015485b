import type { ClusterRole, PolicyRule, RbacSubject } from '@flotilla/shared/api/generated/types.js';
import { describe, expect, test } from 'vitest';
import type { UserInfo } from '#registry/generic/types.ts';
import { type Attributes, forbiddenError } from '../authz/types.ts';
import { createRbacAuthorizer } from './rbac-authorizer.ts';
import { RolesFixture } from './roles-fixture.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const jane: UserInfo = { name: 'jane', groups: ['devs', 'system:authenticated'] };
const user = (name: string): RbacSubject => ({ kind: 'User', apiGroup, name });

function asks(verb: string, resource: string, more: Partial<NonNullable<Attributes['resource']>> = {}, who = jane): Attributes {
  const [plural = '', subresource = ''] = resource.split('/');
  return {
    user: who,
    verb,
    path: '',
    resource: { group: '', version: 'v1', namespace: 'site', resource: plural, subresource, name: '', ...more },
  };
}

/** One ClusterRole with these rules, bound to jane everywhere. */
function withRules(...rules: PolicyRule[]) {
  const fixture = new RolesFixture().synced();
  fixture.clusterRoles.put({ metadata: { name: 'r' }, rules });
  bindEverywhere(fixture, 'b', 'r', user('jane'));
  const authorizer = createRbacAuthorizer(fixture.resolver);
  return (attributes: Attributes): boolean => authorizer.authorize(attributes).verdict === 'allow';
}

function bindEverywhere(fixture: RolesFixture, name: string, role: string, ...subjects: RbacSubject[]): void {
  fixture.clusterRoleBindings.put({ metadata: { name }, roleRef: { apiGroup, kind: 'ClusterRole', name: role }, subjects });
}

const read = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };

describe('a rule', () => {
  test.each<[string, PolicyRule, Attributes, Attributes]>([
    ['verbs', read, asks('list', 'pods'), asks('watch', 'pods')],
    ['any verb', { ...read, verbs: ['*'] }, asks('proxy', 'pods'), asks('get', 'secrets')],
    ['groups', { ...read, apiGroups: ['apps'] }, asks('get', 'pods', { group: 'apps' }), asks('get', 'pods')],
    ['any group', { ...read, apiGroups: ['*'] }, asks('get', 'pods', { group: 'x' }), asks('get', 'nodes', { group: 'x' })],
    ['resources, not what lies below', read, asks('get', 'pods'), asks('get', 'pods/log')],
    ['a subresource, not what it lies below', { ...read, resources: ['pods/log'] }, asks('get', 'pods/log'), asks('get', 'pods')],
    ['any resource, and what lies below', { ...read, resources: ['*'] }, asks('get', 'pods/log'), asks('create', 'pods/log')],
    ['a subresource of any', { ...read, resources: ['*/scale'] }, asks('get', 'x/scale'), asks('get', 'x')],
    ['names', { ...read, resourceNames: ['a', 'b'] }, asks('get', 'pods', { name: 'b' }), asks('get', 'pods', { name: 'c' })],
    ['names, and not what has none', { ...read, resourceNames: ['a'] }, asks('get', 'pods', { name: 'a' }), asks('list', 'pods')],
    ['everywhere', read, asks('list', 'pods', { namespace: '' }), asks('list', 'pod', { namespace: '' })],
  ])('%s', (_, rule, allowed, refused) => {
    const may = withRules(rule);
    expect([may(allowed), may(refused)]).toEqual([true, false]);
  });

  test.each([
    ['/metrics', '/metrics', '/metrics/x'],
    ['/debug/*', '/debug/x/y', '/debug'],
    ['*', '/anything', undefined],
    ['/a*', '/abc', '/b'],
  ])('of paths: %s', (url, allowed, refused) => {
    const may = withRules({ verbs: ['get'], nonResourceURLs: [url] });
    const page = (path: string, verb = 'get'): Attributes => ({ user: jane, verb, path });
    expect(may(page(allowed))).toBe(true);
    expect(may(page(allowed, 'post'))).toBe(false);
    if (refused !== undefined) expect(may(page(refused))).toBe(false);
    // Paths give no resource, and resources no path.
    expect(may(asks('get', 'pods'))).toBe(false);
    expect(withRules(read)(page(allowed))).toBe(false);
  });
});

describe('a binding', () => {
  test('counts in its namespace only, of a Role and of a ClusterRole', () => {
    const fixture = new RolesFixture().synced();
    const { authorize } = createRbacAuthorizer(fixture.resolver);
    fixture.clusterRoles.put({ metadata: { name: 'wide' }, rules: [{ ...read, resources: ['nodes'] }] });
    fixture.roles.put({ metadata: { name: 'own', namespace: 'site' }, rules: [read] });
    for (const [kind, name] of [
      ['Role', 'own'],
      ['ClusterRole', 'wide'],
    ] as const) {
      fixture.roleBindings.put({ metadata: { name, namespace: 'site' }, roleRef: { apiGroup, kind, name }, subjects: [user('jane')] });
    }
    expect(authorize(asks('get', 'pods')).reason).toBe('RBAC: allowed by RoleBinding "own/site" of Role "own" to User "jane"');
    expect(authorize(asks('get', 'nodes')).verdict).toBe('allow');
    expect(authorize(asks('get', 'pods', { namespace: 'other' })).verdict).toBe('noOpinion');
    expect(authorize(asks('get', 'nodes', { namespace: '' })).verdict).toBe('noOpinion');
  });

  test('is of users, groups and service accounts', () => {
    const fixture = new RolesFixture().synced();
    const { authorize } = createRbacAuthorizer(fixture.resolver);
    fixture.clusterRoles.put({ metadata: { name: 'r' }, rules: [read] });
    const robot: UserInfo = { name: 'system:serviceaccount:site:robot', groups: ['system:serviceaccounts', 'system:authenticated'] };
    const may = (who: UserInfo): string => authorize(asks('get', 'pods', {}, who)).reason ?? 'no';
    const from = 'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to ';
    bindEverywhere(fixture, 'b', 'r', { kind: 'Group', apiGroup, name: 'devs' });
    expect([may(jane), may(robot)]).toEqual([`${from}Group "devs"`, 'no']);
    fixture.clusterRoleBindings.put({
      metadata: { name: 'b', resourceVersion: '2' },
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'r' },
      subjects: [{ kind: 'ServiceAccount', name: 'robot', namespace: 'site' }],
    });
    expect([may(jane), may(robot)]).toEqual(['no', `${from}ServiceAccount "robot/site"`]);
    // A user of that name is not the account's group, and a group is no user.
    expect(may({ name: 'devs', groups: [] })).toBe('no');
    fixture.clusterRoleBindings.remove('b');
    fixture.roleBindings.put({
      metadata: { name: 'b', namespace: 'site' },
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'r' },
      subjects: [{ kind: 'ServiceAccount', name: 'robot' }],
    });
    expect(may(robot)).toBe('RBAC: allowed by RoleBinding "b/site" of ClusterRole "r" to ServiceAccount "robot/site"');
  });

  test('follows what becomes of its role at once', () => {
    const fixture = new RolesFixture().synced();
    const { authorize } = createRbacAuthorizer(fixture.resolver);
    const role = (version: string, rules: PolicyRule[]): ClusterRole => ({ metadata: { name: 'r', resourceVersion: version }, rules });
    bindEverywhere(fixture, 'b', 'r', user('jane'));
    const pods = asks('get', 'pods');
    expect(forbiddenError(pods, authorize(pods)).message).toBe(
      'pods is forbidden: User "jane" cannot get resource "pods" in API group "" in the namespace "site": RBAC: clusterrole.rbac.authorization.k8s.io "r" not found',
    );
    fixture.clusterRoles.put(role('1', [read]));
    expect(authorize(pods).verdict).toBe('allow');
    fixture.clusterRoles.put(role('2', []));
    expect(authorize(pods)).toEqual({ verdict: 'noOpinion' });
    fixture.clusterRoles.remove('r');
    bindEverywhere(fixture, 'c', 's', user('jane'));
    expect(authorize(pods).reason).toBe(
      'RBAC: [clusterrole.rbac.authorization.k8s.io "r" not found, clusterrole.rbac.authorization.k8s.io "s" not found]',
    );
  });
});

test('nobody has a role before they are read', () => {
  const fixture = new RolesFixture();
  const { authorize } = createRbacAuthorizer(fixture.resolver);
  fixture.clusterRoles.put({ metadata: { name: 'r' }, rules: [read] });
  bindEverywhere(fixture, 'b', 'r', user('jane'));
  for (const one of [fixture.roles, fixture.clusterRoles, fixture.roleBindings]) one.synced = true;
  expect(authorize(asks('get', 'pods'))).toEqual({ verdict: 'noOpinion', reason: 'RBAC: the roles have not been read yet' });
  fixture.clusterRoleBindings.synced = true;
  expect(authorize(asks('get', 'pods')).verdict).toBe('allow');
});

test('the rules of a user name what is missing', () => {
  const fixture = new RolesFixture().withDefaults();
  bindEverywhere(fixture, 'lost', 'gone', user('jane'));
  const rules = createRbacAuthorizer(fixture.resolver).rules?.(jane, 'site');
  expect(rules?.errors).toEqual(['clusterrole.rbac.authorization.k8s.io "gone" not found']);
  expect(rules?.resourceRules).toContainEqual({
    verbs: ['create'],
    apiGroups: ['authentication.k8s.io'],
    resources: ['selfsubjectreviews'],
  });
  expect(rules?.nonResourceRules.some(({ nonResourceURLs }) => nonResourceURLs.includes('/openapi/*'))).toBe(true);
});

test.each([
  ['cluster-admin', 'delete', 'nodes', true],
  ['admin', 'create', 'pods/exec', false],
  ['system:aggregate-to-edit', 'create', 'pods/exec', true],
  ['system:aggregate-to-view', 'get', 'pods/log', true],
  ['system:aggregate-to-view', 'get', 'secrets', false],
  ['system:aggregate-to-view', 'create', 'pods/exec', false],
  ['flotilla:fleet-viewer', 'list', 'nodes', true],
  ['flotilla:fleet-viewer', 'patch', 'nodes', false],
  ['flotilla:fleet-operator', 'patch', 'nodes', true],
  ['flotilla:fleet-operator', 'create', 'pods/eviction', true],
  ['flotilla:fleet-operator', 'get', 'secrets', false],
])('%s from the start: %s %s', (role, verb, resource, allowed) => {
  const fixture = new RolesFixture().withDefaults();
  bindEverywhere(fixture, 'b', role, user('jane'));
  expect(createRbacAuthorizer(fixture.resolver).authorize(asks(verb, resource)).verdict === 'allow').toBe(allowed);
});
