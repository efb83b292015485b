import { encodeProtobuf } from '@flotilla/hub/apiserver/protobuf/encode-protobuf.js';
import { type Cases, topic } from '../exchange.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';
const headers = { 'content-type': protobuf };
const read = { accept: protobuf };

type Tree = Readonly<Record<string, unknown>> & { readonly apiVersion: string; readonly kind: string };

function encoded(object: Tree): Buffer {
  const bytes = encodeProtobuf(object);
  if (!bytes) throw new Error(`${object.kind} has no fields in the table`);
  return bytes;
}

/** A field of wire type 2. */
function part(number: number, ...content: readonly (string | Uint8Array)[]): Buffer {
  const bytes = Buffer.concat(content.map((one) => Buffer.from(one as string)));
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

const integer = (number: number, ...bytes: readonly number[]): Buffer => Buffer.from([number << 3, ...bytes]);

function envelope(apiVersion: string, kind: string, raw: readonly Uint8Array[], ...more: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from('k8s\0'), part(1, part(1, apiVersion), part(2, kind)), part(2, ...raw), ...more]);
}

const named = (name: string): Buffer => part(1, part(1, name));
const entry = (key: string, value: string | Uint8Array): Buffer => Buffer.concat([part(1, key), part(2, value)]);

const template = {
  metadata: { labels: { app: 'x' } },
  spec: {
    containers: [
      {
        name: 'c',
        image: 'i:1',
        command: ['sh', '-c'],
        env: [
          { name: 'A', value: 'b' },
          { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        ],
        envFrom: [{ configMapRef: { name: 'm', optional: false } }],
        ports: [{ name: 'http', containerPort: 8080 }],
        resources: { limits: { cpu: '1500m', memory: '1Gi' }, requests: { cpu: '0.5' } },
        livenessProbe: { httpGet: { path: '/', port: 'http' }, initialDelaySeconds: 3 },
        readinessProbe: { tcpSocket: { port: 8080 } },
        securityContext: { runAsUser: 0, runAsNonRoot: false, capabilities: { drop: ['ALL'] } },
        volumeMounts: [{ name: 'v', mountPath: '/v', readOnly: true }],
      },
    ],
    volumes: [
      { name: 'v', projected: { sources: [{ configMap: { name: 'm', items: [{ key: 'k', path: 'p', mode: 256 }] } }] } },
      { name: 'e', emptyDir: { sizeLimit: '1Mi' } },
      { name: 's', secret: { secretName: 's', optional: true } },
    ],
    tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 0 }],
    terminationGracePeriodSeconds: 0,
    nodeSelector: { a: 'b' },
  },
};

const meta = (name: string) => ({
  name,
  labels: { app: 'x', empty: '' },
  annotations: { note: 'Größe ☃ 𝕏' },
  finalizers: ['example.com/held'],
  ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'o', uid: 'u', controller: false }],
});
const workload = {
  replicas: 0,
  selector: { matchLabels: { app: 'x' } },
  template: { ...template, spec: { ...template.spec, volumes: template.spec.volumes } },
};

const objects: readonly [string, string, Tree][] = [
  [
    'configmaps',
    '',
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta('c'), data: { a: 'b', c: '' }, binaryData: { d: '/wA=' }, immutable: false },
  ],
  [
    'secrets',
    '',
    { apiVersion: 'v1', kind: 'Secret', metadata: meta('s'), data: { a: 'AAEC' }, stringData: { b: 'c' }, type: 'example.com/x' },
  ],
  [
    'serviceaccounts',
    '',
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: meta('a'),
      imagePullSecrets: [{ name: 'p' }],
      automountServiceAccountToken: false,
    },
  ],
  ['pods', '', { apiVersion: 'v1', kind: 'Pod', metadata: meta('p'), spec: template.spec }],
  [
    'events',
    '',
    {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', namespace: 'conf-protobuf', name: 'p' },
      reason: 'R',
      message: 'm',
      type: 'Normal',
      count: 3,
      firstTimestamp: '2026-01-02T03:04:05Z',
      lastTimestamp: '2026-01-02T03:04:05Z',
      eventTime: '2026-01-02T03:04:05.000006Z',
      reportingComponent: 'example.com/x',
      reportingInstance: 'i',
      action: 'A',
    },
  ],
  [
    'leases',
    'coordination.k8s.io/v1',
    {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: meta('l'),
      spec: {
        holderIdentity: 'h',
        leaseDurationSeconds: 15,
        acquireTime: '1969-12-31T23:59:59.999999Z',
        renewTime: '2026-01-02T03:04:05.600000Z',
        leaseTransitions: 0,
      },
    },
  ],
  [
    'deployments',
    'apps/v1',
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: meta('d'),
      spec: {
        ...workload,
        paused: true,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 } },
        revisionHistoryLimit: 0,
      },
    },
  ],
  ['replicasets', 'apps/v1', { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: meta('r'), spec: { ...workload, minReadySeconds: 5 } }],
];

function malformed(t: Cases, url: string): void {
  const bodies: Record<string, Uint8Array | string> = {
    nothing: '',
    JSON: '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x"}}',
    'the beginning of the magic': 'k8s',
    'the magic only': 'k8s\0',
    'an envelope that ends early': Buffer.from([0x6b, 0x38, 0x73, 0, 0x0a, 0x7f, 1]),
    'an empty envelope': envelope('', '', []),
    'no kind': envelope('v1', '', [named('no-kind')]),
    'no version': envelope('', 'ConfigMap', [named('no-version')]),
    'an unknown kind': envelope('v1', 'Nothing', [named('x')]),
    'an unknown version': envelope('v7', 'ConfigMap', [named('x')]),
    'a version with slashes': envelope('a/b/c', 'ConfigMap', [named('x')]),
    'another kind': encoded({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } }),
    'a list': envelope('v1', 'ConfigMapList', []),
    'a message that ends early': envelope('v1', 'ConfigMap', [Buffer.from([0x0a, 0x7f, 1])]),
    'a length that is cut': envelope('v1', 'ConfigMap', [Buffer.from([0x0a, 0xff])]),
    'a negative length': envelope('v1', 'ConfigMap', [Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1])]),
    'an integer of eleven bytes': envelope('v1', 'ConfigMap', [Buffer.from([0x20, ...Array(11).fill(0xff)])]),
    'a wrong wire type': envelope('v1', 'ConfigMap', [integer(1, 5)]),
    'a wrong wire type deep inside': envelope('v1', 'ConfigMap', [part(1, integer(11, 5))]),
    'an entry with a wrong wire type': envelope('v1', 'ConfigMap', [named('entry'), part(2, integer(1, 5))]),
    'a field of number zero': envelope('v1', 'ConfigMap', [Buffer.from([0x02, 0])]),
    'the end of no group': envelope('v1', 'ConfigMap', [Buffer.from([0x0c])]),
    'a group that does not end': envelope('v1', 'ConfigMap', [Buffer.from([0xf3, 0x01])]),
    'a wire type that does not exist': envelope('v1', 'ConfigMap', [Buffer.from([0xf7, 0x01])]),
  };
  for (const [name, body] of Object.entries(bodies)) t.post(`malformed: ${name}`, url, body, { headers });
  t.post('a version of another group', t.path('deployments', '', 'apps/v1'), envelope('extensions/v1beta1', 'Deployment', [named('x')]), {
    headers,
  });
}

function peculiar(t: Cases, url: string): void {
  const bodies: Record<string, Uint8Array> = {
    'an unknown field': envelope('v1', 'ConfigMap', [named('unknown-field'), part(15, 'x')]),
    'a group that is not known': envelope('v1', 'ConfigMap', [named('group'), Buffer.from([0xf3, 0x01, 0x08, 1, 0xf4, 0x01])]),
    'an encoding that is named': envelope('v1', 'ConfigMap', [named('encoding')], part(3, 'gzip')),
    'a content type that is named': envelope('v1', 'ConfigMap', [named('content-type')], part(4, 'application/json')),
    'metadata in two parts': envelope('v1', 'ConfigMap', [named('parts'), part(1, part(11, entry('a', 'b')))]),
    'a name said twice': envelope('v1', 'ConfigMap', [named('first'), named('second')]),
    'a key said twice': envelope('v1', 'ConfigMap', [named('key-twice'), part(2, entry('k', '1')), part(2, entry('k', '2'))]),
    'an entry without a value': envelope('v1', 'ConfigMap', [named('no-value'), part(2, part(1, 'k'))]),
    'an entry without a key': envelope('v1', 'ConfigMap', [named('no-key'), part(2, part(2, 'v'))]),
    'a boolean above one': envelope('v1', 'ConfigMap', [named('boolean'), integer(4, 2)]),
    'the kind in front of a message that is empty': envelope('v1', 'ConfigMap', []),
    'a text that is not UTF-8': envelope('v1', 'ConfigMap', [
      named('not-utf-8'),
      part(2, part(1, 'k'), part(2, Buffer.from([0x61, 0xff]))),
    ]),
  };
  for (const [name, body] of Object.entries(bodies)) t.post(`peculiar: ${name}`, url, body, { headers });
  const strict = { headers };
  t.post('an unknown field, validated strictly', `${url}?fieldValidation=Strict`, bodies['an unknown field'] as Uint8Array, strict);
  const lease = (name: string, ...spec: Uint8Array[]): Buffer =>
    envelope('coordination.k8s.io/v1', 'Lease', [named(name), part(2, ...spec)]);
  const leases = t.path('leases', '', 'coordination.k8s.io/v1');
  const ten = (last: number): number[] => [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, last];
  t.post('a negative integer', leases, lease('negative', integer(2, ...ten(1))), { headers });
  t.post('an integer of more than 32 bits', leases, lease('wide', integer(2, 0x85, 0x80, 0x80, 0x80, 0x10)), { headers });
  t.post('a zero behind a pointer', leases, lease('zero', integer(5, 0)), { headers });
  t.post('a time with nanoseconds', leases, lease('nanoseconds', part(4, integer(1, 1), Buffer.from([0x10, 0x81, 0x8c, 0x1c]))), {
    headers,
  });
  const pods = t.path('pods');
  const pod = (name: string, container: Uint8Array): Buffer =>
    envelope('v1', 'Pod', [named(name), part(2, part(2, part(1, 'c'), part(2, 'i'), container))]);
  const limits = (quantity: Uint8Array): Buffer => part(8, part(1, part(1, 'cpu'), part(2, quantity)));
  t.post('a quantity that is none', pods, pod('quantity', limits(part(1, 'lots'))), { headers });
  t.post('an empty quantity', pods, pod('no-quantity', limits(Buffer.alloc(0))), { headers });
  t.post('a quantity in another form', pods, pod('half', limits(part(1, '0.5'))), { headers });
}

export const protobufBodies = topic('protobuf', (t) => {
  for (const [resource, group, object] of objects) {
    const body = encoded(object);
    const name = (object['metadata'] as { name: string }).name;
    t.post(`${object.kind}: tried`, `${t.path(resource, '', group)}?dryRun=All`, body, { headers });
    t.post(`${object.kind}: created`, t.path(resource, '', group), body, {
      headers,
      keep: { [`${name}Revision`]: '/metadata/resourceVersion' },
    });
    t.post(`${object.kind}: again`, t.path(resource, '', group), body, { headers });
    t.get(`${object.kind}: in protobuf`, t.path(resource, name, group), { headers: read });
    t.put(
      `${object.kind}: replaced`,
      t.path(resource, name, group),
      encoded({ ...object, metadata: { ...meta(name), labels: { app: 'y' } } }),
      { headers },
    );
  }
  const all = t.path('configmaps');
  malformed(t, all);
  peculiar(t, all);
  t.get('a list in protobuf', `${all}?labelSelector=app`, { headers: read });
  t.get('an empty list in protobuf', `${all}?labelSelector=nothing`, { headers: read });
  t.get('what is not there, in protobuf', `${all}/none`, { headers: read });
  t.get('metadata in protobuf', t.path('pods', 'p'), { headers: { accept: `${protobuf};as=PartialObjectMetadata;g=meta.k8s.io;v=v1` } });
  t.get('metadata of a list in protobuf', `${all}?labelSelector=app`, {
    headers: { accept: `${protobuf};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1` },
  });
  t.get('a Table in protobuf', all, { headers: { accept: `${protobuf};as=Table;g=meta.k8s.io;v=v1` } });
  t.get('no such path, in protobuf', '/api/v1/nothing', { headers: read });
  t.post('a body of a form nobody reads', all, 'x', { headers: { 'content-type': 'application/cbor-seq' } });
  t.add({
    name: 'a patch in protobuf',
    method: 'PATCH',
    path: `${all}/c`,
    body: encoded({ apiVersion: 'v1', kind: 'ConfigMap' }),
    headers,
  });

  const scale: Tree = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'd' }, spec: { replicas: 2 } };
  t.put('Scale', t.path('deployments', 'd/scale', 'apps/v1'), encoded(scale), { headers });
  t.get('Scale in protobuf', t.path('deployments', 'd/scale', 'apps/v1'), { headers: read });
  const status: Tree = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta('p'),
    status: { phase: 'Running', podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
  };
  t.put('status', t.path('pods', 'p/status'), encoded(status), { headers });
  const binding: Tree = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } };
  t.post('Binding', t.path('pods', 'p/binding'), encoded(binding), { headers });
  const eviction: Tree = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p' }, deleteOptions: { gracePeriodSeconds: 0 } };
  t.post('Eviction', `${t.path('pods', 'p/eviction')}?dryRun=All`, encoded(eviction), { headers });
  const access: Tree = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
  };
  t.post('SelfSubjectAccessReview', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', encoded(access), { headers });
  const tokenReview: Tree = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: 'x' } };
  t.post('TokenReview, answered in protobuf', '/apis/authentication.k8s.io/v1/tokenreviews', encoded(tokenReview), {
    headers: { ...headers, ...read },
  });
  const short: Tree = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['a'], expirationSeconds: 5 } };
  t.post('TokenRequest of too short a time', t.path('serviceaccounts', 'default/token'), encoded(short), { headers });

  const options = (fields: object, apiVersion = 'v1'): Buffer => encoded({ apiVersion, kind: 'DeleteOptions', ...fields });
  t.delete('DeleteOptions with another uid', `${all}/c`, options({ preconditions: { uid: 'other' } }), { headers });
  t.delete('DeleteOptions with a bad policy', `${all}/c`, options({ propagationPolicy: 'x' }), { headers });
  t.delete('DeleteOptions that are malformed', `${all}/c`, envelope('v1', 'DeleteOptions', [integer(3, 0xff)]), { headers });
  t.delete('DeleteOptions that are another kind', `${all}/c`, encoded({ apiVersion: 'v1', kind: 'ConfigMap' }), { headers });
  t.delete(
    'DeleteOptions of a group',
    t.path('leases', 'zero', 'coordination.k8s.io/v1'),
    options({ gracePeriodSeconds: 0 }, 'coordination.k8s.io/v1'),
    { headers },
  );
  t.delete('a deletion answered in protobuf', t.path('leases', 'negative', 'coordination.k8s.io/v1'), options({ dryRun: ['All'] }), {
    headers: { ...headers, ...read },
  });
});
