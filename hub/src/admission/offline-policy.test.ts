import type { Binding, Deployment, Namespace, Node, Pod } from '@flotilla/shared/api/generated/types.js';
import type { StatusError } from '@flotilla/shared/errors/status.js';
import { afterEach, describe, expect, it } from 'vitest';
import type { RegistryFixture } from '#registry/generic/registry-fixture.ts';
import { admissionFixture } from '../../../test/harness/admission-fixture.ts';
import type { DefaultTolerations } from './default-toleration-seconds.ts';

const prefix = 'fleet.flotilla.dev';
let fixture: RegistryFixture;
async function start(tolerations?: DefaultTolerations): Promise<void> {
  fixture = await admissionFixture(tolerations);
  await fixture.registry.resource('', 'serviceaccounts').create(fixture.ctx, 'default', { metadata: { name: 'default' } });
  await nodes().create(fixture.ctx, '', { metadata: { name: 'n' } });
}
afterEach(() => fixture.close());

const pods = () => fixture.registry.resource<Pod>('', 'pods');
const nodes = () => fixture.registry.resource<Node>('', 'nodes');
const pod = (annotations: Record<string, string> = {}, name = 'a'): Pod => ({
  metadata: { name, annotations },
  spec: { containers: [{ name: 'c', image: 'x:1' }] },
});
const when = (policy: string, after?: string) => ({
  [`${prefix}/when-offline`]: policy,
  ...(after ? { [`${prefix}/offline-after`]: after } : {}),
});
const refusal = (promise: Promise<unknown>): Promise<StatusError> =>
  promise.then(
    () => expect.fail('it should have been refused'),
    (error: StatusError) => error,
  );
const bind = async (name: string): Promise<Pod> => {
  const binding: Binding = { metadata: { name }, target: { kind: 'Node', name: 'n' } };
  const apply = pods().definition.subresources?.find((one) => one.name === 'binding')?.apply;
  const bound = await pods().update(fixture.ctx, 'default', name, (it) => apply?.(it, binding) ?? it, { subresource: 'binding' });
  return bound.object.object;
};
const annotate = (name: string, annotations: Record<string, string>) =>
  pods().update(fixture.ctx, 'default', name, (it) => ({
    ...it,
    metadata: { ...it.metadata, annotations: { ...it.metadata?.annotations, ...annotations } },
  }));
const annotationsOf = (object: Pod): Record<string, string> => object.metadata?.annotations ?? {};

describe('what is said of a board being away', () => {
  it('is refused by field, in pods, templates, namespaces and nodes', async () => {
    await start();
    const unsupported = `metadata.annotations[${prefix}/when-offline]: Unsupported value: "Maybe": supported values: "Keep", "Replace", "Stop"`;
    expect(await refusal(pods().create(fixture.ctx, 'default', pod(when('Maybe'))))).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: `Pod "a" is invalid: ${unsupported}`,
      details: { causes: [{ reason: 'FieldValueNotSupported', field: `metadata.annotations[${prefix}/when-offline]` }] },
    });
    const metadata = { name: 'team', annotations: when('Maybe') };
    const namespaces = fixture.registry.resource<Namespace>('', 'namespaces');
    expect((await refusal(namespaces.create(fixture.ctx, '', { metadata }))).message).toBe(`Namespace "team" is invalid: ${unsupported}`);
    expect((await refusal(nodes().create(fixture.ctx, '', { metadata }))).message).toBe(`Node "team" is invalid: ${unsupported}`);
    const deployment: Deployment = {
      metadata: { name: 'web' },
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' }, annotations: when('Stop', '1s') }, spec: pod().spec as NonNullable<Pod['spec']> },
      },
    };
    const create = fixture.registry.resource<Deployment>('apps', 'deployments').create(fixture.ctx, 'default', deployment);
    expect((await refusal(create)).message).toBe(
      `Deployment.apps "web" is invalid: spec.template.metadata.annotations[${prefix}/offline-after]: ` +
        'Invalid value: "1s": must be between 5s and 168h for a lease',
    );
  });

  it('by a namespace or a node comes down to the pod where it is a lease, when the pod gets its node', async () => {
    await start();
    await nodes().update(fixture.ctx, '', 'n', (it) => ({ ...it, metadata: { ...it.metadata, annotations: when('Stop', '90s') } }));
    await pods().create(fixture.ctx, 'default', pod());
    await pods().create(fixture.ctx, 'default', pod(when('Keep'), 'b'));
    const leased = { ...when('Stop', '90s'), [`${prefix}/on-return`]: 'KeepReplacement' };
    expect(annotationsOf(await bind('a'))).toEqual(leased);
    expect(annotationsOf(await bind('b'))).toEqual(when('Keep'));
    const placed = pod({}, 'c');
    const { object } = await pods().create(fixture.ctx, 'default', { ...placed, spec: { ...placed.spec, nodeName: 'n' } as Pod['spec'] });
    expect(annotationsOf(object)).toEqual(leased);
    // What is no lease is for the hub alone to know, and may change at any time.
    await nodes().update(fixture.ctx, '', 'n', (it) => ({ ...it, metadata: { ...it.metadata, annotations: when('Replace', '90s') } }));
    await pods().create(fixture.ctx, 'default', pod({}, 'd'));
    expect(annotationsOf(await bind('d'))).toEqual({});
  });

  it('can be changed later, but for a lease that a board counts on', async () => {
    await start();
    await pods().create(fixture.ctx, 'default', pod(when('Stop', '90s')));
    await annotate('a', when('Stop', '60s'));
    await bind('a');
    const why = 'Forbidden: a lease may be neither given to a pod nor changed or taken from it once it has a node';
    expect((await refusal(annotate('a', when('Stop', '50s')))).message).toBe(
      `Pod "a" is invalid: metadata.annotations[${prefix}/offline-after]: ${why}`,
    );
    expect((await refusal(annotate('a', when('Replace')))).message).toBe(
      `Pod "a" is invalid: metadata.annotations[${prefix}/when-offline]: ${why}`,
    );
    await annotate('a', { [`${prefix}/on-return`]: 'KeepOriginal' });
    await pods().create(fixture.ctx, 'default', pod({}, 'b'));
    await bind('b');
    await annotate('b', when('Replace', '10s'));
    expect((await refusal(annotate('b', when('Keep')))).message).toContain('Forbidden: may not be given when');
    expect((await refusal(annotate('b', when('Stop')))).code).toBe(422);
  });
});

describe('DefaultTolerationSeconds', () => {
  const tolerations = async (it: Pod) => (await pods().create(fixture.ctx, 'default', it)).object.spec?.tolerations;
  const toleration = (key: string, tolerationSeconds?: number) => ({
    key: `node.kubernetes.io/${key}`,
    operator: 'Exists',
    effect: 'NoExecute',
    ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
  });
  it('is off', async () => {
    await start();
    expect(await tolerations(pod())).toBeUndefined();
  });

  it('is Kubernetes’ own eviction when it is on', async () => {
    await start({ notReadySeconds: 200, unreachableSeconds: 300 });
    expect(await tolerations(pod())).toEqual([toleration('not-ready', 200), toleration('unreachable', 300)]);
    const own = pod({}, 'b');
    const given = { ...own, spec: { ...own.spec, tolerations: [toleration('unreachable')] } as Pod['spec'] };
    expect(await tolerations(given as Pod)).toEqual([toleration('unreachable'), toleration('not-ready', 200)]);
    expect(await tolerations(pod(when('Keep'), 'c'))).toBeUndefined();
  });

  it('is on for one kind of absence alone', async () => {
    await start({ unreachableSeconds: 300 });
    expect(await tolerations(pod())).toEqual([toleration('unreachable', 300)]);
  });
});

describe('FenceRecord', () => {
  const taint = { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' };
  const change = async (update: (node: Node) => Node) => {
    const { object } = await nodes().update(fixture.ctx, '', 'n', update);
    return object.object.metadata?.annotations ?? {};
  };
  it('says who declared a node out of service and when, and nobody can say otherwise', async () => {
    await start();
    const at = '2026-01-01T00:00:00Z';
    const record = { [`${prefix}/fenced-by`]: fixture.ctx.user.name, [`${prefix}/fenced-at`]: at };
    expect(await change((node) => ({ ...node, spec: { ...node.spec, taints: [taint] } }))).toEqual(record);
    await fixture.clock.advance(60_000);
    const forged = { [`${prefix}/fenced-by`]: 'somebody else' };
    expect(await change((node) => ({ ...node, metadata: { ...node.metadata, annotations: forged } }))).toEqual(record);
    expect(await change((node) => ({ ...node, spec: { ...node.spec, taints: [] } }))).toEqual({});
    expect(await change((node) => ({ ...node, metadata: { ...node.metadata, annotations: forged } }))).toEqual({});
  });
});
