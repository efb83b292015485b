import { topic } from '../exchange.ts';

const configMap = (name: string, metadata: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata } });
const options = (more: object) => ({ apiVersion: 'v1', kind: 'DeleteOptions', ...more });
const held = { finalizers: ['example.com/hold'] };

const refused: Record<string, object | string> = {
  'a bad policy': options({ propagationPolicy: 'Sideways' }),
  'two policies': options({ propagationPolicy: 'Orphan', orphanDependents: true }),
  'a bad dry run': options({ dryRun: ['Some'] }),
  'a negative grace period': options({ gracePeriodSeconds: -1 }),
  'a text as grace period': options({ gracePeriodSeconds: 'x' }),
  'a fraction as grace period': options({ gracePeriodSeconds: 1.5 }),
  'an unknown field': options({ wrong: 1 }),
  'another kind': { apiVersion: 'v1', kind: 'Pod' },
  'no kind': { gracePeriodSeconds: 0 },
  'another version': { apiVersion: 'v9', kind: 'DeleteOptions' },
  'the version of meta': { apiVersion: 'meta.k8s.io/v1', kind: 'DeleteOptions' },
  'no JSON': 'x',
  'a list': '[]',
  null: 'null',
  'an empty object': '{}',
  'another uid': options({ preconditions: { uid: 'x' } }),
  'another version of the object': options({ preconditions: { resourceVersion: '1' } }),
  'an unsafe deletion': options({ ignoreStoreReadErrorWithClusterBreakingPotential: true }),
};

export const deletion = topic('deletion', (t) => {
  const all = t.path('configmaps');
  const of = (name: string, more = ''): string => t.path('configmaps', name) + more;
  t.post('an object', all, configMap('a'));
  for (const [what, body] of Object.entries(refused)) t.delete(`options: ${what}`, of('a', '?dryRun=All'), body);
  for (const [what, body] of Object.entries(refused)) {
    t.post(`an object for ${what}`, all, configMap('b'));
    t.delete(`really: ${what}`, of('b'), body);
  }
  t.get('one of them is there', of('b'));
  t.delete('query: a bad policy', of('a', '?propagationPolicy=Sideways'));
  t.delete('query: a bad grace period', of('a', '?gracePeriodSeconds=x'));
  t.delete('query: a dry run', of('a', '?dryRun=All'));
  t.delete('query: a bad dry run', of('a', '?dryRun=Some'));
  t.delete('query and body', of('a', '?dryRun=All&propagationPolicy=Orphan'), options({ propagationPolicy: 'Foreground' }));
  t.delete('options as YAML', of('a'), 'kind: DeleteOptions\napiVersion: v1\ndryRun: [All]\n', {
    headers: { 'content-type': 'application/yaml' },
  });
  t.delete('options of another media type', of('a'), '{}', { headers: { 'content-type': 'text/plain' } });
  t.get('it is still there', of('a'));
  t.post('an object with uid', all, configMap('u'), { keep: { uid: '/metadata/uid', version: '/metadata/resourceVersion' } });
  t.delete('with the right uid and version', of('u'), options({ preconditions: { uid: '{uid}', resourceVersion: '{version}' } }));

  t.post('held: create', all, configMap('held', held));
  t.delete('held: dry run', of('held', '?dryRun=All'));
  t.delete('held: delete', of('held'));
  t.get('held: get', of('held'));
  t.delete('held: delete again', of('held'));
  t.post('held: create meanwhile', all, configMap('held'));
  t.put('held: data may change', of('held'), { ...configMap('held', held), data: { a: '1' } });
  t.patch('held: a finalizer more', of('held'), 'merge', { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } });
  t.patch('held: the deletion cannot be taken back', of('held'), 'merge', { metadata: { deletionTimestamp: null } });
  t.patch('held: the grace period cannot change', of('held'), 'merge', { metadata: { deletionGracePeriodSeconds: 50 } });
  t.patch('held: dry run of letting go', of('held', '?dryRun=All'), 'merge', { metadata: { finalizers: null } });
  t.patch('held: let go', of('held'), 'merge', { metadata: { finalizers: null } });
  t.get('held: gone', of('held'));

  const rs = t.path('replicasets', '', 'apps/v1');
  const replicaSet = (name: string, metadata: object = {}) => ({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, ...metadata },
    spec: {
      replicas: 0,
      selector: { matchLabels: { a: name } },
      template: { metadata: { labels: { a: name } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  });
  for (const policy of ['Foreground', 'Orphan', 'Background']) {
    const name = policy.toLowerCase();
    t.post(`${policy}: create`, rs, replicaSet(name));
    t.delete(`${policy}: dry run`, `${rs}/${name}?dryRun=All`, options({ propagationPolicy: policy }));
    t.delete(`${policy}: delete`, `${rs}/${name}`, options({ propagationPolicy: policy }));
    t.get(`${policy}: get`, `${rs}/${name}`);
    t.delete(`${policy}: then in the foreground`, `${rs}/${name}`, options({ propagationPolicy: 'Foreground' }));
    t.delete(`${policy}: then in the background`, `${rs}/${name}`, options({ propagationPolicy: 'Background' }));
    t.delete(`${policy}: then orphaning`, `${rs}/${name}?propagationPolicy=Orphan`);
    t.patch(`${policy}: the finalizers go`, `${rs}/${name}`, 'merge', { metadata: { finalizers: null } });
    t.get(`${policy}: gone`, `${rs}/${name}`);
  }
  t.post('the old way: create', rs, replicaSet('old'));
  t.delete('the old way: orphans', `${rs}/old`, options({ orphanDependents: true }));
  t.patch('the old way: let go', `${rs}/old`, 'merge', { metadata: { finalizers: null } });
  t.post('both: create', rs, replicaSet('both', held));
  t.delete('both: in the foreground', `${rs}/both`, options({ propagationPolicy: 'Foreground' }));
  t.patch('both: one finalizer goes', `${rs}/both`, 'merge', { metadata: { finalizers: ['foregroundDeletion'] } });
  t.patch('both: the other goes', `${rs}/both`, 'merge', { metadata: { finalizers: [] } });
  t.post('orphan in the object: create', rs, replicaSet('orphan2', { finalizers: ['orphan'] }));
  t.delete('orphan in the object: delete', `${rs}/orphan2`);
  t.delete('orphan in the object: in the background', `${rs}/orphan2`, options({ propagationPolicy: 'Background' }));

  for (const name of ['c1', 'c2', 'c3'])
    t.post(`collection: ${name}`, all, configMap(name, { labels: { set: name === 'c3' ? 'two' : 'one' } }));
  t.post('collection: held', all, configMap('c4', { labels: { set: 'one' }, ...held }));
  t.delete('collection: dry run', `${all}?labelSelector=set&dryRun=All`);
  t.delete('collection: a bad selector', `${all}?labelSelector=a%20b%20c`);
  t.delete('collection: a bad field', `${all}?fieldSelector=data%3Dx`);
  t.delete('collection: bad options', all, options({ propagationPolicy: 'Sideways' }));
  t.delete('collection: one of two', `${all}?labelSelector=set%3Done`);
  t.get('collection: what is left', `${all}?labelSelector=set`);
  t.delete('collection: by field', `${all}?fieldSelector=metadata.name%3Dc3`);
  t.delete('collection: nothing', `${all}?labelSelector=set%3Dnone`);
  t.delete('collection: as a table', `${all}?labelSelector=set`, undefined, {
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  });
  t.delete('collection: of all namespaces', '/api/v1/configmaps');
  t.delete('a table of a deletion', of('a'), undefined, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } });
  t.delete('what is not there', of('none'));
  t.delete('what is not there with bad options', of('none'), options({ propagationPolicy: 'Sideways' }));
  t.delete('in a namespace that is not there', '/api/v1/namespaces/nowhere/configmaps/a');
});
