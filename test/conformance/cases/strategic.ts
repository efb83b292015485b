import { topic } from '../exchange.ts';

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 's' },
  spec: {
    containers: [
      {
        name: 'a',
        image: 'img:1',
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
        ports: [
          { containerPort: 80, name: 'http' },
          { containerPort: 81, protocol: 'UDP' },
        ],
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
      },
      { name: 'b', image: 'img:2' },
    ],
    volumes: [
      { name: 'v', emptyDir: {} },
      { name: 'w', configMap: { name: 'c' } },
    ],
    tolerations: [{ key: 'k', operator: 'Exists' }],
    imagePullSecrets: [{ name: 'one' }],
    nodeSelector: { a: 'b' },
    hostAliases: [{ ip: '10.0.0.1', hostnames: ['x'] }],
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { a: 'b' } } },
    ],
  },
};
const template = { metadata: { labels: { app: 's' } }, spec: pod.spec };
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 's' },
  spec: { replicas: 1, selector: { matchLabels: { app: 's' } }, template },
};

const podSpecs: Record<string, object> = {
  'an image by name': { containers: [{ name: 'a', image: 'img:3' }] },
  'a container more': { containers: [{ name: 'c', image: 'img:3' }] },
  'a container without name': { containers: [{ image: 'img:3' }] },
  'a container less': { containers: [{ name: 'b', $patch: 'delete' }] },
  'a container that is not there less': { containers: [{ name: 'z', $patch: 'delete' }] },
  'containers replaced': { containers: [{ $patch: 'replace' }, { name: 'z', image: 'img:9' }] },
  'containers replaced by themselves': { containers: [{ name: 'z', image: 'img:9', $patch: 'replace' }] },
  'containers null': { containers: null },
  'a container replaced by an object': { containers: { name: 'a' } },
  'containers ordered': { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] },
  'containers ordered and changed': {
    '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
    containers: [{ name: 'a', image: 'img:4' }],
  },
  'containers ordered without one that is changed': {
    '$setElementOrder/containers': [{ name: 'b' }],
    containers: [{ name: 'a', image: 'img:4' }],
  },
  'containers ordered by a name that is not there': { '$setElementOrder/containers': [{ name: 'z' }, { name: 'a' }] },
  'containers ordered without name': { '$setElementOrder/containers': [{ image: 'a' }] },
  'a variable changed': { containers: [{ name: 'a', env: [{ name: 'A', value: '9' }] }] },
  'a variable taken from elsewhere': {
    containers: [{ name: 'a', env: [{ name: 'A', value: null, valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }],
  },
  'a variable less': { containers: [{ name: 'a', env: [{ name: 'A', $patch: 'delete' }] }] },
  'variables ordered': { containers: [{ name: 'a', '$setElementOrder/env': [{ name: 'B' }, { name: 'A' }] }] },
  'a port by number': { containers: [{ name: 'a', ports: [{ containerPort: 80, name: 'web' }] }] },
  'a port more': { containers: [{ name: 'a', ports: [{ containerPort: 82 }] }] },
  'the same port with another protocol': { containers: [{ name: 'a', ports: [{ containerPort: 80, protocol: 'UDP' }] }] },
  'a port without number': { containers: [{ name: 'a', ports: [{ name: 'web' }] }] },
  'a mount by path': { containers: [{ name: 'a', volumeMounts: [{ mountPath: '/v', readOnly: true, name: 'v' }] }] },
  'a mount less': { containers: [{ name: 'a', volumeMounts: [{ mountPath: '/v', $patch: 'delete' }] }] },
  'another source for a volume': { volumes: [{ name: 'v', hostPath: { path: '/x' } }] },
  'another source, retaining keys': { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }] },
  'another source with the first one null': { volumes: [{ name: 'v', emptyDir: null, hostPath: { path: '/x' } }] },
  'retaining keys that are not all': { volumes: [{ name: 'v', $retainKeys: ['name'], hostPath: { path: '/x' } }] },
  'tolerations are replaced': { tolerations: [{ key: 'new', operator: 'Exists' }] },
  'a pull secret more': { imagePullSecrets: [{ name: 'two' }] },
  'a pull secret less': { imagePullSecrets: [{ name: 'one', $patch: 'delete' }] },
  'a node selector more': { nodeSelector: { c: 'd' } },
  'a node selector replaced': { nodeSelector: { $patch: 'replace', c: 'd' } },
  'a host alias more': { hostAliases: [{ ip: '10.0.0.2', hostnames: ['y'] }] },
  'a host alias changed': { hostAliases: [{ ip: '10.0.0.1', hostnames: ['y'] }] },
  'a spread by key': { topologySpreadConstraints: [{ topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', maxSkew: 2 }] },
  'a spread more': {
    topologySpreadConstraints: [
      { topologyKey: 'host', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 2, labelSelector: { matchLabels: { a: 'b' } } },
    ],
  },
  'a security context': { securityContext: { runAsUser: 5 } },
  'arguments are replaced': { containers: [{ name: 'a', args: ['x', 'y'] }] },
  'an unknown directive': { containers: [{ name: 'a', $patch: 'mix' }] },
  'the prototype': { nodeSelector: { constructor: 'x' } },
};

const deploymentSpecs: Record<string, object> = {
  'a strategy with retained keys': { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
  'a strategy that leaves the other settings': { strategy: { type: 'Recreate' } },
  'a strategy with null': { strategy: { type: 'Recreate', rollingUpdate: null } },
  'a strategy replaced': { strategy: { $patch: 'replace', type: 'Recreate' } },
  percentages: { strategy: { rollingUpdate: { maxSurge: '10%', maxUnavailable: 0 } } },
  'both zero': { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } },
  'a label of the template': { template: { metadata: { labels: { more: 'x' } } } },
  'a label of the template less': { template: { metadata: { labels: { app: null } } } },
  'the selector': { selector: { matchLabels: { app: 'other' } } },
  'an annotation of a restart': {
    template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': '2001-01-01T00:00:00Z' } } },
  },
  'the replicas': { replicas: 3 },
  'negative replicas': { replicas: -1 },
  'null replicas': { replicas: null },
  'text as replicas': { replicas: 'three' },
};

export const strategic = topic('strategic', (t) => {
  t.post('the deployment', t.path('deployments', '', 'apps/v1'), deployment);
  t.post('the pod', t.path('pods'), pod);
  const of = `${t.path('deployments', 's', 'apps/v1')}?dryRun=All`;
  for (const [name, spec] of Object.entries(podSpecs)) t.patch(`template: ${name}`, of, 'strategic', { spec: { template: { spec } } });
  for (const [name, spec] of Object.entries(deploymentSpecs)) t.patch(`deployment: ${name}`, of, 'strategic', { spec });
  const podPath = `${t.path('pods', 's')}?dryRun=All`;
  t.patch('pod: an image by name', podPath, 'strategic', { spec: { containers: [{ name: 'a', image: 'img:3' }] } });
  t.patch('pod: a container more', podPath, 'strategic', { spec: { containers: [{ name: 'c', image: 'img:3' }] } });
  const status = `${t.path('pods', 's')}/status?dryRun=All`;
  t.patch('pod status: a condition', status, 'strategic', { status: { conditions: [{ type: 'Ready', status: 'True' }] } });
  t.patch('pod status: an address', status, 'strategic', { status: { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] } });
});
