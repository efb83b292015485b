import type { ClusterRole, PolicyRule } from '@flotilla/shared/api/generated/types.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ControlPlane } from '../../../../test/harness/control-plane.ts';
import { gathered } from './cluster-role-aggregation-controller.ts';

const group = 'rbac.authorization.k8s.io';
let plane: ControlPlane;
beforeEach(async () => {
  plane = await ControlPlane.start({ controllers: ['clusterrole-aggregation-controller'], scheduler: false });
});
afterEach(() => plane.stop());

const rule = (resource: string): PolicyRule => ({ verbs: ['get'], apiGroups: ['x'], resources: [resource] });
const gathering = (name: string, label: string): ClusterRole => ({
  metadata: { name },
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: 'true' } }] },
});
const part = (name: string, label: string, ...rules: PolicyRule[]): ClusterRole => ({
  metadata: { name, labels: { [label]: 'true' } },
  rules,
});

test('gathers by name, each rule once, never itself', () => {
  const whole = { ...gathering('whole', 'a'), rules: [rule('old')] };
  const self = { ...whole, metadata: { name: 'whole', labels: { a: 'true' } } };
  const all = [part('z', 'a', rule('1'), rule('2')), part('b', 'a', rule('2'), rule('3')), part('c', 'other', rule('4')), self];
  expect(gathered(whole, all)).toEqual([rule('2'), rule('3'), rule('1')]);
});

test('follows its parts as they come, change and go', async () => {
  const roles = plane.client.resource<ClusterRole>(group, 'clusterroles');
  const resources = (name: string): string[] =>
    (plane.client.informer<ClusterRole>(group, 'clusterroles').get(name)?.rules ?? []).flatMap((one) => one.resources ?? []);
  await roles.create('', gathering('whole', 'a'));
  // A role that gathers may be gathered itself, as edit is by admin.
  await roles.create('', { ...gathering('more', 'b'), metadata: { name: 'more', labels: { a: 'true' } } });
  await roles.create('', part('one', 'a', rule('1')));
  await roles.create('', part('two', 'b', rule('2')));
  await plane.until('all is gathered', () => resources('whole').join() === '2,1');
  await roles.update('', 'two', (role) => ({ ...role, rules: [rule('3')] }));
  await plane.until('a change is followed', () => resources('whole').join() === '3,1');
  await roles.delete('', 'one');
  await plane.until('what goes is taken out', () => resources('whole').join() === '3');
});
