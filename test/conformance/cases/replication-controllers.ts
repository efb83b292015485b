import { topic } from '../exchange.ts';

const labels = { app: 'x' };
const container = { name: 'c', image: 'busybox:1' };
const template = (spec: object = {}, metadata: object = { labels }) => ({ metadata, spec: { containers: [container], ...spec } });
const controller = (name: string, spec: object | undefined, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name, ...metadata },
  ...(spec ? { spec } : {}),
});

const specs: Record<string, object | undefined> = {
  'no spec': undefined,
  'an empty spec': {},
  'a template alone': { template: template() },
  'no template': { selector: labels },
  'a template without labels': { template: { spec: { containers: [container] } } },
  'a template without labels, and a selector': { selector: labels, template: { spec: { containers: [container] } } },
  'a selector that does not match': { selector: { app: 'y' }, template: template() },
  'a selector of part of the labels': { selector: labels, template: template({}, { labels: { app: 'x', more: 'y' } }) },
  'an empty selector': { selector: {}, template: template() },
  'no replicas': { replicas: 0, template: template() },
  'replicas below nothing': { replicas: -1, template: template() },
  'seconds below nothing': { minReadySeconds: -1, template: template() },
  'replicas in words': { replicas: 'two', template: template() },
  'no container': { template: template({ containers: [] }) },
  'a pod that runs once': { template: template({ restartPolicy: 'Never' }) },
  'a restart policy that is none': { template: template({ restartPolicy: 'Sometimes' }) },
  'a deadline': { template: template({ activeDeadlineSeconds: 5 }) },
  'an ephemeral container': { template: template({ ephemeralContainers: [{ name: 'debug', image: 'busybox:1' }] }) },
  'a bad label': { template: template({}, { labels: { 'a b': 'c' } }) },
  'an unknown field': { template: template(), more: 1 },
};

const statuses: Record<string, object> = {
  'all counts': { replicas: 3, fullyLabeledReplicas: 2, readyReplicas: 2, availableReplicas: 1, observedGeneration: 1 },
  'negative counts': { replicas: -1, readyReplicas: -1 },
  'more ready than there are': { replicas: 1, readyReplicas: 2 },
  'more available than ready': { replicas: 2, readyReplicas: 1, availableReplicas: 2 },
  'more labeled than there are': { replicas: 1, fullyLabeledReplicas: 2 },
  'a condition': { conditions: [{ type: 'ReplicaFailure', status: 'True' }] },
};

const scale = (name: string, spec: object, metadata: object = {}) => ({
  apiVersion: 'autoscaling/v1',
  kind: 'Scale',
  metadata: { name, ...metadata },
  spec,
});

export const replicationControllers = topic('replication-controllers', (t) => {
  const all = t.path('replicationcontrollers');
  const of = (name: string, more = ''): string => t.path('replicationcontrollers', name) + more;
  for (const [what, spec] of Object.entries(specs)) t.post(`create: ${what}`, `${all}?dryRun=All`, controller('d', spec));
  t.post('create: labels of its own', `${all}?dryRun=All`, controller('d', { template: template() }, { labels: { own: 'label' } }));
  t.post('create: a bad name', `${all}?dryRun=All`, controller('D', { template: template() }));
  t.post('create: a long name', `${all}?dryRun=All`, controller('d'.repeat(64), { template: template() }));
  const keep = { version: '/metadata/resourceVersion' };
  t.post('create', all, { ...controller('d', { replicas: 2, template: template() }), status: { replicas: 5 } }, { keep });
  t.get('get', of('d'));
  t.put('more replicas', of('d'), controller('d', { replicas: 3, template: template() }));
  t.put('the same', of('d'), controller('d', { replicas: 3, template: template() }));
  t.patch('a label', of('d'), 'merge', { metadata: { labels: { a: 'b' } } });
  t.put('another selector', of('d'), controller('d', { selector: { app: 'y' }, template: template({}, { labels: { app: 'y' } }) }));
  t.put('back', of('d'), controller('d', { replicas: 3, template: template() }));
  t.patch('a container by name', of('d'), 'strategic', {
    spec: { template: { spec: { containers: [{ name: 'c', image: 'busybox:2' }] } } },
  });
  t.put('a bad template', of('d'), controller('d', { template: template({ containers: [] }) }));
  t.put('with an old version', of('d'), controller('d', { template: template() }, { resourceVersion: '{version}' }));
  t.put('of what is not there', of('none'), controller('none', { template: template() }));
  t.patch('apply', of('d', '?fieldManager=one'), 'apply', controller('d', { replicas: 4, template: template() }));
  t.patch('apply by force', of('d', '?fieldManager=one&force=true'), 'apply', controller('d', { replicas: 4, template: template() }));
  for (const [what, status] of Object.entries(statuses)) t.patch(`status: ${what}`, of('d', '/status?dryRun=All'), 'merge', { status });
  t.patch('status: written', of('d', '/status'), 'merge', { status: { replicas: 3, readyReplicas: 2 }, spec: { replicas: 99 } });
  t.get('status: get', of('d', '/status'));
  t.put('the status is not changed', of('d'), { ...controller('d', { replicas: 3, template: template() }), status: { replicas: 77 } });
  t.get('scale: get', of('d', '/scale'));
  t.put('scale: up', of('d', '/scale'), scale('d', { replicas: 5 }));
  t.get('scale: who owns it', of('d'));
  t.put('scale: negative', of('d', '/scale'), scale('d', { replicas: -5 }));
  t.put('scale: with another uid', of('d', '/scale'), scale('d', { replicas: 5 }, { uid: 'x' }));
  t.put('scale: with an old version', of('d', '/scale'), scale('d', { replicas: 5 }, { resourceVersion: '{version}' }));
  t.patch('scale: merge', of('d', '/scale'), 'merge', { spec: { replicas: 6 } });
  t.get('scale: who owns it then', of('d'));
  t.put('scale: the same by another', of('d', '/scale?fieldManager=other'), scale('d', { replicas: 6 }));
  t.get('scale: who owns it after that', of('d'));
  t.put('scale: nothing', of('d', '/scale'), scale('d', {}));
  t.put('scale: up from nothing', of('d', '/scale'), scale('d', { replicas: 2 }));
  t.get('scale: who owns it in the end', of('d'));
  t.get('as a table', all, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } });
  t.get('by a field', `${all}?fieldSelector=status.replicas%3D3`);
  t.get('by another field', `${all}?fieldSelector=spec.replicas%3D3`);
  t.post('one to go in the background', all, controller('e', { template: template() }));
  t.delete('delete: in the background', of('e', '?propagationPolicy=Background'));
  t.delete('delete: what it owns stays', of('d'));
  t.get('what the deletion left', of('d'));
});
