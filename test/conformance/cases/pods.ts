import { type Json, type Kept, topic } from '../exchange.ts';

type Tree = { readonly [key: string]: Json };
/** What is kept of a pod, with another spec, metadata or status. */
const changed =
  (word: string, part: string, more: object, without: readonly string[] = []) =>
  (kept: Kept): object => {
    const object = kept[word] as Tree;
    const tree = Object.fromEntries(Object.entries(object[part] as Tree).filter(([key]) => !without.includes(key)));
    return { ...object, [part]: { ...tree, ...more } };
  };
const containers = (more: object) => [{ name: 'c', image: 'i', ...more }];
const pod = (name: string, more: object = {}, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { containers: containers({}), ...more },
});
const binding = (target: object, metadata: object = { name: 'p' }) => ({ apiVersion: 'v1', kind: 'Binding', metadata, target });

/** Changes of a running pod's spec that are taken or refused. */
const specs: Record<string, object> = {
  'the image': { containers: [{ name: 'c', image: 'new' }] },
  'an empty image': { containers: [{ name: 'c', image: '' }] },
  'a command': { containers: containers({ command: ['x'] }) },
  'a container more': { containers: [...containers({}), { name: 'd', image: 'i' }] },
  'a container less': { containers: [] },
  'the name of a container': { containers: [{ name: 'x', image: 'i' }] },
  resources: { containers: containers({ resources: { limits: { cpu: '1' } } }) },
  'a deadline': { activeDeadlineSeconds: 100 },
  'a toleration more': { tolerations: [{ key: 'new', operator: 'Exists' }] },
  'the node': { nodeName: 'other' },
  'a node selector': { nodeSelector: { a: 'b' } },
  'a scheduling gate': { schedulingGates: [{ name: 'g' }] },
  'the restart policy': { restartPolicy: 'Never' },
  'the grace period': { terminationGracePeriodSeconds: 1 },
  'a volume': { volumes: [{ name: 'v', emptyDir: {} }] },
  'the service account': { serviceAccountName: 'other', serviceAccount: 'other' },
  'the host network': { hostNetwork: true },
  'the priority': { priority: 5 },
};

const statuses: Record<string, object> = {
  phase: { phase: 'Running' },
  'a bad phase': { phase: 'Sleeping' },
  'an address': { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] },
  'a bad address': { podIP: 'x', podIPs: [{ ip: 'x' }] },
  'two addresses of one family': { podIPs: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }] },
  'the address twice': { podIPs: [{ ip: '10.0.0.1' }, { ip: '10.0.0.1' }] },
  'a host address': { hostIP: '10.0.0.1', hostIPs: [{ ip: '10.0.0.1' }] },
  'a host address that does not match': { hostIP: '10.0.0.1', hostIPs: [{ ip: '10.0.0.2' }] },
  'a condition': { conditions: [{ type: 'Ready', status: 'True' }] },
  'a condition with a bad type': { conditions: [{ type: 'a b', status: 'True' }] },
  'a condition with a bad status': { conditions: [{ type: 'Ready', status: 'Yes' }] },
  'a condition without status': { conditions: [{ type: 'Ready' }] },
  'the state of a container': {
    containerStatuses: [
      { name: 'c', image: 'i', imageID: 'x', ready: true, restartCount: 1, state: { running: { startedAt: '2001-01-01T00:00:00Z' } } },
    ],
  },
  'the state of a container that is not there': {
    containerStatuses: [{ name: 'z', image: 'i', imageID: 'x', ready: true, restartCount: 1 }],
  },
  'the quality of service': { qosClass: 'Guaranteed' },
  'a nominated node': { nominatedNodeName: 'n' },
  'a bad nominated node': { nominatedNodeName: 'N n' },
  'a generation that is observed': { observedGeneration: 1 },
  'a negative generation that is observed': { observedGeneration: -1 },
  'a resize': { resize: 'Proposed' },
};

export const pods = topic('pods', (t) => {
  const all = t.path('pods');
  const of = (name: string, more = ''): string => t.path('pods', name) + more;
  t.post('create', all, pod('p', {}, { labels: { app: 'x' } }), { keep: { pod: '' } });
  t.get('get', of('p'));
  for (const [name, more] of Object.entries(specs)) t.put(`update: ${name}`, of('p', '?dryRun=All'), changed('pod', 'spec', more));
  t.put('update: a label', of('p', '?dryRun=All'), changed('pod', 'metadata', { labels: { app: 'y' } }));
  t.put('update: a name', of('p', '?dryRun=All'), changed('pod', 'metadata', { name: 'q' }));
  t.put('update: an uid', of('p', '?dryRun=All'), changed('pod', 'metadata', { uid: 'q' }));
  t.put('update: the status is not changed', of('p', '?dryRun=All'), changed('pod', 'status', { phase: 'Running' }));
  t.put('update: a spec without what was filled in', of('p', '?dryRun=All'), pod('p'));
  t.patch(
    'the image by strategic patch',
    of('p'),
    'strategic',
    { spec: { containers: [{ name: 'c', image: 'i2' }] } },
    { keep: { pod: '' } },
  );
  t.patch('a command by strategic patch', of('p'), 'strategic', { spec: { containers: [{ name: 'c', command: ['x'] }] } });
  t.patch('a deadline', of('p'), 'merge', { spec: { activeDeadlineSeconds: 100 } });
  t.patch('a shorter deadline', of('p'), 'merge', { spec: { activeDeadlineSeconds: 50 } });
  t.patch('a longer deadline', of('p'), 'merge', { spec: { activeDeadlineSeconds: 200 } });
  t.patch('no deadline', of('p'), 'merge', { spec: { activeDeadlineSeconds: null } });
  t.patch('a toleration more', of('p'), 'json', [{ op: 'add', path: '/spec/tolerations/-', value: { key: 'new', operator: 'Exists' } }]);
  t.patch('a toleration less', of('p'), 'json', [{ op: 'remove', path: '/spec/tolerations/0' }], { keep: { pod: '' } });

  for (const [name, more] of Object.entries(statuses)) {
    t.patch(`status: ${name}`, of('p', '/status?dryRun=All'), 'merge', { status: more });
  }
  t.put('status: by PUT', of('p', '/status'), (kept) => {
    const { resourceVersion: _, ...metadata } = (kept['pod'] as Tree)['metadata'] as Tree;
    return { ...(kept['pod'] as Tree), metadata, status: { phase: 'Running' } };
  });
  t.get('status: get', of('p', '/status'));
  t.put('status: with an old version', of('p', '/status'), changed('pod', 'status', { phase: 'Failed' }));
  t.patch('status: a spec is not changed', of('p', '/status'), 'merge', {
    spec: { activeDeadlineSeconds: 5 },
    metadata: { labels: { by: 'status' } },
  });
  t.post('status: POST', of('p', '/status'), pod('p'));
  t.delete('status: DELETE', of('p', '/status'));
  t.patch('status: of what is not there', of('none', '/status'), 'merge', { status: { phase: 'Running' } });

  t.post('bind: without target', of('p', '/binding'), { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' } });
  t.post('bind: to no node', of('p', '/binding'), binding({ kind: 'Node' }));
  t.post('bind: to a pod', of('p', '/binding'), binding({ kind: 'Pod', name: 'x' }));
  t.post('bind: to a target without kind', of('p', '/binding?dryRun=All'), binding({ name: 'n' }));
  t.post('bind: under another name', of('p', '/binding'), binding({ kind: 'Node', name: 'n' }, { name: 'q' }));
  t.post('bind: in another namespace', of('p', '/binding'), binding({ kind: 'Node', name: 'n' }, { name: 'p', namespace: 'other' }));
  t.post('bind: with another uid', of('p', '/binding'), binding({ kind: 'Node', name: 'n' }, { name: 'p', uid: 'x' }));
  t.post('bind: with an old version', of('p', '/binding'), binding({ kind: 'Node', name: 'n' }, { name: 'p', resourceVersion: '1' }));
  t.post('bind: another kind', of('p', '/binding'), pod('p'));
  t.post('bind: what is not there', of('none', '/binding'), binding({ kind: 'Node', name: 'n' }, { name: 'none' }));
  t.post('bind: dry run', of('p', '/binding?dryRun=All'), binding({ kind: 'Node', name: 'n' }));
  t.post('bind', of('p', '/binding'), binding({ kind: 'Node', name: 'n' }, { name: 'p', annotations: { by: 'me' } }));
  t.get('bind: what came of it', of('p'));
  t.post('bind: again', of('p', '/binding'), binding({ kind: 'Node', name: 'n' }));
  t.post('bind: to another', of('p', '/binding'), binding({ kind: 'Node', name: 'm' }));
  t.get('bind: GET', of('p', '/binding'));
  t.post('a gated pod', all, pod('gated', { schedulingGates: [{ name: 'a' }, { name: 'b' }] }), { keep: { gated: '' } });
  t.post('bind: a gated pod', of('gated', '/binding'), binding({ kind: 'Node', name: 'n' }, { name: 'gated' }));
  t.patch('gated: a gate more', of('gated'), 'strategic', { spec: { schedulingGates: [{ name: 'c' }] } });
  t.patch('gated: a gate less', of('gated'), 'strategic', { spec: { schedulingGates: [{ name: 'a', $patch: 'delete' }] } });
  t.patch('gated: a node selector', of('gated'), 'merge', { spec: { nodeSelector: { a: 'b' } } });
  t.patch('gated: another node selector', of('gated'), 'merge', { spec: { nodeSelector: { a: 'c' } } });
  t.patch('gated: the last gate', of('gated'), 'merge', { spec: { schedulingGates: null } });
  t.get('gated: what came of it', of('gated'));

  t.get('log: of a pod that was not bound', of('gated', '/log'));
  t.get('log: of what is not there', of('none', '/log'));
  t.get('log: of a container that is not there', of('p', '/log?container=z'));
  t.get('log: with a bad number of lines', of('p', '/log?tailLines=-1'));
  t.get('log: with two times', of('p', '/log?sinceSeconds=5&sinceTime=2001-01-01T00:00:00Z'));
  t.get('log: with a bad limit', of('p', '/log?limitBytes=0'));
  t.get('log: with a bad second', of('p', '/log?sinceSeconds=0'));
  t.post('log: POST', of('p', '/log'), {});
  t.get('a subresource that is not there', of('p', '/nonsense'));
  t.post('eviction: of what is not there', of('none', '/eviction'), {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: 'none' },
  });
  t.post('eviction: under another name', of('p', '/eviction'), { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'q' } });
  t.post('eviction: dry run', of('p', '/eviction'), {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: 'p' },
    deleteOptions: { dryRun: ['All'] },
  });

  t.delete('delete: a bound pod', of('p'));
  t.delete('delete: again', of('p'));
  t.delete('delete: shorter', of('p'), { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 25 });
  t.delete('delete: longer', of('p'), { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 50 });
  t.patch('delete: a label meanwhile', of('p'), 'merge', { metadata: { labels: { going: 'yes' } } });
  t.patch('delete: a finalizer meanwhile', of('p'), 'merge', { metadata: { finalizers: ['example.com/late'] } });
  t.post('delete: bind meanwhile', of('p', '/binding'), binding({ kind: 'Node', name: 'n' }));
  t.delete('delete: at once', `${of('p')}?gracePeriodSeconds=0`);
  t.get('delete: gone', of('p'));
  t.delete('delete: a pod that was never bound', of('gated'));
  t.get('delete: gone too', of('gated'));
  t.post('another pod', all, pod('ended', { nodeName: 'n' }));
  t.patch('that has ended', of('ended', '/status'), 'merge', { status: { phase: 'Succeeded' } });
  t.patch('and cannot run again', of('ended', '/status'), 'merge', { status: { phase: 'Running' } });
  t.delete('delete: what has ended', of('ended'));
  t.get('delete: what has ended is gone', of('ended'));
  t.post('a pod with a grace period of zero', all, pod('quick', { nodeName: 'n', terminationGracePeriodSeconds: 0 }));
  t.delete('delete: with a grace period of zero', of('quick'));
  t.post('a pod with a finalizer', all, pod('held', { nodeName: 'n' }, { finalizers: ['example.com/hold'] }));
  t.delete('delete: at once with a finalizer', `${of('held')}?gracePeriodSeconds=0`);
  t.patch('delete: the finalizer goes', of('held'), 'merge', { metadata: { finalizers: null } });
  t.get('delete: held no more', of('held'));
  t.get('a list', `${all}?labelSelector=app`);
});
