import { topic } from '../exchange.ts';

const table = { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } };
const partial = { headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' } };

export const watches = topic('watches', (t) => {
  const all = t.path('configmaps');
  const of = (name: string): string => t.path('configmaps', name);
  const configMap = (name: string, labels: object = {}, data: object = {}) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels },
    data,
  });
  t.get('the beginning', all, { keep: { start: '/metadata/resourceVersion' } });
  t.post('first', all, configMap('a', { set: 'x' }), { keep: { first: '/metadata/resourceVersion' } });
  t.post('second', all, configMap('b'));
  t.patch('enters the selection', of('b'), 'merge', { metadata: { labels: { set: 'x' } } });
  t.patch('changes in the selection', of('a'), 'merge', { data: { k: 'v' } });
  t.patch('leaves the selection', of('a'), 'merge', { metadata: { labels: { set: 'y' } } });
  t.patch('changes nothing', of('a'), 'merge', { metadata: { labels: { set: 'y' } } });
  t.post('held', all, { ...configMap('h', { set: 'x' }), metadata: { name: 'h', labels: { set: 'x' }, finalizers: ['example.com/h'] } });
  t.delete('held: marked', of('h'));
  t.patch('held: gone', of('h'), 'merge', { metadata: { finalizers: null } });
  t.delete('in the selection: gone', of('b'));
  t.delete('not in the selection: gone', of('a'));
  t.post('the last', all, configMap('z', { set: 'x' }), { keep: { last: '/metadata/resourceVersion' } });

  const from = `${all}?watch=true&resourceVersion={start}`;
  t.watch('everything since', from, 11);
  t.watch('since the first', `${all}?watch=1&resourceVersion={first}`, 10);
  t.watch('by label', `${from}&labelSelector=set%3Dx`, 9);
  t.watch('by a label that is not', `${from}&labelSelector=set!%3Dx`, 4);
  t.watch('by field', `${from}&fieldSelector=metadata.name%3Db`, 3);
  t.watch('by name in the path', `${t.path('configmaps', 'a')}?watch=true&resourceVersion={start}`, 4);
  t.watch('the old path', `/api/v1/watch/namespaces/${t.ns}/configmaps?resourceVersion={start}`, 11);
  t.watch('the old path of one', `/api/v1/watch/namespaces/${t.ns}/configmaps/a?resourceVersion={start}`, 4);
  t.watch('of all namespaces', `/api/v1/configmaps?watch=true&resourceVersion={start}&labelSelector=set%3Dx`, 9);
  t.watch('as tables', `${from}&labelSelector=set%3Dx`, 9, table);
  t.watch('as tables with objects', `${from}&fieldSelector=metadata.name%3Db&includeObject=Object`, 3, table);
  t.watch('as metadata', `${from}&labelSelector=set%3Dx`, 9, partial);
  t.watch('without version', `${all}?watch=true&labelSelector=set%3Dx`, 1);
  t.watch('since zero', `${all}?watch=true&resourceVersion=0&labelSelector=set%3Dx`, 1);
  t.watch('since zero as tables', `${all}?watch=true&resourceVersion=0&labelSelector=set%3Dx`, 1, table);
  const initial = `${all}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;
  t.watch('initial events', initial, 2);
  t.watch('initial events of a version', `${initial}&resourceVersion={last}`, 2);
  t.watch('initial events of zero', `${initial}&resourceVersion=0`, 2);
  t.watch('initial events as tables', initial, 2, table);
  t.watch('initial events as metadata', initial, 2, partial);
  t.watch('initial events of nothing', `${initial}&labelSelector=nothing`, 1);
  t.watch('initial events of nothing as tables', `${initial}&labelSelector=nothing`, 1, table);
  t.watch('initial events without bookmarks', `${all}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`, 1);
  t.watch('initial events without match', `${all}?watch=true&sendInitialEvents=true`, 9);
  t.watch('initial events with another match', `${all}?watch=true&sendInitialEvents=true&resourceVersionMatch=Exact`, 9);
  t.watch('a match without initial events', `${all}?watch=true&resourceVersionMatch=NotOlderThan`, 9);
  t.watch('a match and a version without initial events', `${all}?watch=true&resourceVersion={start}&resourceVersionMatch=NotOlderThan`, 9);
  t.watch(
    'no initial events with match',
    `${all}?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion={start}&labelSelector=set%3Dx`,
    9,
  );
  t.watch('no initial events without match', `${all}?watch=true&sendInitialEvents=false&resourceVersion={start}`, 9);
  t.watch('initial events with a token', `${initial}&continue=x`, 9);
  t.watch('long ago', `${all}?watch=true&resourceVersion=1`, 1);
  t.watch('a version that is no number', `${all}?watch=true&resourceVersion=x`, 1);
  t.watch('a negative version', `${all}?watch=true&resourceVersion=-1`, 1);
  t.watch('a bad label selector', `${all}?watch=true&labelSelector=a%20b`, 1);
  t.watch('a bad field selector', `${all}?watch=true&fieldSelector=data%3Dx`, 1);
  t.watch('a token', `${all}?watch=true&continue=x`, 1);
  t.watch('a limit', `${from}&limit=1&fieldSelector=metadata.name%3Db`, 3);
  t.watch('watch=0 is a list', `${all}?watch=0&labelSelector=nothing`, 1);
  t.watch('watch=x', `${all}?watch=x&labelSelector=set%3Dx`, 1);
  t.watch('ends by itself', `${all}?watch=true&resourceVersion={last}&timeoutSeconds=1`, 9);
  t.watch('a negative timeout', `${all}?watch=true&resourceVersion={last}&timeoutSeconds=x`, 9);
  t.watch('of what is not there', `/api/v1/namespaces/${t.ns}/nonsense?watch=true`, 99);
  t.watch('in a form that is not served', `${all}?watch=true`, 99, { headers: { accept: 'text/plain' } });
  t.watch('a table of another version', `${all}?watch=true`, 99, { headers: { accept: 'application/json;as=Table;v=v9;g=meta.k8s.io' } });
  t.watch('as a stream', `${all}?watch=true&labelSelector=set%3Dx`, 1, { headers: { accept: 'application/json;stream=watch' } });

  t.get('the beginning of pods', t.path('pods'), { keep: { pods: '/metadata/resourceVersion' } });
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  t.post('a pod', t.path('pods'), pod);
  t.post('that is bound', `${t.path('pods', 'p')}/binding`, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'p' },
    target: { kind: 'Node', name: 'conf-w' },
  });
  t.patch('runs', `${t.path('pods', 'p')}/status`, 'merge', { status: { phase: 'Running' } });
  t.delete('and is deleted', t.path('pods', 'p'));
  t.delete('at once', `${t.path('pods', 'p')}?gracePeriodSeconds=0`);
  // They end by themselves: where a deletion at once is one write there is an event less.
  const pods = `${t.path('pods')}?watch=true&resourceVersion={pods}&timeoutSeconds=1`;
  t.watch('pods: everything', pods, 6);
  t.watch('pods: of a node', `${pods}&fieldSelector=spec.nodeName%3Dconf-w`, 5);
  t.watch('pods: of no node', `${pods}&fieldSelector=spec.nodeName%3D`, 2);
  t.watch('pods: by phase', `${pods}&fieldSelector=status.phase%3DRunning`, 4);
  t.watch('pods: by phase and node', `${pods}&fieldSelector=spec.nodeName%3Dconf-w,status.phase!%3DRunning`, 2);
});
