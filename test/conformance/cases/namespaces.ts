import { topic } from '../exchange.ts';

export const namespaces = topic('namespaces', (t) => {
  const all = '/api/v1/namespaces';
  const namespace = (name: string, more: object = {}, metadata: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, ...metadata },
    ...more,
  });
  const given: Record<string, object> = {
    'the least': {},
    'a finalizer of its own': { spec: { finalizers: ['example.com/f'] } },
    'a bad finalizer': { spec: { finalizers: ['f'] } },
    'no finalizers': { spec: { finalizers: [] } },
    'a status': { status: { phase: 'Terminating' } },
  };
  for (const [what, more] of Object.entries(given)) t.post(`create: ${what}`, `${all}?dryRun=All`, namespace('conf-ns', more));
  t.post('create: dots', `${all}?dryRun=All`, namespace('a.b'));
  t.post('create: capitals', `${all}?dryRun=All`, namespace('A'));
  t.post('create: 64 characters', `${all}?dryRun=All`, namespace('a'.repeat(64)));
  t.post('create: a generated name', `${all}?dryRun=All`, { apiVersion: 'v1', kind: 'Namespace', metadata: { generateName: 'gen-' } });
  t.post(
    'create: another label of its name',
    `${all}?dryRun=All`,
    namespace('conf-ns', {}, { labels: { 'kubernetes.io/metadata.name': 'other' } }),
  );
  t.post(
    'create: a bad security level',
    `${all}?dryRun=All`,
    namespace('conf-ns', {}, { labels: { 'pod-security.kubernetes.io/enforce': 'x' } }),
  );
  t.post('create', all, namespace('conf-ns'));
  t.post('create again', all, namespace('conf-ns'));
  t.get('get', `${all}/conf-ns`);
  t.get('status', `${all}/conf-ns/status`);
  t.patch('a label', `${all}/conf-ns`, 'merge', { metadata: { labels: { a: 'b' } } });
  t.patch('the label of its name', `${all}/conf-ns`, 'merge', { metadata: { labels: { 'kubernetes.io/metadata.name': 'x' } } });
  t.patch('without the label of its name', `${all}/conf-ns`, 'merge', { metadata: { labels: null } });
  t.patch('finalizers of the spec do not change', `${all}/conf-ns`, 'merge', { spec: { finalizers: [] } });
  t.patch('the status does not change', `${all}/conf-ns`, 'merge', { status: { phase: 'Terminating' } });
  t.patch('status: a condition', `${all}/conf-ns/status`, 'merge', { status: { conditions: [{ type: 'X', status: 'True' }] } });
  t.patch('status: terminating without deletion', `${all}/conf-ns/status`, 'merge', { status: { phase: 'Terminating' } });
  t.put(
    'finalize without deletion',
    `${all}/conf-ns/finalize`,
    namespace('conf-ns', { spec: { finalizers: ['kubernetes', 'example.com/f'] } }),
  );
  t.put('finalize: a bad finalizer', `${all}/conf-ns/finalize`, namespace('conf-ns', { spec: { finalizers: ['f'] } }));
  t.put('finalize: of what is not there', `${all}/none/finalize`, namespace('none', {}));
  t.put('finalize: under another name', `${all}/conf-ns/finalize`, namespace('other', {}));
  t.get('by phase', `${all}?fieldSelector=status.phase%3DActive,metadata.name%3Dconf-ns`);
  t.get('by name', `${all}?fieldSelector=name%3Dconf-ns`);
  t.get('by another field', `${all}?fieldSelector=spec.x%3Dy`);
  t.get('as a table', `${all}?fieldSelector=metadata.name%3Dconf-ns`, {
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  });
  t.get('in a namespace', `${all}/conf-ns/namespaces/conf-ns`);
  t.post('something in it', `${all}/conf-ns/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'in' } });
  t.delete('delete: dry run', `${all}/conf-ns?dryRun=All`);
  t.delete('delete', `${all}/conf-ns`);
  t.get('delete: it is terminating', `${all}/conf-ns`);
  t.delete('delete again', `${all}/conf-ns`);
  t.post('create while it goes', all, namespace('conf-ns'));
  t.post('something new in it', `${all}/conf-ns/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late' } });
  t.patch('something new in it by apply', `${all}/conf-ns/configmaps/late?fieldManager=m`, 'apply', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'late' },
  });
  t.patch('something old in it', `${all}/conf-ns/configmaps/in`, 'merge', { data: { a: '1' } });
  t.delete('what is in it', `${all}/conf-ns/configmaps/in`);
  t.put('finalize: dry run', `${all}/conf-ns/finalize?dryRun=All`, namespace('conf-ns', { spec: { finalizers: [] } }));
  t.put('finalize: one of two', `${all}/conf-ns/finalize`, namespace('conf-ns', { spec: { finalizers: ['example.com/f'] } }));
  t.put('finalize', `${all}/conf-ns/finalize`, namespace('conf-ns', { spec: { finalizers: [] } }));
  t.get('gone', `${all}/conf-ns`);
  t.delete('delete what is not there', `${all}/none`);
  for (const name of ['default', 'kube-system', 'kube-public']) t.delete(`delete ${name}`, `${all}/${name}?dryRun=All`);
});
