import type { Binding, Node, Pod } from '@flotilla/shared/api/generated/types.js';
import type { StatusError } from '@flotilla/shared/errors/status.js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type RegistryFixture, registryFixture } from '#registry/generic/registry-fixture.ts';
import type { ResourceRegistry } from '#registry/generic/types.ts';
import { nodes } from './node.ts';
import { pods } from './pod.ts';

let fixture: RegistryFixture;
let registry: ResourceRegistry<Pod>;

beforeEach(async () => {
  fixture = await registryFixture([pods, nodes]);
  registry = fixture.registry.resource<Pod>('', 'pods');
});
afterEach(() => fixture.close());

const pod = (spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name: 'a' },
  spec: { containers: [{ name: 'c', image: 'x:1' }], ...spec },
});

async function refusal(promise: Promise<unknown>): Promise<StatusError> {
  return promise.then(
    () => expect.fail('it should have been refused'),
    (error: StatusError) => error,
  );
}

const binding = (node: string, metadata: Binding['metadata'] = {}): Binding => ({ metadata, target: { kind: 'Node', name: node } });

function bind(view: Binding) {
  const apply = pods.subresources?.find(({ name }) => name === 'binding')?.apply;
  return registry.update(fixture.ctx, 'default', 'a', (current) => apply?.(current, view) ?? current, { subresource: 'binding' });
}

it('gives a new pod its status, generation and class, whatever the client sent', async () => {
  const { object } = await registry.create(fixture.ctx, 'default', { ...pod(), status: { phase: 'Running', podIP: '1.2.3.4' } });
  expect(object.status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' });
  expect(object.metadata?.generation).toBe(1);
  const { object: same } = await registry.update(fixture.ctx, 'default', 'a', (old) => ({ ...old, status: { phase: 'Failed' } }));
  expect(same.object.status?.phase).toBe('Pending');
});

it('names the fields of a new pod in managedFields, without its status', async () => {
  const { object } = await registry.create(fixture.ctx, 'default', pod(), { fieldManager: 'me' });
  const [entry, ...others] = object.metadata?.managedFields ?? [];
  expect(others).toEqual([]);
  expect(entry).toMatchObject({ manager: 'me', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1' });
  expect(Object.keys(entry?.fieldsV1 ?? {})).toEqual(['f:spec']);
});

it('binds a pod once, and not while it is being deleted', async () => {
  await registry.create(fixture.ctx, 'default', pod());
  const { object } = await bind(binding('n', { annotations: { a: 'b' } }));
  expect(object.object).toMatchObject({
    spec: { nodeName: 'n' },
    metadata: { annotations: { a: 'b' } },
    status: { conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
  });
  expect(await refusal(bind(binding('m')))).toMatchObject({
    code: 409,
    message: 'Operation cannot be fulfilled on pods/binding "a": pod a is already assigned to node "n"',
  });
  expect((await refusal(bind(binding('')))).message).toBe('target.name: Required value');
  expect((await refusal(bind(binding('m', { uid: 'x' })))).message).toContain('Precondition failed: UID in precondition: x');
});

it('lets the status subresource change the status, keeping class and owners', async () => {
  await registry.create(fixture.ctx, 'default', pod({ restartPolicy: 'Never' }));
  const write = (status: Pod['status']) =>
    registry.update(fixture.ctx, 'default', 'a', (old) => ({ ...old, spec: { containers: [] }, ...(status ? { status } : {}) }), {
      subresource: 'status',
    });
  const ended = { name: 'c', image: 'x', imageID: '', ready: false, restartCount: 0, state: { terminated: { exitCode: 0 } } };
  const { object } = await write({ phase: 'Running', podIP: '10.0.0.1', containerStatuses: [ended] });
  expect(object.object).toMatchObject({
    spec: { containers: [{ name: 'c' }] },
    status: { phase: 'Running', qosClass: 'BestEffort', podIPs: [{ ip: '10.0.0.1' }] },
  });
  const restarted = { ...ended, state: { running: {} } };
  expect((await refusal(write({ phase: 'Running', containerStatuses: [restarted] }))).message).toContain(
    'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
  );
  expect((await refusal(write({ qosClass: 'Guaranteed' }))).message).toContain(
    'status.qosClass: Invalid value: "Guaranteed": field is immutable',
  );
  expect((await refusal(write({ podIP: '1.2.3' }))).message).toContain(
    'status.podIPs[0]: Invalid value: "1.2.3": must be a valid IP address',
  );
});

it('removes a pod that nobody runs at once, and waits for the board otherwise', async () => {
  await registry.create(fixture.ctx, 'default', pod());
  expect(await registry.delete(fixture.ctx, 'default', 'a')).toMatchObject({ deleted: true });

  await registry.create(fixture.ctx, 'default', pod());
  await bind(binding('n'));
  const first = await registry.delete(fixture.ctx, 'default', 'a');
  expect(first).toMatchObject({ deleted: false });
  expect(first.object.object.metadata).toMatchObject({
    deletionTimestamp: '2026-01-01T00:00:30Z',
    deletionGracePeriodSeconds: 30,
    generation: 2,
  });

  const again = await registry.delete(fixture.ctx, 'default', 'a', { gracePeriodSeconds: 60 });
  expect(again.object).toBe(first.object);
  const shorter = await registry.delete(fixture.ctx, 'default', 'a', { gracePeriodSeconds: 5 });
  expect(shorter.object.object.metadata).toMatchObject({ deletionTimestamp: '2026-01-01T00:00:05Z', deletionGracePeriodSeconds: 5 });

  expect(await registry.delete(fixture.ctx, 'default', 'a', { gracePeriodSeconds: 0 })).toMatchObject({ deleted: true });
  expect(() => registry.get(fixture.ctx, 'default', 'a')).toThrow('not found');
});

it('removes an ended pod at once', async () => {
  await registry.create(fixture.ctx, 'default', pod());
  await bind(binding('n'));
  await registry.update(fixture.ctx, 'default', 'a', (old) => ({ ...old, status: { ...old.status, phase: 'Succeeded' } }), {
    subresource: 'status',
  });
  expect(await registry.delete(fixture.ctx, 'default', 'a')).toMatchObject({ deleted: true });
});

it('keeps a graceful deletion waiting for finalizers', async () => {
  await registry.create(fixture.ctx, 'default', { ...pod(), metadata: { name: 'a', finalizers: ['example.com/f'] } });
  await bind(binding('n'));
  await registry.delete(fixture.ctx, 'default', 'a');
  const { deleted, object } = await registry.delete(fixture.ctx, 'default', 'a', { gracePeriodSeconds: 0 });
  expect([deleted, object.object.metadata?.deletionGracePeriodSeconds]).toEqual([false, 0]);
  await registry.update(fixture.ctx, 'default', 'a', (old) => ({ ...old, metadata: { ...old.metadata, finalizers: [] } }));
  expect(() => registry.get(fixture.ctx, 'default', 'a')).toThrow('not found');
});

it('is found by node, phase and address, and by no other field', async () => {
  await registry.create(fixture.ctx, 'default', pod({ nodeName: 'n' }));
  await registry.create(fixture.ctx, 'default', { ...pod(), metadata: { name: 'b' } });
  const names = async (fieldSelector: string) =>
    (await registry.list(fixture.ctx, '', { fieldSelector })).items.map(({ object }) => object.metadata?.name);
  expect(await names('spec.nodeName=n')).toEqual(['a']);
  expect(await names('spec.nodeName=,status.phase=Pending')).toEqual(['b']);
  expect(await names('metadata.name!=a')).toEqual(['b']);
  expect((await refusal(names('spec.image=x'))).message).toBe('field label not supported: spec.image');
});

it('warns of a name that makes no host name', async () => {
  await registry.create(fixture.ctx, 'default', { ...pod(), metadata: { name: 'a.b' } });
  expect(fixture.warnings).toEqual([
    "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
  ]);
});

const node = (more: Partial<Node> = {}): Node => ({ metadata: { name: 'n' }, ...more });

it('holds the rules of nodes', async () => {
  const all = fixture.registry.resource<Node>('', 'nodes');
  const { object } = await all.create(fixture.ctx, '', node({ spec: { podCIDR: '10.0.0.0/26' }, status: { capacity: { cpu: '4' } } }));
  expect(object).toMatchObject({ spec: { podCIDRs: ['10.0.0.0/26'] }, status: { allocatable: { cpu: '4' } } });
  const change = (update: (old: Node) => Node, subresource?: string) =>
    all.update(fixture.ctx, '', 'n', update, subresource ? { subresource } : {});
  expect((await refusal(change((old) => ({ ...old, spec: { podCIDR: '10.1.0.0/26' } })))).message).toContain(
    'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
  );
  const taint = { key: 'k', effect: 'NoSchedule' };
  expect((await refusal(change((old) => ({ ...old, spec: { ...old.spec, taints: [taint, taint] } })))).message).toContain(
    'metadata.taints[1]: Duplicate value: {"key":"k","effect":"NoSchedule"}: taints must be unique by key and effect pair',
  );
  expect((await refusal(change((old) => ({ ...old, status: { capacity: { cpu: '-1' } } }), 'status'))).message).toContain(
    'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
  );
  expect((await refusal(all.create(fixture.ctx, '', node({ metadata: { name: 'm' }, spec: { podCIDRs: ['x'] } })))).message).toContain(
    'spec.podCIDRs[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  );
  const { object: tainted } = await change((old) => ({ ...old, spec: { ...old.spec, unschedulable: true, taints: [taint] } }));
  expect((await all.list(fixture.ctx, '', { fieldSelector: 'spec.unschedulable=true' })).items).toEqual([tainted]);
});

it('shows nodes as kubectl does', () => {
  const show = (given: Node) => nodes.columns.map(({ value }) => value(given, Date.parse('2026-01-01T00:01:00Z')));
  expect(nodes.columns.filter(({ priority = 0 }) => priority === 0).map(({ name }) => name)).toEqual([
    'Name',
    'Status',
    'Roles',
    'Age',
    'Version',
  ]);
  const ready = { type: 'Ready', status: 'True' };
  const labels = { 'node-role.kubernetes.io/edge': '', 'kubernetes.io/role': 'gateway' };
  const metadata = { name: 'n', labels, creationTimestamp: '2026-01-01T00:00:00Z' };
  expect(
    show({
      metadata,
      spec: { unschedulable: true },
      status: { conditions: [ready], addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] },
    }),
  ).toEqual(['n', 'Ready,SchedulingDisabled', 'edge,gateway', '60s', '', '10.0.0.1', '<none>', '<unknown>', '<unknown>', '<unknown>']);
  expect(show({ metadata: { name: 'n' }, status: { conditions: [{ ...ready, status: 'Unknown' }] } }).slice(1, 3)).toEqual([
    'NotReady',
    '<none>',
  ]);
  expect(show({ metadata: { name: 'n' } })[1]).toBe('Unknown');
});
