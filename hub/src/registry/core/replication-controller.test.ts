import type { ReplicationController, Scale } from '@flotilla/shared/api/generated/types.js';
import type { StatusError } from '@flotilla/shared/errors/status.js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type RegistryFixture, registryFixture } from '#registry/generic/registry-fixture.ts';
import type { ResourceRegistry } from '#registry/generic/types.ts';
import { replicationControllers } from './replication-controller.ts';

let fixture: RegistryFixture;
let registry: ResourceRegistry<ReplicationController>;

beforeEach(async () => {
  fixture = await registryFixture([replicationControllers]);
  registry = fixture.registry.resource<ReplicationController>('', 'replicationcontrollers');
});
afterEach(() => fixture.close());

const labels = { app: 'a' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'x:1' }] } };
const create = (spec: ReplicationController['spec'], metadata: object = {}) =>
  registry.create(fixture.ctx, 'default', { metadata: { name: 'a', ...metadata }, ...(spec ? { spec } : {}) }, { dryRun: true });

it('takes labels and selector from the template where they are not given', async () => {
  const { object } = await create({ template });
  expect(object.metadata).toMatchObject({ labels, generation: 1 });
  expect(object.spec).toMatchObject({ replicas: 1, selector: labels, template: { spec: { restartPolicy: 'Always' } } });
  expect(object.status).toEqual({ replicas: 0 });
  const given = await create(
    { template: { ...template, metadata: { labels: { app: 'a', b: 'c' } } }, selector: labels },
    { labels: { x: 'y' } },
  );
  expect([given.object.metadata?.labels, given.object.spec?.selector]).toEqual([{ x: 'y' }, labels]);
});

it.each<[string, ReplicationController['spec']]>([
  ['[spec.selector: Required value, spec.template: Required value]', undefined],
  ['spec.template: Required value', { selector: labels }],
  ['spec.selector: Required value', { template: { spec: template.spec } }],
  ['spec.replicas: Invalid value: -1: must be greater than or equal to 0', { template, replicas: -1 }],
  ['spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0', { template, minReadySeconds: -1 }],
  [
    'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
    { template, selector: { app: 'b' } },
  ],
  [
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
  ],
  [
    'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not Supported',
    { template: { ...template, spec: { ...template.spec, activeDeadlineSeconds: 5 } } },
  ],
])('refuses: %s', async (message, spec) => {
  const refused = await create(spec).then(
    () => expect.fail('it should have been refused'),
    (error: StatusError) => error.message,
  );
  expect(refused).toBe(`ReplicationController "a" is invalid: ${message}`);
});

it('shows and takes its scale', () => {
  const scale = replicationControllers.subresources?.find(({ name }) => name === 'scale');
  const object: ReplicationController = {
    metadata: { name: 'a' },
    spec: { replicas: 2, selector: { b: 'c', a: 'b' } },
    status: { replicas: 1 },
  };
  const view = scale?.view?.(object) as Scale;
  expect([view.spec, view.status]).toEqual([{ replicas: 2 }, { replicas: 1, selector: 'a=b,b=c' }]);
  expect(scale?.apply?.(object, { ...view, spec: { replicas: 5 } } as Scale)).toMatchObject({
    spec: { replicas: 5, selector: { b: 'c' } },
  });
});
