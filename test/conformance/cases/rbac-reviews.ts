import { topic } from '../exchange.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const authorization = '/apis/authorization.k8s.io/v1';
const authentication = '/apis/authentication.k8s.io/v1';
const review = (kind: string, spec: object, more: object = {}) => ({ apiVersion: 'authorization.k8s.io/v1', kind, ...more, spec });
const as = (name: string, more: Readonly<Record<string, string>> = {}) => ({ headers: { 'impersonate-user': name, ...more } });
const pods = { namespace: 'conf-rbac-reviews', verb: 'list', resource: 'pods' };

const asked: Record<string, object> = {
  nothing: {},
  'a resource': { resourceAttributes: pods },
  'a resource of a group': { resourceAttributes: { ...pods, group: 'apps', resource: 'deployments', subresource: 'scale', version: 'v1' } },
  'a name': { resourceAttributes: { ...pods, verb: 'get', name: 'a' } },
  everywhere: { resourceAttributes: { verb: 'list', resource: 'pods' } },
  'an empty resource': { resourceAttributes: {} },
  'a path': { nonResourceAttributes: { path: '/openapi/v2', verb: 'get' } },
  'another path': { nonResourceAttributes: { path: '/metrics', verb: 'get' } },
  'an empty path': { nonResourceAttributes: {} },
  'a resource and a path': { resourceAttributes: pods, nonResourceAttributes: { path: '/version', verb: 'get' } },
  'what a selector leaves': { resourceAttributes: { ...pods, fieldSelector: { rawSelector: 'spec.nodeName=a' } } },
  'requirements on fields': {
    resourceAttributes: { ...pods, fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['a'] }] } },
  },
  'an empty selector': { resourceAttributes: { ...pods, fieldSelector: {} } },
  'both forms of a selector': {
    resourceAttributes: { ...pods, labelSelector: { rawSelector: 'a=b', requirements: [{ key: 'a', operator: 'Exists' }] } },
  },
  'a selector with a path': {
    nonResourceAttributes: { path: '/version', verb: 'get' },
    resourceAttributes: { ...pods, labelSelector: { rawSelector: 'a=b' } },
  },
};

export const rbacReviews = topic('rbac-reviews', (t) => {
  const role = (name: string, rules: object[]): void =>
    t.post(`role ${name}`, t.path('roles', '', `${apiGroup}/v1`), { kind: 'Role', metadata: { name }, rules });
  role('reader', [
    { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', 'pods/log'] },
    { verbs: ['get'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['a', 'b'] },
    { verbs: ['get'], apiGroups: ['apps'], resources: ['deployments/scale'] },
  ]);
  t.post('binding', t.path('rolebindings', '', `${apiGroup}/v1`), {
    kind: 'RoleBinding',
    metadata: { name: 'reader' },
    roleRef: { kind: 'Role', name: 'reader' },
    subjects: [
      { kind: 'User', name: 'jane' },
      { kind: 'Group', name: 'devs' },
      { kind: 'ServiceAccount', name: 'default', namespace: t.ns },
    ],
  });
  t.post('binding to nowhere', t.path('rolebindings', '', `${apiGroup}/v1`), {
    kind: 'RoleBinding',
    metadata: { name: 'lost' },
    roleRef: { kind: 'Role', name: 'nowhere' },
    subjects: [{ kind: 'User', name: 'lost' }],
  });

  const local = t.path('localsubjectaccessreviews', '', 'authorization.k8s.io/v1');
  for (const [name, spec] of Object.entries(asked)) {
    t.post(
      `SelfSubjectAccessReview: ${name}`,
      `${authorization}/selfsubjectaccessreviews`,
      review('SelfSubjectAccessReview', spec),
      as('jane'),
    );
    t.post(
      `SubjectAccessReview: ${name}`,
      `${authorization}/subjectaccessreviews`,
      review('SubjectAccessReview', { ...spec, user: 'jane' }),
    );
    t.post(`LocalSubjectAccessReview: ${name}`, local, review('LocalSubjectAccessReview', { ...spec, user: 'jane' }));
  }
  const whom: Record<string, object> = {
    nobody: {},
    'a group': { groups: ['devs'] },
    'a stranger': { user: 'x', groups: ['system:authenticated'], uid: '1', extra: { a: ['b'] } },
    'a service account': { user: `system:serviceaccount:${t.ns}:default` },
    'who is lost': { user: 'lost' },
    'an administrator': { user: 'x', groups: ['system:masters'] },
    'a board': { user: 'system:node:conf-none', groups: ['system:nodes'] },
  };
  for (const [name, subject] of Object.entries(whom)) {
    t.post(
      `SubjectAccessReview of ${name}`,
      `${authorization}/subjectaccessreviews`,
      review('SubjectAccessReview', { resourceAttributes: pods, ...subject }),
    );
  }
  t.post(
    'SubjectAccessReview by jane',
    `${authorization}/subjectaccessreviews`,
    review('SubjectAccessReview', { user: 'jane', resourceAttributes: pods }),
    as('jane'),
  );
  t.post('SubjectAccessReview with a name', `${authorization}/subjectaccessreviews`, {
    ...review('SubjectAccessReview', { user: 'jane', resourceAttributes: pods }),
    metadata: { name: 'x' },
  });
  t.post(
    'LocalSubjectAccessReview in another namespace',
    t.path('localsubjectaccessreviews', '', 'authorization.k8s.io/v1').replace(t.ns, 'default'),
    review('LocalSubjectAccessReview', { user: 'jane', resourceAttributes: pods }),
  );
  t.post(
    'LocalSubjectAccessReview without a namespace',
    `${authorization}/localsubjectaccessreviews`,
    review('LocalSubjectAccessReview', { user: 'jane', resourceAttributes: pods }),
  );
  t.get('questions are not kept', `${authorization}/subjectaccessreviews`);

  const rules = `${authorization}/selfsubjectrulesreviews`;
  t.post('rules of jane', rules, review('SelfSubjectRulesReview', { namespace: t.ns }), as('jane'));
  t.post('rules of jane elsewhere', rules, review('SelfSubjectRulesReview', { namespace: 'default' }), as('jane'));
  t.post('rules without a namespace', rules, review('SelfSubjectRulesReview', {}), as('jane'));
  t.post('rules of who is lost', rules, review('SelfSubjectRulesReview', { namespace: t.ns }), as('lost'));
  t.post('rules of an administrator', rules, review('SelfSubjectRulesReview', { namespace: t.ns }));
  t.post(
    'rules of a board',
    rules,
    review('SelfSubjectRulesReview', { namespace: t.ns }),
    as('system:node:conf-none', { 'impersonate-group': 'system:nodes' }),
  );

  const me = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const self = `${authentication}/selfsubjectreviews`;
  t.post('who is jane', self, me, as('jane'));
  t.post('who is jane of a group', self, me, as('jane', { 'impersonate-group': 'devs', 'impersonate-uid': '12' }));
  t.post('who is jane with more', self, me, as('jane', { 'Impersonate-Extra-Acme.com%2FProject': 'x', 'impersonate-extra-scopes': 'y' }));
  t.post('who is a service account', self, me, as(`system:serviceaccount:${t.ns}:default`));
  t.post('who is a service account of a group', self, me, as(`system:serviceaccount:${t.ns}:default`, { 'impersonate-group': 'devs' }));
  t.post('who is nobody', self, me, as('system:anonymous'));

  const account = t.path('serviceaccounts', 'default');
  const tokens = `${account}/token`;
  const tokenReview = (token: string, audiences?: string[]) => ({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, ...(audiences ? { audiences } : {}) },
  });
  const request = (spec: object, more: object = {}) => ({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', ...more, spec });
  const here = ['conf', 'other'];
  for (const [name, seconds] of Object.entries({ less: 599, least: 600, most: 4294967296, more: 4294967297, negative: -1, none: 0 })) {
    t.post(`a token for ${name}`, tokens, request({ audiences: here, expirationSeconds: seconds }));
  }
  t.post('a token', tokens, request({ audiences: here }), { keep: { token: '/status/token' } });
  const ask = (name: string, token: string, audiences?: string[]): void =>
    t.post(`TokenReview: ${name}`, `${authentication}/tokenreviews`, tokenReview(token, audiences));
  ask('good', '{token}', ['conf']);
  ask('two audiences', '{token}', ['other', 'conf', 'third']);
  ask('a foreign audience', '{token}', ['third']);
  ask('the audience of the API', '{token}');
  ask('rubbish', 'rubbish', ['conf']);
  ask('three parts', 'a.b.c');
  ask('nothing', '');

  t.post(
    'a pod to bind to',
    t.path('pods'),
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: 'i' }], automountServiceAccountToken: false },
    },
    { keep: { pod: '/metadata/uid' } },
  );
  t.post('a secret to bind to', t.path('secrets'), { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } });
  t.post('a node to bind to', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'conf-reviews' } });
  t.post('another account', t.path('serviceaccounts'), { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'two' } });
  const bound = (kind: string, name: string, more: object = {}) => ({
    audiences: here,
    boundObjectRef: { apiVersion: 'v1', kind, name, ...more },
  });
  t.post('bound to the pod', tokens, request(bound('Pod', 'p')), { keep: { podToken: '/status/token' } });
  t.post('bound to the secret', tokens, request(bound('Secret', 's')), { keep: { secretToken: '/status/token' } });
  t.post('bound to the node', tokens, request(bound('Node', 'conf-reviews')), { keep: { nodeToken: '/status/token' } });
  for (const [kind, name] of Object.entries({ Pod: 'p', Secret: 's', Node: 'conf-reviews' })) {
    const keep = { [`${kind.toLowerCase()}Token2`]: '/status/token' };
    t.post(`bound to the ${kind} again`, tokens, request(bound(kind, name)), { keep });
  }
  t.post('a token again', tokens, request({ audiences: here }), { keep: { token2: '/status/token' } });
  t.post('bound to the pod by its uid', tokens, request(bound('Pod', 'p', { uid: '{pod}' })));
  t.post('bound to another uid', tokens, request(bound('Pod', 'p', { uid: 'x' })));
  t.post('bound to a secret of another uid', tokens, request(bound('Secret', 's', { uid: 'x' })));
  t.post('bound to a node of another uid', tokens, request(bound('Node', 'conf-reviews', { uid: 'x' })));
  t.post('bound to a pod that is not there', tokens, request(bound('Pod', 'gone')));
  t.post('bound to a secret that is not there', tokens, request(bound('Secret', 'gone')));
  t.post('bound to a node that is not there', tokens, request(bound('Node', 'gone')));
  t.post('bound to a config map', tokens, request(bound('ConfigMap', 'p')));
  t.post('bound to a kind of another version', tokens, request(bound('Pod', 'p', { apiVersion: 'v2' })));
  t.post('bound to nothing', tokens, request({ audiences: here, boundObjectRef: {} }));
  t.post('bound to the pod of another account', `${t.path('serviceaccounts', 'two')}/token`, request(bound('Pod', 'p')));
  t.post('for an account that is not there', `${t.path('serviceaccounts', 'gone')}/token`, request({ audiences: here }));
  t.post('with the name of another account', tokens, request({ audiences: here }, { metadata: { name: 'two' } }));
  t.post('in the name of another namespace', tokens, request({ audiences: here }, { metadata: { namespace: 'default' } }));
  t.post('not really', `${tokens}?dryRun=All`, request({ audiences: here }));
  t.get('tokens are not read', tokens);
  ask('of the pod', '{podToken}', ['conf']);
  ask('of the secret', '{secretToken}', ['conf']);
  ask('of the node', '{nodeToken}', ['conf']);
  t.delete('the pod goes', t.path('pods', 'p'), { gracePeriodSeconds: 0 });
  t.delete('the secret goes', t.path('secrets', 's'));
  t.delete('the node goes', '/api/v1/nodes/conf-reviews');
  // Kubernetes remembers for ten seconds what it believed: these it has not seen before.
  ask('of the pod that is gone', '{podToken2}', ['conf']);
  ask('of the secret that is gone', '{secretToken2}', ['conf']);
  ask('of the node that is gone', '{nodeToken2}', ['conf']);
  t.delete('the account goes', account);
  ask('of the account that is gone', '{token2}', ['conf']);
});
