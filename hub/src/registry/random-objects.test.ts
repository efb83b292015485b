import { StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitions } from './definitions.ts';
import { clone, jsonEqual } from './generic/json.ts';
import { type RegistryFixture, registryFixture } from './generic/registry-fixture.ts';
import type { ResourceDefinition } from './generic/types.ts';
import { decodeObject } from './schema/decode-object.ts';

const template = {
  metadata: { labels: { app: 'a' } },
  spec: {
    containers: [
      {
        name: 'c',
        image: 'x:1',
        command: ['a'],
        env: [
          { name: 'A', value: 'b' },
          { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        ],
        ports: [{ containerPort: 80, name: 'http' }],
        resources: { limits: { cpu: '1' } },
        livenessProbe: { httpGet: { port: 80 }, periodSeconds: 3 },
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
        securityContext: { runAsUser: 1 },
      },
    ],
    initContainers: [{ name: 'i', image: 'x:1' }],
    volumes: [{ name: 'v', projected: { sources: [{ configMap: { name: 'm', items: [{ key: 'k', path: 'p' }] } }] } }],
    tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 }],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'k', operator: 'In', values: ['v'] }] }],
        },
      },
    },
    nodeSelector: { k: 'v' },
  },
};
const workload = { replicas: 1, selector: { matchLabels: { app: 'a' } }, template };

const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };

/** A full object of each kind, to be spoiled. */
const examples: Readonly<Record<string, object>> = {
  Namespace: { spec: { finalizers: ['kubernetes'] } },
  Node: {
    spec: { podCIDR: '10.0.0.0/26', taints: [{ key: 'k', effect: 'NoSchedule' }] },
    status: { capacity: { cpu: '1' }, addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] },
  },
  Pod: { spec: template.spec },
  ConfigMap: { data: { a: 'b' }, binaryData: { c: 'AA==' }, immutable: false },
  Secret: { data: { 'tls.crt': 'AA==' }, stringData: { 'tls.key': 'c' }, type: 'kubernetes.io/tls' },
  ServiceAccount: { secrets: [{ name: 's' }], imagePullSecrets: [{ name: 'p' }] },
  Event: {
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    reason: 'R',
    message: 'm',
    series: { count: 2, lastObservedTime: '2026-01-01T00:00:00.000000Z' },
  },
  'events.k8s.io/Event': {
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'example.com/reporter',
    reportingInstance: 'i',
    action: 'A',
    reason: 'R',
    type: 'Normal',
    note: 'n',
    regarding: { kind: 'Pod', name: 'p', namespace: 'default' },
    series: { count: 2, lastObservedTime: '2026-01-01T00:00:00.000000Z' },
  },
  PodTemplate: { template },
  ReplicationController: { spec: { replicas: 1, selector: { app: 'a' }, template } },
  Lease: { spec: { holderIdentity: 'h', leaseDurationSeconds: 40, leaseTransitions: 1 } },
  Service: {
    spec: {
      type: 'LoadBalancer',
      selector: { app: 'a' },
      ports: [{ name: 'http', port: 80, targetPort: 'http', nodePort: 30_001 }],
      clusterIP: '10.96.0.9',
      externalIPs: ['1.2.3.4', '2001:db8::1'],
      loadBalancerSourceRanges: ['10.0.0.0/8'],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 9 } },
      ipFamilies: ['IPv4'],
    },
    status: { loadBalancer: { ingress: [{ ip: '1.2.3.4', ports: [{ port: 80, protocol: 'TCP' }] }, { hostname: 'a.b' }] } },
  },
  Endpoints: { subsets: [{ addresses: [{ ip: '10.1.2.3', nodeName: 'n' }], ports: [{ port: 80 }] }] },
  EndpointSlice: {
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.2.3'], conditions: { ready: true }, hints: { forZones: [{ name: 'z' }] }, nodeName: 'n' }],
    ports: [{ name: 'http', port: 80 }],
  },
  ControllerRevision: { revision: 1, data: { spec: { template: { a: [1] } } } },
  Deployment: { spec: { ...workload, strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: '25%' } } } },
  ReplicaSet: { spec: workload },
  Role: { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods', 'pods/exec'], resourceNames: ['a'] }] },
  ClusterRole: {
    rules: [{ verbs: ['get'], nonResourceURLs: ['/metrics'] }],
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' }, matchExpressions: [{ key: 'k', operator: 'Exists' }] }] },
  },
  RoleBinding: { roleRef, subjects: [{ kind: 'ServiceAccount', name: 's', namespace: 'default' }] },
  ClusterRoleBinding: { roleRef, subjects: [{ kind: 'Group', name: 'g', apiGroup: 'rbac.authorization.k8s.io' }] },
  NodeOperation: { spec: { nodeName: 'n', action: 'RestartPod', pod: { namespace: 'default', name: 'p' }, ttlSeconds: 60 } },
};

const metadata = {
  name: 'a',
  namespace: 'default',
  labels: { app: 'a' },
  annotations: { note: 'x' },
  ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'o', uid: '1', controller: true }],
  finalizers: ['example.com/f'],
};

/** One that shows another kind's objects has one of its own there. */
const nameOf = ({ viewOf }: ResourceDefinition): string => (viewOf ? 'view' : 'a');

function exampleOf(definition: ResourceDefinition): KubeObject {
  const { namespace, ...rest } = metadata;
  const own = { ...(definition.namespaced ? metadata : rest), name: nameOf(definition) };
  const apiVersion = definition.group ? `${definition.group}/${definition.version}` : definition.version;
  const example = examples[`${definition.group}/${definition.kind}`] ?? examples[definition.kind];
  return clone({ apiVersion, kind: definition.kind, metadata: own, ...example }) as KubeObject;
}

/** Replaces, removes or repeats what lies somewhere in the object. */
function spoil(value: unknown, steps: readonly number[], replacement: unknown): unknown {
  const [step = 0, ...further] = steps;
  if (further.length === 0 || typeof value !== 'object' || value === null) return replacement;
  if (Array.isArray(value)) {
    if (value.length === 0) return [replacement];
    const at = step % value.length;
    if (step % 7 === 6) return [...value, value[at]];
    return value.map((item: unknown, index) => (index === at ? spoil(item, further, replacement) : item));
  }
  const keys = Object.keys(value);
  const key = keys[step % Math.max(1, keys.length)];
  if (key === undefined) return value;
  const { [key]: member, ...others } = value as Record<string, unknown>;
  return step % 11 === 10 ? others : { ...others, [key]: spoil(member, further, replacement) };
}

const strange = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.integer(),
  fc.constantFrom('', 'a/b', '-1', 0, -1, null, [], {}, true, '1Gi', '%', '..'),
  fc.jsonValue({ maxDepth: 2 }),
);
const spoiled = fc.array(fc.tuple(fc.array(fc.nat(50), { minLength: 2, maxLength: 9 }), strange), { minLength: 1, maxLength: 3 });

let fixture: RegistryFixture;
beforeAll(async () => {
  fixture = await registryFixture(definitions);
});
afterAll(() => fixture.close());

describe.each(definitions.map((definition) => [definition.kind, definition] as const))('%s', (_kind, definition) => {
  const registry = () => fixture.registry.resource(definition.group, definition.resource);
  const decode = (object: unknown): KubeObject =>
    decodeObject(JSON.stringify(object), { definition: definition.schema, gvk: definition, fieldValidation: 'Ignore' }).object;

  it('is answered or refused by status, whatever a client sends', async () => {
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(spoiled, async (changes) => {
        const object = changes.reduce((value: unknown, [steps, replacement]) => spoil(value, steps, replacement), exampleOf(definition));
        try {
          const decoded = decode(object);
          const created = await registry().create(fixture.ctx, 'default', decoded, { dryRun: true });
          const shown = definition.columns.map(({ value }) => value(created.object, 0));
          expect(shown).not.toContain(undefined);
          answered++;
        } catch (error) {
          if (!(error instanceof StatusError)) throw error;
        }
      }),
      { numRuns: 150, seed: 7 },
    );
    expect(answered).toBeGreaterThan(0);
  });

  it('stays as it is when it is read and written back', async () => {
    await registry().create(fixture.ctx, 'default', decode(exampleOf(definition)));
    const { object, revision } = registry().get(fixture.ctx, 'default', nameOf(definition));
    const again = await registry().update(fixture.ctx, 'default', nameOf(definition), () => decode(object));
    expect(again.object.revision).toBe(revision);
    expect(jsonEqual(again.object.object, object)).toBe(true);
    for (const { name, strategy } of definition.subresources ?? []) {
      if (!strategy || name === 'binding') continue;
      const same = await registry().update(fixture.ctx, 'default', nameOf(definition), () => decode(object), { subresource: name });
      expect(same.object.revision, name).toBe(revision);
    }
  });
});
