import { topic } from '../exchange.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const apiVersion = `${apiGroup}/v1`;
const cluster = `/apis/${apiVersion}`;

const object = (kind: string, name: string, more: object = {}) => ({ apiVersion, kind, metadata: { name }, ...more });
const pods = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };
const roleRef = { apiGroup, kind: 'Role', name: 'r' };
const clusterRef = { apiGroup, kind: 'ClusterRole', name: 'r' };
const user = { kind: 'User', apiGroup, name: 'jane' };

/** Bodies of rules: what each of them breaks stands in its name. */
const rules: Record<string, object | null> = {
  'no rules': {},
  'rules that are null': { rules: null },
  'an empty list': { rules: [] },
  'one rule': { rules: [pods] },
  everything: { rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] },
  'no verbs': { rules: [{ apiGroups: [''], resources: ['pods'] }] },
  'empty verbs': { rules: [{ ...pods, verbs: [] }] },
  'no groups': { rules: [{ verbs: ['get'], resources: ['pods'] }] },
  'no resources': { rules: [{ verbs: ['get'], apiGroups: [''] }] },
  'nothing at all': { rules: [{}] },
  'names of resources': { rules: [{ ...pods, resourceNames: ['a', 'b'] }] },
  'a path': { rules: [{ verbs: ['get'], nonResourceURLs: ['/metrics'] }] },
  'a path without verbs': { rules: [{ nonResourceURLs: ['/metrics'] }] },
  'a path and resources': { rules: [{ ...pods, nonResourceURLs: ['/metrics', '/healthz/*'] }] },
  'a path and names': { rules: [{ verbs: ['get'], resourceNames: ['a'], nonResourceURLs: ['/metrics'] }] },
  'two rules, the second broken': { rules: [pods, { verbs: ['get'] }] },
  'a verb that is a number': { rules: [{ ...pods, verbs: [1] }] },
  'a field nobody knows': { rules: [{ ...pods, colour: 'red' }] },
};

const bindings: Record<string, object> = {
  'no reference': {},
  'a reference without group': { roleRef: { kind: 'Role', name: 'r' } },
  'another group': { roleRef: { ...roleRef, apiGroup: 'example.com' } },
  'no kind': { roleRef: { apiGroup, name: 'r' } },
  'another kind': { roleRef: { ...roleRef, kind: 'Pod' } },
  'no name': { roleRef: { apiGroup, kind: 'Role' } },
  'a name with a slash': { roleRef: { ...roleRef, name: 'a/b' } },
  'a name that is dots': { roleRef: { ...roleRef, name: '..' } },
  'a role': { roleRef },
  'a cluster role': { roleRef: clusterRef },
};

const subjects: Record<string, object> = {
  'a user': user,
  'a user without group': { kind: 'User', name: 'jane' },
  'a user of another group': { ...user, apiGroup: 'example.com' },
  'a user with a namespace': { ...user, namespace: 'x' },
  'a user without name': { kind: 'User' },
  'a group': { kind: 'Group', name: 'system:masters' },
  'a group of another group': { kind: 'Group', name: 'g', apiGroup: 'v1' },
  'a service account': { kind: 'ServiceAccount', name: 'default', namespace: 'default' },
  'a service account without namespace': { kind: 'ServiceAccount', name: 'default' },
  'a service account with a group': { kind: 'ServiceAccount', name: 'default', namespace: 'default', apiGroup },
  'a service account with a bad name': { kind: 'ServiceAccount', name: 'A b', namespace: 'default' },
  'a service account without name': { kind: 'ServiceAccount', namespace: 'default' },
  'another kind': { kind: 'Pod', name: 'p' },
  'no kind': { name: 'p' },
  nothing: {},
};

const aggregations: Record<string, object> = {
  'no selectors': { aggregationRule: {} },
  'empty selectors': { aggregationRule: { clusterRoleSelectors: [] } },
  'labels to match': { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } },
  'rules beside it': { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] }, rules: [pods] },
  'an operator nobody knows': { aggregationRule: { clusterRoleSelectors: [{ matchExpressions: [{ key: 'a', operator: 'Near' }] }] } },
  'a bad label': { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { 'a b': 'c d' } }] } },
  'everything there is': { aggregationRule: { clusterRoleSelectors: [{}] } },
};

export const rbacKinds = topic('rbac-kinds', (t) => {
  const [roles, roleBindings] = [t.path('roles', '', apiVersion), t.path('rolebindings', '', apiVersion)];
  const [clusterRoles, clusterRoleBindings] = [`${cluster}/clusterroles`, `${cluster}/clusterrolebindings`];

  t.get('the group', `/apis/${apiGroup}`);
  t.get('its resources', cluster);
  const fromTheStart = 'labelSelector=kubernetes.io/bootstrapping%3Drbac-defaults';
  t.get('cluster roles from the start', `${clusterRoles}?${fromTheStart}`);
  t.get('cluster role bindings from the start', `${clusterRoleBindings}?${fromTheStart}`);
  t.get('roles from the start', `${cluster}/roles?${fromTheStart}`);
  t.get('role bindings from the start', `${cluster}/rolebindings?${fromTheStart}`);

  for (const [name, more] of Object.entries(rules)) {
    t.post(`role: ${name}`, `${roles}?dryRun=All`, object('Role', 'r', more ?? {}));
    t.post(`cluster role: ${name}`, `${clusterRoles}?dryRun=All`, object('ClusterRole', 'conf-r', more ?? {}));
  }
  for (const [name, more] of Object.entries(aggregations)) {
    t.post(`gathering, ${name}`, `${clusterRoles}?dryRun=All`, object('ClusterRole', 'conf-r', more));
  }
  for (const [name, more] of Object.entries(bindings)) {
    t.post(`role binding: ${name}`, `${roleBindings}?dryRun=All`, object('RoleBinding', 'b', more));
    t.post(`cluster role binding: ${name}`, `${clusterRoleBindings}?dryRun=All`, object('ClusterRoleBinding', 'conf-b', more));
  }
  for (const [name, subject] of Object.entries(subjects)) {
    t.post(`bound to ${name}`, `${roleBindings}?dryRun=All`, object('RoleBinding', 'b', { roleRef, subjects: [subject] }));
    t.post(
      `bound everywhere to ${name}`,
      `${clusterRoleBindings}?dryRun=All`,
      object('ClusterRoleBinding', 'conf-b', { roleRef: clusterRef, subjects: [subject] }),
    );
  }
  for (const name of ['with:colons', 'With Capitals', 'a/b', 'a%b', '..', 'x'.repeat(300)]) {
    t.post(`a role called ${name.slice(0, 20)}`, `${roles}?dryRun=All`, object('Role', name, { rules: [pods] }));
  }
  t.post('a role in the wrong namespace', roles, { ...object('Role', 'r'), metadata: { name: 'r', namespace: 'default' } });

  t.post('a role', roles, object('Role', 'r', { rules: [pods] }));
  t.post('a role that is there', roles, object('Role', 'r'));
  t.put('a role by PUT', `${roles}/put`, object('Role', 'put', { rules: [pods] }));
  t.put('a role changed by PUT', `${roles}/put`, object('Role', 'put', { rules: [] }));
  t.put('a role broken by PUT', `${roles}/put`, object('Role', 'put', { rules: [{ verbs: ['get'] }] }));
  t.patch('a rule added by JSON patch', `${roles}/r`, 'json', [
    { op: 'add', path: '/rules/-', value: { ...pods, resources: ['secrets'] } },
  ]);
  t.patch('rules replaced by merge patch', `${roles}/r`, 'merge', { rules: [{ ...pods, resources: ['pods/log'] }] });
  t.patch('rules replaced by strategic merge patch', `${roles}/r`, 'strategic', { rules: [{ ...pods, resources: ['configmaps'] }] });
  t.patch('rules removed by merge patch', `${roles}/put`, 'merge', { rules: null });
  t.patch('a role applied', `${roles}/applied?fieldManager=one`, 'apply', object('Role', 'applied', { rules: [pods] }));
  t.patch(
    'a role applied by another',
    `${roles}/applied?fieldManager=two`,
    'apply',
    object('Role', 'applied', { rules: [{ ...pods, verbs: ['watch'] }] }),
  );
  t.patch(
    'a role applied by force',
    `${roles}/applied?fieldManager=two&force=true`,
    'apply',
    object('Role', 'applied', { rules: [{ ...pods, verbs: ['watch'] }] }),
  );
  t.patch(
    'a binding applied',
    `${roleBindings}/applied?fieldManager=one`,
    'apply',
    object('RoleBinding', 'applied', { roleRef, subjects: [user] }),
  );
  t.patch(
    'a binding applied with another subject by another',
    `${roleBindings}/applied?fieldManager=two`,
    'apply',
    object('RoleBinding', 'applied', { roleRef, subjects: [{ kind: 'Group', apiGroup, name: 'g' }] }),
  );

  const many = [user, { kind: 'User', name: 'joe' }, { kind: 'Group', name: 'g' }, { kind: 'ServiceAccount', name: 's', namespace: 'n' }];
  t.post('a binding', roleBindings, object('RoleBinding', 'b', { roleRef, subjects: many }));
  t.post('a binding without subjects', roleBindings, object('RoleBinding', 'nobody', { roleRef: clusterRef }));
  t.put('another role for a binding', `${roleBindings}/b`, object('RoleBinding', 'b', { roleRef: clusterRef, subjects: many }));
  t.put('another subject for a binding', `${roleBindings}/b`, object('RoleBinding', 'b', { roleRef, subjects: [user] }));
  t.patch('a subject by strategic merge patch', `${roleBindings}/b`, 'strategic', { subjects: [{ kind: 'Group', name: 'h' }] });
  t.patch('a reference by merge patch', `${roleBindings}/b`, 'merge', { roleRef: { name: 'other' } });
  t.post('a cluster role', clusterRoles, object('ClusterRole', 'conf-kinds', { rules: [{ verbs: ['get'], nonResourceURLs: ['/x/*'] }] }));
  t.post('a cluster role binding', clusterRoleBindings, {
    ...object('ClusterRoleBinding', 'conf-kinds', { roleRef: { ...clusterRef, name: 'conf-kinds' } }),
    subjects: many,
  });
  t.patch('another role for all', `${clusterRoleBindings}/conf-kinds`, 'merge', { roleRef: { name: 'conf-other' } });

  const asTable = { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } };
  for (const [name, path] of Object.entries({ roles, roleBindings })) {
    t.get(`${name} as a list`, path);
    t.get(`${name} as a table`, path, asTable);
    t.get(`${name} by a field`, `${path}?fieldSelector=metadata.name%3Db`);
    t.get(`${name} by a field that is none`, `${path}?fieldSelector=roleRef.name%3Db`);
  }
  t.get('a cluster role as a table', `${clusterRoles}/conf-kinds`, asTable);
  t.get('a cluster role binding as a table', `${clusterRoleBindings}/conf-kinds`, asTable);
  t.get('a cluster role in a namespace', t.path('clusterroles', 'view', apiVersion));
  t.get('a status of a role', `${roles}/r/status`);
  t.get('a role that is not there', `${roles}/gone`);
  t.get('a role in an older version', t.path('roles', 'r', `${apiGroup}/v1beta1`));
  t.watch('what happened to roles', `${roles}?watch=1&resourceVersion=0&fieldSelector=metadata.name%3Dr`, 1);
  t.delete('a binding goes', `${roleBindings}/b`);
  t.delete('a role goes', `${roles}/r`);
  t.delete('all bindings go', roleBindings);
  t.delete('a cluster role binding goes', `${clusterRoleBindings}/conf-kinds`);
  t.delete('a cluster role goes', `${clusterRoles}/conf-kinds`);
});
