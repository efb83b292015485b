import type { NodeOperation } from '@flotilla/shared/api/fleet/node-operation.js';
import type { Lease, Namespace, Node, Pod, ServiceAccount } from '@flotilla/shared/api/generated/types.js';
import type { StatusError } from '@flotilla/shared/errors/status.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RegistryFixture } from '#registry/generic/registry-fixture.ts';
import type { RequestContext, ResourceRegistry } from '#registry/generic/types.ts';
import { admissionFixture } from '../../../test/harness/admission-fixture.ts';

let fixture: RegistryFixture;
let pods: ResourceRegistry<Pod>;

beforeEach(async () => {
  fixture = await admissionFixture();
  pods = fixture.registry.resource<Pod>('', 'pods');
  await accounts().create(fixture.ctx, 'default', { metadata: { name: 'default' } });
});
afterEach(() => fixture.close());

const accounts = () => fixture.registry.resource<ServiceAccount>('', 'serviceaccounts');
const namespaces = () => fixture.registry.resource<Namespace>('', 'namespaces');
const nodes = () => fixture.registry.resource<Node>('', 'nodes');
const pod = (spec: Partial<Pod['spec']> = {}, metadata: Pod['metadata'] = {}): Pod => ({
  metadata: { name: 'a', ...metadata },
  spec: { containers: [{ name: 'c', image: 'x:1' }], ...spec },
});
const board = (name: string): RequestContext => ({
  user: { name: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] },
  warn: () => {},
});

async function refusal(promise: Promise<unknown>): Promise<StatusError> {
  return promise.then(
    () => expect.fail('it should have been refused'),
    (error: StatusError) => error,
  );
}

describe('NamespaceLifecycle', () => {
  it('has the four namespaces of every cluster, twice over', async () => {
    const { items } = await namespaces().list(fixture.ctx, '');
    expect(items.map(({ object }) => object.metadata?.name)).toEqual(['default', 'kube-node-lease', 'kube-public', 'kube-system']);
  });

  it('makes nothing in a namespace that is not there', async () => {
    const error = await refusal(accounts().create(fixture.ctx, 'nowhere', { metadata: { name: 'x' } }));
    expect(error).toMatchObject({ code: 404, message: 'namespaces "nowhere" not found' });
    expect(await refusal(pods.create(fixture.ctx, 'nowhere', pod()))).toMatchObject({
      code: 404,
      message: 'namespaces "nowhere" not found',
    });
  });

  it('makes nothing in a namespace that goes, but changes and deletes there', async () => {
    await namespaces().create(fixture.ctx, '', { metadata: { name: 'going' } });
    await accounts().create(fixture.ctx, 'going', { metadata: { name: 'x' } });
    await namespaces().delete(fixture.ctx, '', 'going');
    const error = await refusal(accounts().create(fixture.ctx, 'going', { metadata: { name: 'y' } }));
    expect(error).toMatchObject({
      code: 403,
      message: 'serviceaccounts "y" is forbidden: unable to create new content in namespace going because it is being terminated',
      details: {
        causes: [{ reason: 'NamespaceTerminating', message: 'namespace going is being terminated', field: 'metadata.namespace' }],
      },
    });
    await accounts().update(fixture.ctx, 'going', 'x', (old) => ({ ...old, automountServiceAccountToken: false }));
    await accounts().delete(fixture.ctx, 'going', 'x');
  });

  it('keeps the namespaces everything leans on', async () => {
    const error = await refusal(namespaces().delete(fixture.ctx, '', 'kube-system'));
    expect(error).toMatchObject({ code: 403, message: 'namespaces "kube-system" is forbidden: this namespace may not be deleted' });
  });
});

describe('ServiceAccount', () => {
  it('gives a pod the default account and its token where clients look for it', async () => {
    const { object } = await pods.create(fixture.ctx, 'default', pod({ initContainers: [{ name: 'i', image: 'x:1' }] }));
    const [volume] = object.spec?.volumes ?? [];
    expect(volume?.name).toMatch(/^kube-api-access-[a-z0-9]{5}$/);
    expect(volume?.projected).toEqual({
      defaultMode: 420,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
    });
    const mount = { name: volume?.name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };
    expect(object.spec).toMatchObject({ serviceAccountName: 'default', serviceAccount: 'default' });
    for (const container of [...(object.spec?.containers ?? []), ...(object.spec?.initContainers ?? [])])
      expect(container.volumeMounts).toEqual([mount]);
  });

  it('mounts no token where pod or account decline, and the pod has the last word', async () => {
    const volumes = async (name: string, more: Partial<Pod['spec']>) =>
      (await pods.create(fixture.ctx, 'default', pod(more, { name }))).object.spec?.volumes;
    expect(await volumes('a', { automountServiceAccountToken: false })).toBeUndefined();
    await accounts().create(fixture.ctx, 'default', { metadata: { name: 'shy' }, automountServiceAccountToken: false });
    expect(await volumes('b', { serviceAccountName: 'shy' })).toBeUndefined();
    expect(await volumes('c', { serviceAccountName: 'shy', automountServiceAccountToken: true })).toHaveLength(1);
    const own = { name: 'v', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };
    const mounted = { containers: [{ name: 'c', image: 'x:1', volumeMounts: [own] }], volumes: [{ name: 'v', emptyDir: {} }] };
    expect(await volumes('d', mounted)).toEqual([{ name: 'v', emptyDir: {} }]);
  });

  it('lends the account its pull secrets', async () => {
    await accounts().create(fixture.ctx, 'default', { metadata: { name: 'puller' }, imagePullSecrets: [{ name: 's' }] });
    const { object } = await pods.create(fixture.ctx, 'default', pod({ serviceAccountName: 'puller' }));
    expect(object.spec?.imagePullSecrets).toEqual([{ name: 's' }]);
  });

  it('refuses an account that is not there, waiting a moment only for the default one', async () => {
    const error = await refusal(pods.create(fixture.ctx, 'default', pod({ serviceAccountName: 'gone' })));
    expect(error).toMatchObject({
      code: 403,
      message: 'pods "a" is forbidden: error looking up service account default/gone: serviceaccount "gone" not found',
    });
    await namespaces().create(fixture.ctx, '', { metadata: { name: 'new' } });
    const early = pods.create(fixture.ctx, 'new', pod());
    await fixture.clock.advance(150);
    await accounts().create(fixture.ctx, 'new', { metadata: { name: 'default' } });
    await fixture.clock.advance(150);
    expect((await early).object.spec?.serviceAccountName).toBe('default');
    await namespaces().create(fixture.ctx, '', { metadata: { name: 'never' } });
    const late = refusal(pods.create(fixture.ctx, 'never', pod({}, { generateName: 'web-', name: '' })));
    await fixture.clock.advance(5000);
    expect((await late).message).toBe(
      'pods "web-" is forbidden: error looking up service account never/default: serviceaccount "default" not found',
    );
  });
});

describe('Priority', () => {
  it('turns the class into a number', async () => {
    const { object } = await pods.create(fixture.ctx, 'default', pod());
    expect(object.spec).toMatchObject({ priority: 0, preemptionPolicy: 'PreemptLowerPriority' });
    const critical = await pods.create(fixture.ctx, 'default', pod({ priorityClassName: 'system-node-critical' }, { name: 'b' }));
    expect(critical.object.spec?.priority).toBe(2_000_001_000);
    expect((await refusal(pods.create(fixture.ctx, 'default', pod({ priorityClassName: 'vip' }, { name: 'c' })))).message).toBe(
      'pods "c" is forbidden: no PriorityClass with name vip was found',
    );
    expect((await refusal(pods.create(fixture.ctx, 'default', pod({ priority: 5 }, { name: 'd' })))).message).toContain(
      'the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0',
    );
  });
});

describe('TaintNodesByCondition', () => {
  it('lets no pods onto a node that has not said that it is ready', async () => {
    const taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
    expect((await nodes().create(fixture.ctx, '', { metadata: { name: 'n' } })).object.spec?.taints).toEqual([taint]);
    expect((await nodes().create(fixture.ctx, '', { metadata: { name: 'm' }, spec: { taints: [taint] } })).object.spec?.taints).toEqual([
      taint,
    ]);
  });
});

it('adds no toleration: a board that is away keeps its pods until somebody decides otherwise', async () => {
  const { object } = await pods.create(fixture.ctx, 'default', pod());
  expect(object.spec?.tolerations).toBeUndefined();
});

describe('NodeRestriction', () => {
  it('lets a board write the status of its own operations and nothing else of them', async () => {
    const operations = fixture.registry.resource<NodeOperation>('fleet.flotilla.dev', 'nodeoperations');
    await operations.create(fixture.ctx, '', { metadata: { name: 'op' }, spec: { nodeName: 'n', action: 'Reboot' } });
    const running = (operation: NodeOperation): NodeOperation => ({ ...operation, status: { phase: 'Running' } });
    const written = await operations.update(board('n'), '', 'op', running, { subresource: 'status' });
    expect(written.object.object.status?.phase).toBe('Running');
    const refused = 'nodeoperations.fleet.flotilla.dev "op" is forbidden: node';
    expect(await refusal(operations.update(board('m'), '', 'op', running, { subresource: 'status' }))).toMatchObject({
      code: 403,
      message: `${refused} "m" can only update operations with spec.nodeName set to itself`,
    });
    const cancel = (operation: NodeOperation): NodeOperation => ({ ...operation, spec: { ...operation.spec, cancel: true } });
    for (const write of [operations.update(board('n'), '', 'op', cancel), operations.delete(board('n'), '', 'op')]) {
      expect(await refusal(write)).toMatchObject({ code: 403, message: `${refused} "n" can only update the status of operations` });
    }
  });

  beforeEach(async () => {
    await nodes().create(fixture.ctx, '', { metadata: { name: 'n' } });
    await nodes().create(fixture.ctx, '', { metadata: { name: 'm' } });
    await pods.create(fixture.ctx, 'default', pod({ nodeName: 'n' }));
  });
  const status = (name: string) =>
    pods.update(board(name), 'default', 'a', (old) => ({ ...old, status: { ...old.status, phase: 'Running' } }), { subresource: 'status' });

  it('lets a board report its own pods and delete them, not those of another', async () => {
    expect((await refusal(status('m'))).message).toBe(
      'pods "a" is forbidden: node "m" can only update pod status for pods with spec.nodeName set to itself',
    );
    expect((await refusal(pods.delete(board('m'), 'default', 'a'))).message).toContain(
      'node "m" can only delete pods with spec.nodeName set to itself',
    );
    expect((await status('n')).object.object.status?.phase).toBe('Running');
    await pods.delete(board('n'), 'default', 'a', { gracePeriodSeconds: 0 });
  });

  it('lets a board make no pods, change no specs and bind nothing', async () => {
    expect((await refusal(pods.create(board('n'), 'default', pod({ nodeName: 'n' }, { name: 'b' })))).message).toContain(
      'can only create mirror pods',
    );
    expect(
      await refusal(pods.update(board('n'), 'default', 'a', (old) => ({ ...old, metadata: { ...old.metadata, labels: { a: 'b' } } }))),
    ).toMatchObject({ code: 403 });
    expect(await refusal(pods.update(board('n'), 'default', 'a', (old) => ({ ...old }), { subresource: 'binding' }))).toMatchObject({
      code: 403,
    });
  });

  it('lets a board change its own node, but neither taints nor the labels that are not its own', async () => {
    const change = (who: string, update: (old: Node) => Node) => nodes().update(board(who), '', 'n', update);
    const label =
      (key: string) =>
      (old: Node): Node => ({ ...old, metadata: { ...old.metadata, labels: { [key]: 'x' } } });
    await change('n', label('example.com/mine'));
    await change('n', label('topology.kubernetes.io/zone'));
    expect((await refusal(change('m', label('x')))).message).toContain('node "m" is not allowed to modify node "n"');
    expect((await refusal(change('n', label('node-restriction.kubernetes.io/secure')))).message).toContain(
      'is not allowed to modify labels: node-restriction.kubernetes.io/secure',
    );
    expect((await refusal(change('n', label('node-role.kubernetes.io/control-plane')))).message).toContain(
      'node-role.kubernetes.io/control-plane',
    );
    expect((await refusal(change('n', (old) => ({ ...old, spec: { ...old.spec, taints: [] } })))).message).toContain(
      'node "n" is not allowed to modify taints',
    );
  });

  it('lets a board hold its own lease', async () => {
    const leases = fixture.registry.resource<Lease>('coordination.k8s.io', 'leases');
    const lease = (name: string): Lease => ({ metadata: { name }, spec: { holderIdentity: name } });
    await leases.create(board('n'), 'kube-node-lease', lease('n'));
    expect((await refusal(leases.create(board('n'), 'kube-node-lease', lease('m')))).message).toContain(
      'can only access node lease with the same name as the requesting node',
    );
    expect((await refusal(leases.create(board('n'), 'default', lease('n')))).message).toContain(
      'can only access leases in the "kube-node-lease" system namespace',
    );
  });
});

it('treats what a controller makes in process as what a client sends', async () => {
  const controller: RequestContext = {
    user: { name: 'system:serviceaccount:kube-system:replicaset-controller', groups: ['system:serviceaccounts', 'system:authenticated'] },
    warn: () => {},
  };
  const byClient = await pods.create(fixture.ctx, 'default', pod({}, { name: 'client' }));
  const byController = await pods.create(controller, 'default', pod({}, { name: 'controller' }));
  const comparable = ({ spec, status }: Pod): unknown =>
    JSON.parse(JSON.stringify({ spec, status }).replaceAll(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-x'));
  expect(comparable(byController.object)).toEqual(comparable(byClient.object));
  const refused = await refusal(pods.create(controller, 'default', pod({ serviceAccountName: 'gone' }, { name: 'b' })));
  expect(refused.message).toContain('serviceaccount "gone" not found');
});
