import type { Container, Pod, PodSpec } from '@flotilla/shared/api/generated/types.js';
import { describeFieldError } from '@flotilla/shared/errors/field.js';
import { expect, it } from 'vitest';
import { clone } from '#registry/generic/json.ts';
import { pods } from './pod.ts';

const base: Pod = {
  metadata: { name: 'a', namespace: 'default' },
  spec: {
    serviceAccountName: 'default',
    containers: [{ name: 'c', image: 'busybox:1', volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
    volumes: [{ name: 'v', emptyDir: {} }],
  },
};

type Change = (spec: PodSpec, container: Container, pod: Pod) => void;

function changed(change: Change): Pod {
  const pod = clone(base);
  const spec = pod.spec as PodSpec;
  change(spec, spec.containers[0] as Container, pod);
  pods.strategy.default?.(pod);
  return pod;
}

const faultsOf = (change: Change): string[] => pods.strategy.validate(changed(change)).map(describeFieldError);

it.each<[string, Change]>([
  ['the plain pod', () => {}],
  [
    'every kind of environment',
    (_, c) => {
      c.env = [
        { name: 'A', value: 'x' },
        { name: 'strange name!', value: '' },
        { name: 'B', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: 'C', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'D', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
        { name: 'E', valueFrom: { configMapKeyRef: { name: 'm', key: 'k', optional: true } } },
        { name: 'F', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      ];
      c.envFrom = [{ configMapRef: { name: 'm' }, prefix: 'P_' }, { secretRef: { name: 's' } }];
    },
  ],
  [
    'every volume we run',
    (spec) => {
      spec.volumes?.push(
        { name: 'h', hostPath: { path: '/data', type: 'DirectoryOrCreate' } },
        { name: 'm', configMap: { name: 'm', items: [{ key: 'k', path: 'a/b', mode: 0o400 }] } },
        { name: 's', secret: { secretName: 's', optional: true } },
        { name: 'd', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        {
          name: 'p',
          projected: {
            sources: [{ serviceAccountToken: { path: 'token' } }, { configMap: { name: 'ca', items: [{ key: 'k', path: 'ca' }] } }],
          },
        },
      );
    },
  ],
  [
    'probes, hooks and ports',
    (_, c) => {
      c.ports = [{ name: 'http', containerPort: 80, hostPort: 8080 }];
      c.livenessProbe = { httpGet: { port: 'http' } };
      c.readinessProbe = { tcpSocket: { port: 80 }, successThreshold: 2 };
      c.startupProbe = { exec: { command: ['true'] } };
      c.lifecycle = { preStop: { sleep: { seconds: 5 } } };
    },
  ],
  [
    'limits and requests',
    (_, c) => void Object.assign(c, { resources: { limits: { cpu: '1', memory: '64Mi' }, requests: { cpu: '500m' } } }),
  ],
  [
    'a sidecar',
    (spec) =>
      void Object.assign(spec, {
        initContainers: [{ name: 'i', image: 'x', restartPolicy: 'Always', livenessProbe: { exec: { command: ['x'] } } }],
      }),
  ],
  [
    'tolerations and affinity',
    (spec) => {
      spec.tolerations = [{ operator: 'Exists' }, { key: 'k', value: 'v', effect: 'NoExecute', tolerationSeconds: 5 }];
      const terms = [
        {
          matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }],
          matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }],
        },
      ];
      spec.affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } };
    },
  ],
])('accepts %s', (_title, change) => {
  expect(faultsOf(change)).toEqual([]);
});

const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

it.each<[string, Change]>([
  ['spec.containers: Required value', (spec) => void Object.assign(spec, { containers: [] })],
  ['spec.containers[0].name: Required value', (_, c) => void Object.assign(c, { name: '' })],
  [`spec.containers[0].name: Invalid value: "C_": ${label}`, (_, c) => void Object.assign(c, { name: 'C_' })],
  ['spec.containers[0].name: Invalid value: "a.b": must not contain dots', (_, c) => void Object.assign(c, { name: 'a.b' })],
  ['spec.containers[1].name: Duplicate value: "c"', (spec, c) => spec.containers.push({ ...c })],
  ['spec.containers[0].image: Required value', (_, c) => void Object.assign(c, { image: '' })],
  [
    'spec.containers[0].image: Invalid value: " x": must not have leading or trailing whitespace',
    (_, c) => void Object.assign(c, { image: ' x' }),
  ],
  [
    'spec.containers[0].imagePullPolicy: Unsupported value: "Soon": supported values: "Always", "IfNotPresent", "Never"',
    (_, c) => void Object.assign(c, { imagePullPolicy: 'Soon' }),
  ],
  [
    'spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers',
    (_, c) => void Object.assign(c, { restartPolicy: 'Always' }),
  ],
  ['spec.containers[0].ports[0].containerPort: Required value', (_, c) => void Object.assign(c, { ports: [{ containerPort: 0 }] })],
  [
    'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    (_, c) => void Object.assign(c, { ports: [{ containerPort: 70000 }] }),
  ],
  [
    'spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"',
    (_, c) =>
      void Object.assign(c, {
        ports: [
          { containerPort: 1, hostPort: 80 },
          { containerPort: 2, hostPort: 80 },
        ],
      }),
  ],
  [
    'spec.containers[0].ports[0].name: Invalid value: "12": must contain at least one letter (a-z)',
    (_, c) => void Object.assign(c, { ports: [{ containerPort: 1, name: '12' }] }),
  ],
  [
    'spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    (_, c) => void Object.assign(c, { ports: [{ containerPort: 1, protocol: 'ICMP' }] }),
  ],
  ['spec.containers[0].env[0].name: Required value', (_, c) => void Object.assign(c, { env: [{ name: '' }] })],
  [
    'spec.containers[0].env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
    (_, c) => void Object.assign(c, { env: [{ name: 'a=b' }] }),
  ],
  [
    'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
    (_, c) => void Object.assign(c, { env: [{ name: 'A', valueFrom: {} }] }),
  ],
  [
    'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    (_, c) => void Object.assign(c, { env: [{ name: 'A', value: 'x', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }),
  ],
  [
    'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.x": error converting fieldPath: field label not supported: spec.x',
    (_, c) => void Object.assign(c, { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.x' } } }] }),
  ],
  [
    'spec.containers[0].env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.x": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"',
    (_, c) => void Object.assign(c, { env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.x' } } }] }),
  ],
  [
    'spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
    (_, c) => void Object.assign(c, { envFrom: [{}] }),
  ],
  [
    'spec.containers[0].volumeMounts[0].name: Not found: "w"',
    (_, c) => void Object.assign(c, { volumeMounts: [{ name: 'w', mountPath: '/w' }] }),
  ],
  [
    'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique',
    (_, c) => c.volumeMounts?.push({ name: 'v', mountPath: '/v' }),
  ],
  [
    'spec.containers[0].volumeMounts.subPath: Invalid value: "../x": must not contain \'..\'',
    (_, c) => void Object.assign(c, { volumeMounts: [{ name: 'v', mountPath: '/v', subPath: '../x' }] }),
  ],
  [
    'spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers',
    (_, c) => void Object.assign(c, { volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation: 'Bidirectional' }] }),
  ],
  [
    'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    (_, c) => void Object.assign(c, { resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }),
  ],
  [
    'spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
    (_, c) => void Object.assign(c, { resources: { limits: { cpu: '-1' } } }),
  ],
  [
    'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
    (_, c) => void Object.assign(c, { resources: { limits: { gpu: '1' } } }),
  ],
  [
    'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
    (_, c) => void Object.assign(c, { resources: { limits: { 'example.com/gpu': '500m' } } }),
  ],
  ['spec.containers[0].livenessProbe: Required value: must specify a handler type', (_, c) => void Object.assign(c, { livenessProbe: {} })],
  [
    'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
    (_, c) => void Object.assign(c, { livenessProbe: { exec: { command: ['x'] }, successThreshold: 2 } }),
  ],
  [
    'spec.containers[0].readinessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive',
    (_, c) => void Object.assign(c, { readinessProbe: { httpGet: { port: 0 } } }),
  ],
  [
    'spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 3: must not be set for readinessProbes',
    (_, c) => void Object.assign(c, { readinessProbe: { exec: { command: ['x'] }, terminationGracePeriodSeconds: 3 } }),
  ],
  [
    'spec.containers[0].lifecycle.preStop.sleep: Invalid value: 99: must be non-negative and less than terminationGracePeriodSeconds (30)',
    (_, c) => void Object.assign(c, { lifecycle: { preStop: { sleep: { seconds: 99 } } } }),
  ],
  [
    'spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    (_, c) => void Object.assign(c, { securityContext: { runAsUser: -1 } }),
  ],
  [
    'spec.initContainers[0].name: Duplicate value: "c"',
    (spec) => void Object.assign(spec, { initContainers: [{ name: 'c', image: 'x' }] }),
  ],
  [
    'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    (spec) => void Object.assign(spec, { initContainers: [{ name: 'i', image: 'x', livenessProbe: { exec: { command: ['x'] } } }] }),
  ],
  ['spec.volumes[1].name: Duplicate value: "v"', (spec) => spec.volumes?.push({ name: 'v', emptyDir: {} })],
  [
    'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
    (spec) => void Object.assign(spec, { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] }),
  ],
  [
    'spec.volumes[0].hostPath.path: Required value',
    (spec) => void Object.assign(spec, { volumes: [{ name: 'v', hostPath: { path: '' } }] }),
  ],
  ['spec.volumes[0].secret.secretName: Required value', (spec) => void Object.assign(spec, { volumes: [{ name: 'v', secret: {} }] })],
  [
    'spec.volumes[0].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
    (spec) => void Object.assign(spec, { volumes: [{ name: 'v', configMap: { name: 'm', defaultMode: 512 } }] }),
  ],
  [
    'spec.volumes[0].configMap.items[0].path: Invalid value: "/a": must be a relative path',
    (spec) => void Object.assign(spec, { volumes: [{ name: 'v', configMap: { name: 'm', items: [{ key: 'k', path: '/a' }] } }] }),
  ],
  [
    'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes',
    (spec) =>
      void Object.assign(spec, {
        volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 5 } }] } }],
      }),
  ],
  [
    'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
    (spec) => void Object.assign(spec, { restartPolicy: 'Maybe' }),
  ],
  [
    'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None',
    (spec) => void Object.assign(spec, { dnsPolicy: 'None' }),
  ],
  [
    'spec.nodeSelector: Invalid value: "a b": a valid label must be an empty string',
    (spec) => void Object.assign(spec, { nodeSelector: { k: 'a b' } }),
  ],
  [
    'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    (spec) => void Object.assign(spec, { tolerations: [{}] }),
  ],
  [
    'spec.tolerations[0].effect: Invalid value: "": effect must be \'NoExecute\' when `tolerationSeconds` is set',
    (spec) => void Object.assign(spec, { tolerations: [{ key: 'k', operator: 'Exists', tolerationSeconds: 1 }] }),
  ],
  [
    'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
    (spec) =>
      void Object.assign(spec, {
        affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } },
      }),
  ],
  [
    'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
    (spec) => void Object.assign(spec, { activeDeadlineSeconds: 0 }),
  ],
  [
    'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
    (spec) =>
      void Object.assign(spec, { topologySpreadConstraints: [{ maxSkew: 0, topologyKey: 'k', whenUnsatisfiable: 'DoNotSchedule' }] }),
  ],
  [
    'spec.hostAliases[0].ip: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    (spec) => void Object.assign(spec, { hostAliases: [{ ip: '1.2.3' }] }),
  ],
  [
    'spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set',
    (spec) => {
      delete spec.serviceAccountName;
      spec.volumes = [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }];
    },
  ],
  [
    'spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared',
    (spec) => {
      spec.nodeName = 'n';
      spec.schedulingGates = [{ name: 'example.com/g' }];
    },
  ],
  [
    'spec.ephemeralContainers: Forbidden: cannot be set on create',
    (spec) => void Object.assign(spec, { ephemeralContainers: [{ name: 'e', image: 'x' }] }),
  ],
  [
    'metadata.labels: Invalid value: "-x": a valid label must',
    (_, __, pod) => void Object.assign(pod, { metadata: { ...pod.metadata, labels: { a: '-x' } } }),
  ],
  [
    'metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist',
    (_, __, pod) => void Object.assign(pod, { metadata: { ...pod.metadata, name: 'A' } }),
  ],
])('refuses with %s', (message, change) => {
  const faults = faultsOf(change);
  expect(
    faults.filter((fault) => fault.startsWith(message)),
    faults.join('\n'),
  ).toHaveLength(1);
});

function updateFaults(change: Change, start: Change = () => {}): string[] {
  const both: Change = (spec, container, pod) => {
    start(spec, container, pod);
    change(spec, container, pod);
  };
  return pods.strategy.validateUpdate(changed(both), changed(start)).map(describeFieldError);
}

it('lets an update change images, deadlines and add tolerations, and nothing else', () => {
  expect(updateFaults((_, c) => void Object.assign(c, { image: 'busybox:2' }))).toEqual([]);
  expect(updateFaults((spec) => void Object.assign(spec, { activeDeadlineSeconds: 5 }))).toEqual([]);
  expect(updateFaults((spec) => void Object.assign(spec, { tolerations: [{ operator: 'Exists' }] }))).toEqual([]);
  expect(updateFaults((_, c) => void Object.assign(c, { command: ['x'] }))[0]).toMatch(
    /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`,`spec\.initContainers\[\*\]\.image`,`spec\.activeDeadlineSeconds`,`spec\.tolerations` \(only additions to existing tolerations\),`spec\.terminationGracePeriodSeconds`/,
  );
  expect(updateFaults((spec) => spec.containers.push({ name: 'd', image: 'x' }))).toEqual([
    'spec.containers: Forbidden: pod updates may not add or remove containers',
  ]);
  expect(
    updateFaults(
      (spec) => void Object.assign(spec, { activeDeadlineSeconds: 9 }),
      (spec) => void Object.assign(spec, { activeDeadlineSeconds: 5 }),
    ),
  ).toEqual(['spec.activeDeadlineSeconds: Invalid value: 9: must be less than or equal to previous value']);
  expect(
    updateFaults(
      (spec) => void Object.assign(spec, { tolerations: [] }),
      (spec) => void Object.assign(spec, { tolerations: [{ operator: 'Exists' }] }),
    ),
  ).toEqual(['spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds']);
});
