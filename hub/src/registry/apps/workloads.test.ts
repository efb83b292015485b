import type { Deployment, ReplicaSet, Scale } from '@flotilla/shared/api/generated/types.js';
import type { StatusError } from '@flotilla/shared/errors/status.js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clone } from '#registry/generic/json.ts';
import { type RegistryFixture, registryFixture } from '#registry/generic/registry-fixture.ts';
import type { ResourceRegistry } from '#registry/generic/types.ts';
import { deployments } from './deployment.ts';
import { replicaSets } from './replica-set.ts';

let fixture: RegistryFixture;
let registry: ResourceRegistry<Deployment>;

beforeEach(async () => {
  fixture = await registryFixture([deployments, replicaSets]);
  registry = fixture.registry.resource<Deployment>('apps', 'deployments');
});
afterEach(() => fixture.close());

const deployment = (change: (spec: NonNullable<Deployment['spec']>) => void = () => {}): Deployment => {
  const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'x:1' }] } };
  const object: Deployment = { metadata: { name: 'a' }, spec: { selector: { matchLabels: { app: 'a' } }, template } };
  const copy = clone(object);
  if (copy.spec) change(copy.spec);
  return copy;
};

async function refusal(promise: Promise<unknown>): Promise<StatusError> {
  return promise.then(
    () => expect.fail('it should have been refused'),
    (error: StatusError) => error,
  );
}

it('defaults a deployment and the template in it', async () => {
  const { object } = await registry.create(fixture.ctx, 'default', deployment());
  expect(object.spec).toMatchObject({
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
    template: { spec: { restartPolicy: 'Always', terminationGracePeriodSeconds: 30, schedulerName: 'default-scheduler' } },
  });
  expect(object.spec?.template.spec).not.toHaveProperty('enableServiceLinks');
  expect([object.metadata?.generation, object.status]).toEqual([1, {}]);
});

it.each<[string, Parameters<typeof deployment>[0]]>([
  ['spec.replicas: Invalid value: -1: must be greater than or equal to 0', (spec) => Object.assign(spec, { replicas: -1 })],
  ['spec.selector: Required value', (spec) => Object.assign(spec, { selector: undefined })],
  ['spec.selector: Invalid value: {}: empty selector is invalid for deployment', (spec) => Object.assign(spec, { selector: {} })],
  [
    'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
    (spec) => Object.assign(spec, { selector: { matchLabels: { app: 'b' } } }),
  ],
  [
    'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
    (spec) => Object.assign(spec, { selector: { matchExpressions: [{ key: 'app', operator: 'Is' }] } }),
  ],
  [
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    (spec) => Object.assign(spec.template.spec ?? {}, { restartPolicy: 'Never' }),
  ],
  [
    'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported',
    (spec) => Object.assign(spec.template.spec ?? {}, { activeDeadlineSeconds: 5 }),
  ],
  ['spec.template.spec.containers: Required value', (spec) => Object.assign(spec.template.spec ?? {}, { containers: [] })],
  [
    "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    (spec) => Object.assign(spec, { strategy: { type: 'Recreate', rollingUpdate: {} } }),
  ],
  [
    'spec.strategy: Unsupported value: {"type":"Magic"}: supported values: "Recreate", "RollingUpdate"',
    (spec) => Object.assign(spec, { strategy: { type: 'Magic' } }),
  ],
  [
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
    (spec) => Object.assign(spec, { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
  ],
  [
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
    (spec) => Object.assign(spec, { strategy: { rollingUpdate: { maxUnavailable: '101%' } } }),
  ],
  [
    "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"some\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    (spec) => Object.assign(spec, { strategy: { rollingUpdate: { maxSurge: 'some' } } }),
  ],
  [
    'spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds',
    (spec) => Object.assign(spec, { progressDeadlineSeconds: 5, minReadySeconds: 5 }),
  ],
])('refuses with %s', async (message, change) => {
  const error = await refusal(registry.create(fixture.ctx, 'default', deployment(change)));
  expect(error).toMatchObject({ code: 422, reason: 'Invalid' });
  expect(error.message).toContain(message);
});

it.each<[string, Parameters<typeof deployment>[0]]>([
  ['no replicas', (spec) => Object.assign(spec, { replicas: 0 })],
  ['Recreate', (spec) => Object.assign(spec, { strategy: { type: 'Recreate' } })],
  ['whole numbers and percents', (spec) => Object.assign(spec, { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '100%' } } })],
])('accepts %s', async (_title, change) => {
  await registry.create(fixture.ctx, 'default', deployment(change));
});

it('counts generations of spec and annotations, and never changes its selector', async () => {
  await registry.create(fixture.ctx, 'default', deployment());
  const change = (update: (old: Deployment) => Deployment) => registry.update(fixture.ctx, 'default', 'a', update);
  const labelled = await change((old) => ({ ...old, metadata: { ...old.metadata, labels: { a: 'b' } } }));
  expect(labelled.object.object.metadata?.generation).toBe(1);
  const annotated = await change((old) => ({ ...old, metadata: { ...old.metadata, annotations: { a: 'b' } } }));
  expect(annotated.object.object.metadata?.generation).toBe(2);
  const moved = deployment((spec) =>
    Object.assign(spec, { selector: { matchLabels: { app: 'b' } }, template: { ...spec.template, metadata: { labels: { app: 'b' } } } }),
  );
  expect((await refusal(change(() => moved))).message).toContain(
    'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
  );
});

it('scales through the scale subresource', async () => {
  await registry.create(fixture.ctx, 'default', deployment());
  const scale = deployments.subresources?.find(({ name }) => name === 'scale');
  const { object } = registry.get(fixture.ctx, 'default', 'a');
  const view = scale?.view?.(object) as Scale;
  expect(view).toMatchObject({
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    spec: { replicas: 1 },
    status: { replicas: 0, selector: 'app=a' },
  });
  const to = (replicas: number, given: Scale = view) =>
    registry.update(fixture.ctx, 'default', 'a', (old) => scale?.apply?.(old, { ...given, spec: { replicas } } as Scale) ?? old, {
      subresource: 'scale',
    });
  const { object: scaled } = await to(3);
  expect([scaled.object.spec?.replicas, scaled.object.metadata?.generation]).toEqual([3, 2]);
  expect(await refusal(to(5))).toMatchObject({ code: 409, reason: 'Conflict' });
  expect((await refusal(to(-1))).message).toBe(
    'Scale.autoscaling "a" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  );
  await to(5, { metadata: { name: 'a' }, spec: {} });
  expect(registry.get(fixture.ctx, 'default', 'a').object.spec?.replicas).toBe(5);
});

it('holds the counts of a status together', async () => {
  await registry.create(fixture.ctx, 'default', deployment());
  const write = (status: Deployment['status']) =>
    registry.update(
      fixture.ctx,
      'default',
      'a',
      (old) => ({ ...old, spec: deployment().spec as NonNullable<Deployment['spec']>, ...(status ? { status } : {}) }),
      {
        subresource: 'status',
      },
    );
  const { object } = await write({ replicas: 2, readyReplicas: 1, availableReplicas: 1, collisionCount: 1 });
  expect(object.object.metadata?.generation).toBe(1);
  const error = await refusal(write({ replicas: 1, readyReplicas: 2, availableReplicas: 3 }));
  expect(error.message).toContain('status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas');
  expect(error.message).toContain('status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas');
  expect(error.message).toContain('status.collisionCount: Invalid value: 0: cannot be decremented');
});

it('shows deployments and replica sets as kubectl does', () => {
  const object = {
    ...deployment((spec) => Object.assign(spec, { replicas: 3 })),
    status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 },
  };
  expect(deployments.columns.map(({ name }) => name)).toEqual([
    'Name',
    'Ready',
    'Up-to-date',
    'Available',
    'Age',
    'Containers',
    'Images',
    'Selector',
  ]);
  expect(deployments.columns.map(({ value }) => value(object, 0))).toEqual(['a', '2/3', 3, 1, '<unknown>', 'c', 'x:1', 'app=a']);
  const set: ReplicaSet = {
    metadata: { name: 'r' },
    spec: { replicas: 2, selector: { matchLabels: { app: 'a' } } },
    status: { replicas: 1 },
  };
  expect(replicaSets.columns.map(({ name }) => name)).toEqual([
    'Name',
    'Desired',
    'Current',
    'Ready',
    'Age',
    'Containers',
    'Images',
    'Selector',
  ]);
  expect(replicaSets.columns.map(({ value }) => value(set, 0))).toEqual(['r', 2, 1, 0, '<unknown>', '', '', 'app=a']);
});

it('holds replica sets to the same rules', async () => {
  const sets = fixture.registry.resource<ReplicaSet>('apps', 'replicasets');
  const { object } = await sets.create(fixture.ctx, 'default', { ...deployment(), metadata: { name: 'r' } } as ReplicaSet);
  expect([object.spec?.replicas, object.status]).toEqual([1, { replicas: 0 }]);
  await sets.update(fixture.ctx, 'default', 'r', (old) => ({ ...old, status: { replicas: 2, observedGeneration: 1 } }), {
    subresource: 'status',
  });
  const bad = refusal(sets.update(fixture.ctx, 'default', 'r', (old) => ({ ...old, status: { replicas: -1 } }), { subresource: 'status' }));
  expect((await bad).message).toContain('status.replicas: Invalid value: -1: must be greater than or equal to 0');
  const selector = { matchLabels: { app: 'b' } };
  const moved = refusal(sets.update(fixture.ctx, 'default', 'r', (old) => ({ ...old, spec: { ...old.spec, selector } })));
  expect((await moved).message).toContain('spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable');
});
