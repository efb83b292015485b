import { topic } from '../exchange.ts';

const secret = (more: object = {}, metadata: object = { name: 's' }) => ({ apiVersion: 'v1', kind: 'Secret', metadata, ...more });
const b64 = (text: string): string => Buffer.from(text).toString('base64');

const given: Record<string, object> = {
  nothing: {},
  data: { data: { a: b64('1') } },
  stringData: { stringData: { a: '1' } },
  'both, stringData wins': { data: { a: b64('1'), b: b64('2') }, stringData: { a: '3' } },
  'no base64': { data: { a: '!' } },
  'base64 with a line break': { data: { a: 'AAEC\nAwQF' } },
  'a key with a slash': { data: { 'a/b': b64('1') } },
  'a key in stringData with a space': { stringData: { 'a b': '1' } },
  'more than a mebibyte': { stringData: { a: 'x'.repeat(1048577) } },
  'a number': { stringData: { a: 1 } },
  'a type of its own': { type: 'example.com/mine', data: { a: b64('1') } },
  'an empty type': { type: '' },
  'basic-auth': { type: 'kubernetes.io/basic-auth', stringData: { username: 'u', password: 'p' } },
  'basic-auth with a name only': { type: 'kubernetes.io/basic-auth', stringData: { username: 'u' } },
  'basic-auth without anything': { type: 'kubernetes.io/basic-auth' },
  'ssh-auth': { type: 'kubernetes.io/ssh-auth', stringData: { 'ssh-privatekey': 'k' } },
  'ssh-auth with an empty key': { type: 'kubernetes.io/ssh-auth', stringData: { 'ssh-privatekey': '' } },
  'ssh-auth without key': { type: 'kubernetes.io/ssh-auth' },
  tls: { type: 'kubernetes.io/tls', stringData: { 'tls.crt': 'c', 'tls.key': 'k' } },
  'tls without key': { type: 'kubernetes.io/tls', stringData: { 'tls.crt': 'c' } },
  'tls without anything': { type: 'kubernetes.io/tls' },
  dockercfg: { type: 'kubernetes.io/dockercfg', stringData: { '.dockercfg': '{}' } },
  'dockercfg without data': { type: 'kubernetes.io/dockercfg' },
  'dockercfg that is no JSON': { type: 'kubernetes.io/dockercfg', stringData: { '.dockercfg': 'x' } },
  dockerconfigjson: { type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': '{"auths":{}}' } },
  'dockerconfigjson without data': { type: 'kubernetes.io/dockerconfigjson', stringData: { other: 'x' } },
  'dockerconfigjson that is no JSON': { type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': '{' } },
  'bootstrap token': { type: 'bootstrap.kubernetes.io/token', stringData: { 'token-id': 'abcdef' } },
  'a service account token without account': { type: 'kubernetes.io/service-account-token' },
  'immutable with data': { immutable: true, stringData: { a: '1' } },
};

const account = (name: string, more: object = {}) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name }, ...more });
const request = (spec: object, more: object = {}) => ({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec, ...more });

export const secretsAndAccounts = topic('secrets-accounts', (t) => {
  const all = t.path('secrets');
  for (const [name, more] of Object.entries(given)) t.post(`secret: ${name}`, `${all}?dryRun=All`, secret(more));
  t.post('a token secret for an account', all, {
    ...secret({ type: 'kubernetes.io/service-account-token' }),
    metadata: { name: 'token', annotations: { 'kubernetes.io/service-account.name': 'default' } },
  });
  t.post('create', all, secret({ stringData: { a: '1' } }));
  t.put(
    'the type cannot change',
    t.path('secrets', 's'),
    secret({ type: 'kubernetes.io/tls', stringData: { 'tls.crt': 'c', 'tls.key': 'k' } }),
  );
  t.put('a type that is left out', t.path('secrets', 's'), secret({ stringData: { a: '2' } }));
  t.patch('stringData by patch', t.path('secrets', 's'), 'merge', { stringData: { b: '3' } });
  t.patch('stringData by apply', `${t.path('secrets', 's')}?fieldManager=m&force=true`, 'apply', secret({ stringData: { c: '4' } }));
  t.put('make it immutable', t.path('secrets', 's'), secret({ immutable: true, stringData: { a: '2' } }));
  t.put('change what is immutable', t.path('secrets', 's'), secret({ immutable: true, stringData: { a: '3' } }));
  t.put('make it mutable', t.path('secrets', 's'), secret({ stringData: { a: '2' } }));
  t.get('by type', `${all}?fieldSelector=type%3DOpaque`);
  t.get('by another field', `${all}?fieldSelector=data%3Dx`);

  const accounts = t.path('serviceaccounts');
  t.post(
    'account: create',
    accounts,
    account('one', { secrets: [{ name: 'x' }], imagePullSecrets: [{ name: 'y' }], automountServiceAccountToken: false }),
  );
  t.post('account: a bad name', accounts, account('One'));
  t.post('account: dots', accounts, account('a.b'));
  t.put('account: replace', t.path('serviceaccounts', 'one'), account('one'));
  t.patch('account: secrets by name', t.path('serviceaccounts', 'one'), 'strategic', {
    secrets: [{ name: 'z' }],
    imagePullSecrets: [{ name: 'w' }],
  });
  t.patch('account: merge replaces secrets', t.path('serviceaccounts', 'one'), 'merge', { secrets: [{ name: 'only' }] });
  const token = `${t.path('serviceaccounts', 'one')}/token`;
  t.post('token: default', token, request({}));
  t.post('token: an audience', token, request({ audiences: ['a', 'b'], expirationSeconds: 3600 }));
  t.post('token: too short', token, request({ expirationSeconds: 599 }));
  t.post('token: too long', token, request({ expirationSeconds: 4294967297 }));
  t.post('token: for a pod that is not there', token, request({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'none' } }));
  t.post('token: for a secret', token, request({ boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: 's' } }));
  t.post('token: for a deployment', token, request({ boundObjectRef: { kind: 'Deployment', apiVersion: 'apps/v1', name: 's' } }));
  t.post(
    'token: for a secret of another uid',
    token,
    request({ boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: 's', uid: 'x' } }),
  );
  t.post('token: under another name', token, request({}, { metadata: { name: 'two' } }));
  t.post('token: in another namespace', token, request({}, { metadata: { namespace: 'two' } }));
  t.post('token: of an account that is not there', `${t.path('serviceaccounts', 'none')}/token`, request({}));
  t.post('token: of another kind', token, account('one'));
  t.get('token: get', token);
  t.delete('account: delete', t.path('serviceaccounts', 'one'));
});
