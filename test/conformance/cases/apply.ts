import { type Json, topic } from '../exchange.ts';

const configMap = (data: Json, more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data, ...more });
const deployment = (spec: object, containers: Json = [{ name: 'c', image: 'img:1' }], template: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd', labels: { app: 'd' } },
  spec: {
    selector: { matchLabels: { app: 'd' } },
    template: { metadata: { labels: { app: 'd' } }, spec: { containers, ...template } },
    ...spec,
  },
});

export const apply = topic('apply', (t) => {
  const of = t.path('configmaps', 'a');
  const by = (manager: string, force = false): string => `?fieldManager=${manager}${force ? '&force=true' : ''}`;
  t.patch('without a manager', of, 'apply', configMap({ a: '1' }));
  t.patch('with an empty manager', `${of}?fieldManager=`, 'apply', configMap({ a: '1' }));
  t.patch('dry run of a new object', `${of}${by('one')}&dryRun=All`, 'apply', configMap({ a: '1' }));
  t.patch('a new object', `${of}${by('one')}`, 'apply', configMap({ a: '1', b: '2' }), { keep: { first: '/metadata/resourceVersion' } });
  t.patch('the same again', `${of}${by('one')}`, 'apply', configMap({ a: '1', b: '2' }));
  t.patch('a conflict', `${of}${by('two')}`, 'apply', configMap({ a: 'x' }));
  t.patch('two conflicts', `${of}${by('two')}`, 'apply', configMap({ a: 'x', b: 'y' }));
  t.patch('the same value is shared', `${of}${by('two')}`, 'apply', configMap({ a: '1', c: '3' }));
  t.patch('forced', `${of}${by('two', true)}`, 'apply', configMap({ a: 'x', c: '3' }));
  t.patch('what was taken away is gone', `${of}${by('one')}`, 'apply', configMap({}));
  t.patch('nothing owned any more', `${of}${by('two')}`, 'apply', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } });
  t.put('an update takes over', of, configMap({ a: 'put', z: 'put' }));
  t.patch('a conflict with an update', `${of}${by('one')}`, 'apply', configMap({ a: '1' }));
  t.patch('forced over an update', `${of}${by('one', true)}`, 'apply', configMap({ a: '1' }));
  t.patch('a patch by another manager', `${of}${by('patcher')}`, 'merge', { data: { a: 'patched' } });
  t.patch('a conflict with a patch', `${of}${by('one')}`, 'apply', configMap({ a: '1' }));
  t.patch('with an old resourceVersion', `${of}${by('one', true)}`, 'apply', {
    ...configMap({ a: '1' }),
    metadata: { name: 'a', resourceVersion: '{first}' },
  });
  t.patch('with managedFields', `${of}${by('one')}`, 'apply', {
    ...configMap({}),
    metadata: { name: 'a', managedFields: [{ manager: 'x' }] },
  });
  t.patch('with empty managedFields', `${of}${by('one', true)}`, 'apply', { ...configMap({}), metadata: { name: 'a', managedFields: [] } });
  t.patch('with another name', `${of}${by('one')}`, 'apply', { ...configMap({}), metadata: { name: 'b' } });
  t.patch('without name', `${of}${by('one', true)}`, 'apply', { apiVersion: 'v1', kind: 'ConfigMap', data: { n: '1' } });
  t.patch('without kind', `${of}${by('one')}`, 'apply', { apiVersion: 'v1', metadata: { name: 'a' } });
  t.patch('without apiVersion', `${of}${by('one')}`, 'apply', { kind: 'ConfigMap', metadata: { name: 'a' } });
  t.patch('of another kind', `${of}${by('one')}`, 'apply', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } });
  t.patch('in another namespace', `${of}${by('one')}`, 'apply', { ...configMap({}), metadata: { name: 'a', namespace: 'other' } });
  t.patch('with an uid', `${of}${by('one')}`, 'apply', { ...configMap({}), metadata: { name: 'a', uid: 'x' } });
  t.patch('as YAML', `${of}${by('yaml', true)}`, 'apply', 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  yaml: "1"\n');
  t.patch('as broken YAML', `${of}${by('yaml', true)}`, 'apply', 'a: b: c');
  t.patch('as nothing', `${of}${by('yaml')}`, 'apply', '');
  t.patch('as a list', `${of}${by('yaml')}`, 'apply', '[]');
  t.patch('a bad label', `${of}${by('one', true)}`, 'apply', { ...configMap({}), metadata: { name: 'a', labels: { 'a b': 'c' } } });
  t.patch('a null value', `${of}${by('one', true)}`, 'apply', configMap({ a: null }));
  t.patch('a finalizer', `${of}${by('finalizer')}`, 'apply', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', finalizers: ['example.com/a'] },
  });
  t.patch('another finalizer by another', `${of}${by('finalizer2')}`, 'apply', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', finalizers: ['example.com/b'] },
  });
  t.patch('a finalizer less', `${of}${by('finalizer')}`, 'apply', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } });
  t.patch('an owner', `${of}${by('owner')}`, 'apply', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }] },
  });
  t.get('what came of it', of);
  t.patch('in a namespace that is not there', `/api/v1/namespaces/nowhere/configmaps/a${by('one')}`, 'apply', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a' },
  });

  const d = t.path('deployments', 'd', 'apps/v1');
  t.patch('a deployment', `${d}${by('one')}`, 'apply', deployment({ replicas: 2 }));
  t.patch('a deployment without replicas', `${d}${by('one')}`, 'apply', deployment({}));
  t.patch('replicas by another', `${d}${by('scaler')}`, 'apply', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: { replicas: 5 },
  });
  t.patch('a conflict of replicas', `${d}${by('one')}`, 'apply', deployment({ replicas: 3 }));
  t.patch('a conflict of an image', `${d}${by('two')}`, 'apply', deployment({}, [{ name: 'c', image: 'img:2' }]));
  t.patch('a sidecar by another', `${d}${by('two')}`, 'apply', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: {
      template: {
        spec: { containers: [{ name: 'side', image: 'img:s', env: [{ name: 'A', value: '1' }], ports: [{ containerPort: 80 }] }] },
      },
    },
  });
  t.patch('the first keeps the sidecar', `${d}${by('one')}`, 'apply', deployment({}, [{ name: 'c', image: 'img:3' }]));
  t.patch('a variable of another container', `${d}${by('env')}`, 'apply', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: { template: { spec: { containers: [{ name: 'c', env: [{ name: 'B', value: '2' }] }] } } },
  });
  t.patch(
    'the same container twice',
    `${d}${by('one')}`,
    'apply',
    deployment({}, [
      { name: 'c', image: 'a' },
      { name: 'c', image: 'b' },
    ]),
  );
  t.patch('a container without name', `${d}${by('one')}`, 'apply', deployment({}, [{ image: 'a' }]));
  t.patch('the same port twice', `${d}${by('ports')}`, 'apply', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: { template: { spec: { containers: [{ name: 'c', ports: [{ containerPort: 80 }, { containerPort: 80 }] }] } } },
  });
  t.patch('a port with two protocols', `${d}${by('ports')}`, 'apply', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: { template: { spec: { containers: [{ name: 'c', ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }] }] } } },
  });
  t.patch(
    'tolerations are one value',
    `${d}${by('one')}`,
    'apply',
    deployment({}, [{ name: 'c', image: 'img:3' }], { tolerations: [{ key: 'a', operator: 'Exists' }] }),
  );
  t.patch('tolerations conflict as one', `${d}${by('two')}`, 'apply', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: { template: { spec: { tolerations: [{ key: 'b', operator: 'Exists' }] } } },
  });
  t.patch('a node selector is one value', `${d}${by('two')}`, 'apply', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: { template: { spec: { nodeSelector: { a: 'b' } } } },
  });
  t.patch('a field of another type', `${d}${by('one')}`, 'apply', deployment({ replicas: 'many' }));
  t.patch('an unknown field, strict', `${d}${by('one')}&fieldValidation=Strict`, 'apply', deployment({ wrong: 1 }));
  t.patch('an unknown field, warned of', `${d}${by('one')}`, 'apply', deployment({ wrong: 1 }));
  t.patch('an invalid object', `${d}${by('one')}`, 'apply', deployment({}, []));
  t.patch(
    'a quantity in another form',
    `${d}${by('one')}`,
    'apply',
    deployment({}, [{ name: 'c', image: 'img:3', resources: { limits: { cpu: '1000m' } } }]),
  );
  t.patch('the same quantity by another', `${d}${by('quantity')}`, 'apply', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: { template: { spec: { containers: [{ name: 'c', resources: { limits: { cpu: '1' } } }] } } },
  });
  t.patch('a status by apply', `${d}/status${by('status')}`, 'apply', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    status: { replicas: 5, observedGeneration: 1 },
  });
  t.patch('a spec by apply of the status', `${d}/status${by('status')}`, 'apply', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: { replicas: 99 },
  });
  t.get('what came of the deployment', d);
  t.get('its scale', `${d}/scale`);
  t.patch('a scale by merge', `${d}/scale${by('hpa')}`, 'merge', { spec: { replicas: 7 } });
  t.patch('a conflict with the scale', `${d}${by('scaler')}`, 'apply', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: { replicas: 5 },
  });
  t.patch('a scale by apply', `${d}/scale${by('hpa2', true)}`, 'apply', {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'd' },
    spec: { replicas: 8 },
  });
  t.get('what came of the scale', d);

  const pods = t.path('pods', 'p');
  const pod = (spec: object) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec });
  t.patch(
    'a pod',
    `${pods}${by('one')}`,
    'apply',
    pod({ containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'v', emptyDir: {} }] }),
  );
  t.patch(
    'the pod again',
    `${pods}${by('one')}`,
    'apply',
    pod({ containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'v', emptyDir: {} }] }),
  );
  t.patch(
    'a change that pods do not allow',
    `${pods}${by('one')}`,
    'apply',
    pod({ containers: [{ name: 'c', image: 'i', command: ['x'] }] }),
  );
  t.patch('a pod status', `${pods}/status${by('kubelet')}`, 'apply', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  });
  t.patch('a condition by another', `${pods}/status${by('gate')}`, 'apply', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    status: { conditions: [{ type: 'example.com/gate', status: 'True' }] },
  });
  t.patch('the same condition twice', `${pods}/status${by('gate')}`, 'apply', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    status: {
      conditions: [
        { type: 'a', status: 'True' },
        { type: 'a', status: 'False' },
      ],
    },
  });
  const node = '/api/v1/nodes/conf-apply-node';
  const nodeBy = (spec: object, more: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'conf-apply-node', ...more },
    spec,
  });
  t.patch('a node', `${node}${by('one')}`, 'apply', nodeBy({ taints: [{ key: 'a', effect: 'NoSchedule' }] }, { labels: { a: 'b' } }));
  t.patch('a taint by another', `${node}${by('two')}`, 'apply', nodeBy({ taints: [{ key: 'b', effect: 'NoSchedule' }] }));
});
