import { topic } from '../exchange.ts';

const all = '/api/v1/nodes';
const name = 'conf-node';
const of = (more = ''): string => `${all}/${name}${more}`;
const node = (spec: object = {}, metadata: object = {}) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name, ...metadata }, spec });
const taint = (key: string, effect = 'NoSchedule', more: object = {}) => ({ key, effect, ...more });

const specs: Record<string, object> = {
  nothing: {},
  'a taint': { taints: [taint('a', 'NoExecute', { value: 'v', timeAdded: '2001-01-01T00:00:00Z' })] },
  'a taint twice': { taints: [taint('a'), taint('a')] },
  'a taint with two effects': { taints: [taint('a'), taint('a', 'NoExecute')] },
  'a taint of a bad effect': { taints: [taint('a', 'x')] },
  'a taint without effect': { taints: [{ key: 'a' }] },
  'a taint of a bad key': { taints: [taint('a b')] },
  'a taint of a bad value': { taints: [taint('a', 'NoSchedule', { value: 'a b' })] },
  'a taint without key': { taints: [{ effect: 'NoSchedule' }] },
  'a pod network': { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.0.0/24'] },
  'a pod network in one form': { podCIDR: '10.0.0.0/24' },
  'two pod networks of one family': { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.0.0/24', '10.0.1.0/24'] },
  'a bad pod network': { podCIDR: 'x', podCIDRs: ['x'] },
  'pod networks that do not match': { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.1.0/24'] },
  unschedulable: { unschedulable: true },
  'a provider': { providerID: 'p://x' },
};

const statuses: Record<string, object> = {
  capacity: { capacity: { cpu: '4', memory: '1Gi', pods: '110' }, allocatable: { cpu: '4', memory: '1Gi', pods: '110' } },
  'a negative capacity': { capacity: { cpu: '-4' } },
  'a capacity of a bad name': { capacity: { 'a b': '4' } },
  'a condition': { conditions: [{ type: 'Ready', status: 'True', reason: 'r', message: 'm' }] },
  'an address': { addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] },
  'an address twice': {
    addresses: [
      { type: 'InternalIP', address: '10.0.0.1' },
      { type: 'InternalIP', address: '10.0.0.1' },
    ],
  },
  'an image': { images: [{ names: ['i'], sizeBytes: 5 }] },
  'an image without names': { images: [{ sizeBytes: 5 }] },
  'a volume': { volumesAttached: [{ name: 'v', devicePath: '/x' }] },
  'a phase': { phase: 'Running' },
};

export const nodes = topic('nodes', (t) => {
  for (const [what, spec] of Object.entries(specs)) t.post(`create: ${what}`, `${all}?dryRun=All`, node(spec));
  t.post('create: a bad name', `${all}?dryRun=All`, node({}, { name: 'N' }));
  t.post('create: in a namespace', `${all}?dryRun=All`, node({}, { namespace: 'x' }));
  t.post('create: bad labels of a machine', `${all}?dryRun=All`, node({}, { labels: { 'kubernetes.io/os': 'plan9' } }));
  t.post(
    'create: an annotation with taints',
    `${all}?dryRun=All`,
    node({}, { annotations: { 'scheduler.alpha.kubernetes.io/preferAvoidPods': '{}' } }),
  );
  t.post('create', all, { ...node({}, { labels: { a: 'b' } }), status: { nodeInfo: { kubeletVersion: 'v1' } } });
  t.get('get', of());
  t.patch('the provider can be set', of(), 'merge', { spec: { providerID: 'p://x' } });
  t.patch('the provider cannot change', of(), 'merge', { spec: { providerID: 'p://y' } });
  t.patch('the pod network can be set', of(), 'merge', { spec: { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.0.0/24'] } });
  t.patch('the pod network cannot change', of(), 'merge', { spec: { podCIDR: '10.0.1.0/24', podCIDRs: ['10.0.1.0/24'] } });
  t.patch('the pod network cannot go', of(), 'merge', { spec: { podCIDR: null, podCIDRs: null } });
  t.patch('a taint by merge', of(), 'merge', { spec: { taints: [taint('a')] } });
  t.patch('a taint by strategic patch', of(), 'strategic', { spec: { taints: [taint('b')] } });
  t.patch('a taint twice by merge', of(), 'merge', { spec: { taints: [taint('a'), taint('a')] } });
  t.patch('cordoned', of(), 'strategic', { spec: { unschedulable: true } });
  t.patch('a configuration source', of(), 'merge', {
    spec: { configSource: { configMap: { namespace: 'a', name: 'b', kubeletConfigKey: 'c' } } },
  });
  t.patch('the old external name', of(), 'merge', { spec: { externalID: 'x' } });
  for (const [what, status] of Object.entries(statuses)) t.patch(`status: ${what}`, of('/status?dryRun=All'), 'merge', { status });
  t.patch('status: written', of('/status'), 'strategic', {
    status: { conditions: [{ type: 'Ready', status: 'True' }], capacity: { cpu: '4' } },
  });
  t.patch('status: a condition more', of('/status'), 'strategic', { status: { conditions: [{ type: 'Other', status: 'False' }] } });
  t.patch('status: a spec is not changed', of('/status'), 'merge', { spec: { unschedulable: false, taints: null } });
  t.put('status: by PUT', of('/status'), { ...node(), status: { conditions: [{ type: 'Ready', status: 'False' }] } });
  t.put('without a version', of(), node({}, { labels: { new: 'x' } }));
  t.get('by field', `${all}?fieldSelector=metadata.name%3D${name}`);
  t.get('by schedulability', `${all}?fieldSelector=metadata.name%3D${name},spec.unschedulable%3Dtrue`);
  t.get('by another field', `${all}?fieldSelector=spec.podCIDR%3Dx`);
  t.get('as a table', `${all}?fieldSelector=metadata.name%3D${name}`, {
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  });
  t.get('in a namespace', t.path('nodes', name));
  t.delete('delete', of());
  t.get('gone', of());
});
