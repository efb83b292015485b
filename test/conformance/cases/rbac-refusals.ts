import { type Cases, topic } from '../exchange.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const apiVersion = `${apiGroup}/v1`;
const cluster = `/apis/${apiVersion}`;

type Headers = Readonly<Record<string, string>>;
const as = (user: string, group?: string): { headers: Headers } => ({
  headers: { 'impersonate-user': user, ...(group ? { 'impersonate-group': group } : {}) },
});

const object = (kind: string, name: string, more: object = {}) => ({ apiVersion, kind, metadata: { name }, ...more });
const rule = (verbs: string, resources: string, more: object = {}) => ({
  verbs: verbs.split(' '),
  apiGroups: [''],
  resources: resources.split(' '),
  ...more,
});
const user = (name: string) => ({ kind: 'User', apiGroup, name });
const ref = (kind: 'Role' | 'ClusterRole', name: string) => ({ roleRef: { apiGroup, kind, name } });
const everything = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
const everywhere = { verbs: ['*'], nonResourceURLs: ['*'] };

/** Roles and bindings by the administrator. */
function roles(t: Cases): void {
  const [own, bindings] = [t.path('roles', '', apiVersion), t.path('rolebindings', '', apiVersion)];
  const role = (name: string, ...rules: object[]): void => t.post(`role ${name}`, own, object('Role', name, { rules }));
  const bind = (name: string, reference: object, ...subjects: object[]): void =>
    t.post(`binding ${name}`, bindings, object('RoleBinding', name, { ...reference, subjects }));
  role('reader', rule('get list watch', 'pods pods/log'));
  role('named', rule('get update', 'configmaps', { resourceNames: ['mine'] }));
  role('scaler', { verbs: ['get', 'update'], apiGroups: ['apps'], resources: ['*/scale'] });
  bind('reader', ref('Role', 'reader'), user('jane'), { kind: 'ServiceAccount', name: 'robot', namespace: t.ns });
  bind('named', ref('Role', 'named'), { kind: 'Group', apiGroup, name: 'devs' });
  bind('scaler', ref('Role', 'scaler'), user('sam'));
  bind('lost', ref('Role', 'nowhere'), user('lost'));
  bind('lost-cluster', ref('ClusterRole', 'conf-nowhere'), user('lost'), user('lost-too'));
  bind('cluster-in-namespace', ref('ClusterRole', 'conf-nodes'), user('local'));
  t.post(
    'cluster role conf-nodes',
    `${cluster}/clusterroles`,
    object('ClusterRole', 'conf-nodes', {
      rules: [rule('get list', 'nodes namespaces pods'), { verbs: ['get'], nonResourceURLs: ['/metrics', '/debug/*'] }],
    }),
  );
  t.post(
    'cluster binding conf-nodes',
    `${cluster}/clusterrolebindings`,
    object('ClusterRoleBinding', 'conf-nodes', { ...ref('ClusterRole', 'conf-nodes'), subjects: [user('ops')] }),
  );
  t.post(
    'cluster binding to nowhere',
    `${cluster}/clusterrolebindings`,
    object('ClusterRoleBinding', 'conf-lost', { ...ref('ClusterRole', 'conf-gone'), subjects: [user('lost-everywhere')] }),
  );
}

/** Who asks for what: allowed or refused is Kubernetes' answer. */
function requests(t: Cases): void {
  const people: Record<string, { headers: Headers }> = {
    jane: as('jane'),
    'a developer': as('dora', 'devs'),
    'a service account': as(`system:serviceaccount:${t.ns}:robot`),
    'a service account of another namespace': as('system:serviceaccount:default:robot'),
    sam: as('sam'),
    ops: as('ops'),
    'local ops': as('local'),
    nobody: as('nobody'),
    lost: as('lost'),
    'lost too': as('lost-too'),
    'lost everywhere': as('lost-everywhere'),
    anonymous: as('system:anonymous'),
  };
  const none = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } };
  for (const [who, more] of Object.entries(people)) {
    t.get(`${who} lists pods`, t.path('pods'), more);
    t.get(`${who} gets a pod`, t.path('pods', 'p'), more);
    t.get(`${who} reads a log`, `${t.path('pods', 'p')}/log`, more);
    t.post(`${who} makes a pod`, t.path('pods'), none, more);
    t.delete(`${who} removes pods`, t.path('pods'), undefined, more);
    t.get(`${who} gets the configuration`, t.path('configmaps', 'mine'), more);
    t.get(`${who} gets another configuration`, t.path('configmaps', 'other'), more);
    t.get(`${who} lists configurations`, `${t.path('configmaps')}?fieldSelector=metadata.name%3Dmine`, more);
    t.get(`${who} reads a scale`, `${t.path('deployments', 'd', 'apps/v1')}/scale`, more);
    t.get(`${who} lists the pods of all`, '/api/v1/pods?labelSelector=none', more);
    t.get(`${who} gets a node`, '/api/v1/nodes/conf-none', more);
    t.get(`${who} gets a page`, '/debug/pages', more);
    t.get(`${who} asks for the version`, '/version/none', more);
  }
  t.post('nobody runs something', `${t.path('pods', 'p')}/exec?command=ls`, '', as('nobody'));
  t.get('nobody forwards a port', `${t.path('pods', 'p')}/portforward`, as('nobody'));
  t.get('nobody asks a pod', `${t.path('pods', 'p')}/proxy/a/b`, as('nobody'));
  t.post('nobody evicts', `${t.path('pods', 'p')}/eviction`, {}, as('nobody'));
  t.post('nobody asks for a token', `${t.path('serviceaccounts', 'default')}/token`, {}, as('nobody'));
  t.patch('nobody applies', `${t.path('configmaps', 'x')}?fieldManager=m`, 'apply', {}, as('nobody'));
  t.patch('jane changes a pod', t.path('pods', 'p'), 'merge', {}, as('jane'));
  t.put('a developer writes', t.path('configmaps', 'mine'), { apiVersion: 'v1', kind: 'ConfigMap' }, as('dora', 'devs'));
  t.get('nobody lists what is not served', t.path('widgets', '', 'example.com/v1'), as('nobody'));
  t.get('nobody watches', `${t.path('pods')}?watch=1`, as('nobody'));
  t.get('a board lists secrets', '/api/v1/secrets', as('system:node:conf-none', 'system:nodes'));
  t.get('a board gets another board', '/api/v1/nodes/other', as('system:node:conf-none', 'system:nodes'));
  t.get('no name for the one to be', t.path('pods'), { headers: { 'impersonate-group': 'devs' } });
  t.get('an uid for nobody', t.path('pods'), { headers: { 'impersonate-uid': '1' } });
  t.get('something of nobody', t.path('pods'), { headers: { 'impersonate-extra-scopes': 'a' } });
}

/** What a user may give on who has some rights and may write roles. */
function escalation(t: Cases): void {
  const [own, bindings] = [t.path('roles', '', apiVersion), t.path('rolebindings', '', apiVersion)];
  const all = ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'];
  const manage = { verbs: ['create', 'get', 'list', 'update', 'patch', 'delete'], apiGroups: [apiGroup], resources: all };
  const held = [
    rule('get list', 'pods'),
    rule('get', 'configmaps', { resourceNames: ['mine', 'ours'] }),
    rule('*', 'secrets'),
    { verbs: ['get'], apiGroups: ['apps'], resources: ['*/scale'] },
    { verbs: ['get'], nonResourceURLs: ['/debug/*'] },
  ];
  const clusterRole = (name: string, rules: object[]): void =>
    t.post(`cluster role ${name}`, `${cluster}/clusterroles`, object('ClusterRole', name, { rules }));
  clusterRole('conf-granter', [manage, ...held]);
  clusterRole('conf-pods', [rule('get list', 'pods')]);
  clusterRole('conf-more', [rule('get list watch delete', 'pods'), rule('get', 'nodes')]);
  clusterRole('conf-escalate', [
    { verbs: ['escalate', 'bind'], apiGroups: [apiGroup], resources: all, resourceNames: ['chosen', 'conf-more'] },
  ]);
  t.post(
    'the granter',
    `${cluster}/clusterrolebindings`,
    object('ClusterRoleBinding', 'conf-granter', { ...ref('ClusterRole', 'conf-granter'), subjects: [user('granter'), user('chooser')] }),
  );
  t.post(
    'the chooser',
    `${cluster}/clusterrolebindings`,
    object('ClusterRoleBinding', 'conf-escalate', { ...ref('ClusterRole', 'conf-escalate'), subjects: [user('chooser')] }),
  );
  const given: Record<string, object[]> = {
    'what he has': [rule('get list', 'pods')],
    'less than he has': [rule('get', 'pods', { resourceNames: ['a'] })],
    'a name he has': [rule('get', 'configmaps', { resourceNames: ['mine'] })],
    'any verb he has': [rule('* delete', 'secrets')],
    'a scale he has': [{ verbs: ['get'], apiGroups: ['apps'], resources: ['deployments/scale'] }],
    'one verb more': [rule('get list watch', 'pods')],
    'a name more': [rule('get', 'configmaps', { resourceNames: ['mine', 'theirs'] })],
    'any name': [rule('get', 'configmaps')],
    'a subresource': [rule('get', 'pods/log')],
    'another group': [{ verbs: ['get', 'list'], apiGroups: ['', 'apps'], resources: ['pods'] }],
    'any verb': [rule('*', 'pods')],
    'any resource': [rule('get', '*')],
    everything: [everything],
    'several things': [rule('get list watch delete', 'pods nodes'), rule('create', 'pods/exec'), rule('get', 'configmaps')],
  };
  const granter = as('granter', 'staff');
  for (const [name, rules] of Object.entries(given)) {
    t.post(`a role with ${name}`, `${own}?dryRun=All`, object('Role', 'given', { rules }), granter);
    t.post(`a cluster role with ${name}`, `${cluster}/clusterroles?dryRun=All`, object('ClusterRole', 'conf-given', { rules }), granter);
  }
  for (const path of ['/debug/a', '/debug/*', '/metrics', '*']) {
    const rules = [{ verbs: ['get'], nonResourceURLs: [path] }];
    t.post(`a cluster role with ${path}`, `${cluster}/clusterroles?dryRun=All`, object('ClusterRole', 'conf-given', { rules }), granter);
  }
  const gathering = { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } };
  t.post('a cluster role that gathers', `${cluster}/clusterroles`, object('ClusterRole', 'conf-gathers', gathering), granter);
  t.post('a cluster role that gathers, by admin', `${cluster}/clusterroles`, object('ClusterRole', 'conf-gathers', gathering));
  t.patch('no longer gathering', `${cluster}/clusterroles/conf-gathers`, 'merge', { aggregationRule: null }, granter);
  t.post(
    'a broken role with more',
    own,
    object('Role', 'given', { rules: [{ ...rule('watch', 'nodes'), verbs: [] }, everything] }),
    granter,
  );
  t.post(
    'a role in a namespace that is not',
    `/apis/${apiVersion}/namespaces/conf-none/roles`,
    object('Role', 'g', { rules: [everything] }),
    granter,
  );

  t.post('a role of the admin', own, object('Role', 'strong', { rules: [everything] }));
  t.patch('a label on a strong role', `${own}/strong`, 'merge', { metadata: { labels: { a: 'b' } } }, granter);
  t.patch('a finalizer on a strong role', `${own}/strong`, 'merge', { metadata: { finalizers: ['example.com/f'] } }, granter);
  t.patch('no finalizer on a strong role', `${own}/strong`, 'merge', { metadata: { finalizers: null } }, granter);
  t.patch('nothing changed on a strong role', `${own}/strong`, 'merge', {}, granter);
  t.put('a strong role made weak', `${own}/strong`, object('Role', 'strong', { rules: [rule('get', 'pods')] }), granter);
  t.put('a weak role made strong', `${own}/strong`, object('Role', 'strong', { rules: [everything] }), granter);
  t.put('a role made by PUT with more', `${own}/put`, object('Role', 'put', { rules: [everything] }), granter);
  t.patch(
    'a role applied with more',
    `${own}/applied?fieldManager=m`,
    'apply',
    object('Role', 'applied', { rules: [everything] }),
    granter,
  );

  const chooser = as('chooser');
  t.post('the chosen role with more', own, object('Role', 'chosen', { rules: [everything] }), chooser);
  t.put('the chosen role by PUT', `${own}/chosen`, object('Role', 'chosen', { rules: [everything] }), chooser);
  t.post('the chosen role by admin', own, object('Role', 'chosen', { rules: [rule('get', 'pods')] }));
  t.put('the chosen role changed', `${own}/chosen`, object('Role', 'chosen', { rules: [rule('watch', 'nodes')] }), chooser);
  t.put('another role changed', `${own}/strong`, object('Role', 'strong', { rules: [rule('watch', 'nodes')] }), chooser);

  const to = { subjects: [user('friend')] };
  const bound: Record<string, ReturnType<typeof ref>> = {
    'a cluster role he has': ref('ClusterRole', 'conf-pods'),
    'a cluster role with more': ref('ClusterRole', 'conf-more'),
    'all there is': ref('ClusterRole', 'cluster-admin'),
    'a role he has': ref('Role', 'strong'),
    'a role with more': ref('Role', 'chosen'),
    'a role that is not': ref('Role', 'none'),
    'a cluster role that is not': ref('ClusterRole', 'conf-none'),
  };
  for (const [name, reference] of Object.entries(bound)) {
    const body = object('RoleBinding', 'given', { ...reference, ...to });
    t.post(`the granter binds ${name}`, `${bindings}?dryRun=All`, body, granter);
    t.post(`the chooser binds ${name}`, `${bindings}?dryRun=All`, body, chooser);
    if (reference.roleRef.kind === 'Role') continue;
    const wide = object('ClusterRoleBinding', 'conf-given', { ...reference, ...to });
    t.post(`the granter binds ${name} everywhere`, `${cluster}/clusterrolebindings?dryRun=All`, wide, granter);
    t.post(`the chooser binds ${name} everywhere`, `${cluster}/clusterrolebindings?dryRun=All`, wide, chooser);
  }
  t.post('admin binds all', bindings, object('RoleBinding', 'strong', { ...ref('ClusterRole', 'cluster-admin'), ...to }));
  t.patch('the granter adds himself', `${bindings}/strong`, 'merge', { subjects: [user('granter')] }, granter);
  t.patch('the granter takes all off', `${bindings}/strong`, 'merge', { subjects: null }, granter);
  t.patch('the granter labels it', `${bindings}/strong`, 'merge', { metadata: { labels: { a: 'b' } } }, granter);
  t.patch('the granter adds a finalizer', `${bindings}/strong`, 'merge', { metadata: { finalizers: ['example.com/f'] } }, granter);
  t.patch('admin takes it off', `${bindings}/strong`, 'merge', { metadata: { finalizers: null } });
  t.delete('the granter removes it', `${bindings}/strong`, undefined, granter);
  const master = as('anybody', 'system:masters');
  t.post('a master gives everything', `${own}?dryRun=All`, object('Role', 'm', { rules: [everything] }), master);
  t.post(
    'a master gives every path',
    `${cluster}/clusterroles?dryRun=All`,
    object('ClusterRole', 'conf-m', { rules: [everywhere] }),
    master,
  );
  for (const name of ['conf-granter', 'conf-pods', 'conf-more', 'conf-escalate', 'conf-gathers', 'conf-nodes']) {
    t.delete(`${name} goes`, `${cluster}/clusterroles/${name}`);
  }
  for (const name of ['conf-granter', 'conf-escalate', 'conf-nodes', 'conf-lost']) {
    t.delete(`binding ${name} goes`, `${cluster}/clusterrolebindings/${name}`);
  }
}

export const rbacRefusals = topic('rbac-refusals', (t) => {
  roles(t);
  requests(t);
  escalation(t);
});
