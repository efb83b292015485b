import { type Json, type Kept, topic } from '../exchange.ts';

type Tree = { readonly [key: string]: Json };

const pod = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    containers: [{ name: 'c', image: 'i' }],
    initContainers: [{ name: 'first', image: 'i' }],
    volumes: [{ name: 'v', emptyDir: {} }],
    ...more,
  },
});

/** The pod that is kept, with these ephemeral containers. */
const carrying =
  (word: string, containers: readonly object[], more: object = {}) =>
  (kept: Kept): object => {
    const object = kept[word] as Tree;
    return { ...object, spec: { ...(object['spec'] as Tree), ...more, ephemeralContainers: containers } };
  };

/** What an ephemeral container may or may not say. */
const single: Record<string, object> = {
  'the least': {},
  'what kubectl debug sends': { stdin: true, tty: true, targetContainerName: 'c', terminationMessagePolicy: 'File' },
  'everything that is allowed': {
    command: ['sh'],
    args: ['-c', 'true'],
    workingDir: '/tmp',
    env: [{ name: 'A', value: 'b' }],
    envFrom: [{ configMapRef: { name: 'm', optional: true } }],
    volumeMounts: [{ name: 'v', mountPath: '/v' }],
    terminationMessagePath: '/end',
    terminationMessagePolicy: 'FallbackToLogsOnError',
    imagePullPolicy: 'Never',
    securityContext: { capabilities: { add: ['SYS_PTRACE'] }, runAsUser: 1 },
    stdin: true,
    stdinOnce: true,
    tty: true,
    targetContainerName: 'c',
  },
  'no name': { name: '' },
  'a bad name': { name: 'Not a name' },
  'no image': { image: '' },
  'an image with spaces around it': { image: ' i ' },
  'the name of a container': { name: 'c' },
  'the name of an init container': { name: 'first' },
  'a target that is not there': { targetContainerName: 'none' },
  'an init container as its target': { targetContainerName: 'first' },
  'itself as its target': { targetContainerName: 'debugger' },
  'a port': { ports: [{ containerPort: 80 }] },
  resources: { resources: { limits: { cpu: '1' } } },
  requests: { resources: { requests: { memory: '1Mi' } } },
  'empty resources': { resources: {} },
  'a resize policy': { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }] },
  'a restart policy': { restartPolicy: 'Always' },
  'a liveness probe': { livenessProbe: { exec: { command: ['true'] } } },
  'a readiness probe': { readinessProbe: { exec: { command: ['true'] } } },
  'a startup probe': { startupProbe: { exec: { command: ['true'] } } },
  'a lifecycle': { lifecycle: { preStop: { exec: { command: ['true'] } } } },
  'all that is forbidden': {
    ports: [{ containerPort: 80 }],
    resources: { limits: { cpu: '1' } },
    livenessProbe: { exec: { command: ['true'] } },
    lifecycle: { postStart: { exec: { command: ['true'] } } },
  },
  'a volume that is not there': { volumeMounts: [{ name: 'none', mountPath: '/v' }] },
  'a mount of a part of a volume': { volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'a' }] },
  'a mount of a part of a volume with variables': { volumeMounts: [{ name: 'v', mountPath: '/v', subPathExpr: '$(A)' }] },
  'a device': { volumeDevices: [{ name: 'v', devicePath: '/dev/v' }] },
  'a bad pull policy': { imagePullPolicy: 'Sometimes' },
  'a bad variable': { env: [{ name: '', value: 'x' }] },
  'a bad capability of security': { securityContext: { privileged: true, allowPrivilegeEscalation: false } },
};

export const ephemeralContainers = topic('ephemeral', (t) => {
  const all = t.path('pods');
  const of = (name: string, more = ''): string => t.path('pods', `${name}/ephemeralcontainers`) + more;
  const dry = '?dryRun=All';
  const debugger1 = (more: object = {}) => ({ name: 'debugger', image: 'busybox', ...more });

  t.post('create with one', all, pod('bad', { ephemeralContainers: [debugger1()] }));
  t.post('create', all, pod('p'), { keep: { pod: '' } });
  t.get('get: none yet', of('p'));
  t.get('get: of no pod', of('none'));
  for (const [name, more] of Object.entries(single)) t.put(`one: ${name}`, of('p', dry), carrying('pod', [debugger1(more)]));
  t.put('two of one name', of('p', dry), carrying('pod', [debugger1(), debugger1()]));
  t.put(
    'two that look at each other',
    of('p', dry),
    carrying('pod', [debugger1(), debugger1({ name: 'other', targetContainerName: 'debugger' })]),
  );
  t.put('with another image of a container', of('p', dry), carrying('pod', [debugger1()], { containers: [{ name: 'c', image: 'new' }] }));
  t.put('with a label', of('p', dry), (kept) => {
    const tree = carrying('pod', [debugger1()])(kept) as { metadata: object };
    return { ...tree, metadata: { ...tree.metadata, labels: { a: 'b' } } };
  });
  t.put('through the pod itself', t.path('pods', 'p') + dry, carrying('pod', [debugger1()]));
  t.put('under another name', of('p', dry), { ...pod('q') });
  t.put('of no pod', of('none'), pod('none', { ephemeralContainers: [debugger1()] }));
  t.put('with an old revision', of('p', dry), (kept) => {
    const tree = carrying('pod', [debugger1()])(kept) as { metadata: object };
    return { ...tree, metadata: { ...tree.metadata, resourceVersion: '1' } };
  });
  t.put('only itself', of('p', dry), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { ephemeralContainers: [debugger1()] },
  });
  t.put('of another kind', of('p', dry), {
    apiVersion: 'v1',
    kind: 'EphemeralContainers',
    metadata: { name: 'p' },
    ephemeralContainers: [],
  });
  t.post('create is no verb of it', of('p'), pod('p'));
  t.delete('delete is no verb of it', of('p'));

  // As kubectl debug does it.
  const path = '/spec/ephemeralContainers';
  t.patch(
    'strategic: the first',
    of('p'),
    'strategic',
    { spec: { ephemeralContainers: [debugger1({ stdin: true, targetContainerName: 'c' })] } },
    {
      keep: { first: '' },
    },
  );
  t.get('get: one', of('p'));
  t.get('the pod has it', t.path('pods', 'p'));
  t.get('pods as a table', all, { headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' } });
  t.patch('strategic: the same again', of('p'), 'strategic', {
    spec: { ephemeralContainers: [debugger1({ stdin: true, targetContainerName: 'c' })] },
  });
  t.patch('strategic: another image', of('p'), 'strategic', { spec: { ephemeralContainers: [debugger1({ image: 'other' })] } });
  t.patch('strategic: another command', of('p'), 'strategic', { spec: { ephemeralContainers: [debugger1({ command: ['x'] })] } });
  t.patch('strategic: take it away', of('p'), 'strategic', { spec: { ephemeralContainers: [{ name: 'debugger', $patch: 'delete' }] } });
  t.patch('merge: an empty list', of('p'), 'merge', { spec: { ephemeralContainers: [] } });
  t.patch('merge: another in its place', of('p'), 'merge', { spec: { ephemeralContainers: [debugger1({ name: 'other' })] } });
  t.patch('json: take it away', of('p'), 'json', [{ op: 'remove', path: `${path}/0` }]);
  t.patch('json: one more', of('p'), 'json', [{ op: 'add', path: `${path}/-`, value: debugger1({ name: 'second' }) }], {
    keep: { second: '' },
  });
  t.patch('json: its name again', of('p'), 'json', [{ op: 'add', path: `${path}/-`, value: debugger1({ name: 'second' }) }]);
  t.put('in another order', of('p', dry), (kept) => {
    const { spec } = kept['second'] as { spec: { ephemeralContainers: readonly object[] } };
    return carrying('second', [...spec.ephemeralContainers].reverse())(kept);
  });
  t.put('the third by put', of('p'), (kept) => {
    const { spec } = kept['second'] as { spec: { ephemeralContainers: readonly object[] } };
    return carrying('second', [...spec.ephemeralContainers, debugger1({ name: 'third' })])(kept);
  });
  t.patch('merge: the pod keeps them', t.path('pods', 'p'), 'merge', { metadata: { labels: { a: 'b' } } });
  t.patch('merge: through the pod they stay', t.path('pods', 'p'), 'merge', { spec: { ephemeralContainers: null } });
  t.patch('apply: one more', of('p', '?fieldManager=someone'), 'apply', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { ephemeralContainers: [debugger1({ name: 'applied' })] },
  });
  t.patch('status of them', t.path('pods', 'p/status'), 'strategic', {
    status: {
      ephemeralContainerStatuses: [
        {
          name: 'debugger',
          image: 'i',
          imageID: 'x',
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode: 1, startedAt: '2001-01-01T00:00:00Z', finishedAt: '2001-01-01T00:00:01Z' } },
        },
      ],
    },
  });
  t.patch('status: it runs again', t.path('pods', 'p/status'), 'strategic', {
    status: {
      ephemeralContainerStatuses: [{ name: 'debugger', state: { terminated: null, running: { startedAt: '2001-01-01T00:00:02Z' } } }],
    },
  });
  t.post(
    'a mirror pod',
    all,
    {
      ...pod('mirror', { nodeName: 'n' }),
      metadata: { name: 'mirror', annotations: { 'kubernetes.io/config.mirror': 'x' } },
    },
    { keep: { mirror: '' } },
  );
  t.patch('of a mirror pod', of('mirror'), 'strategic', { spec: { ephemeralContainers: [debugger1()] } });
});
