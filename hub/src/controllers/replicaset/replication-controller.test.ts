import type { Pod, ReplicationController } from '@flotilla/shared/api/generated/types.js';
import { controllerOf } from '@flotilla/shared/meta/object.js';
import { afterEach, expect, it } from 'vitest';
import { ControlPlane } from '../../../../test/harness/control-plane.ts';
import { pod } from '../../../../test/harness/workloads.ts';

let plane: ControlPlane | undefined;
async function start(): Promise<ControlPlane> {
  plane = await ControlPlane.start({});
  await plane.addNode('a');
  return plane;
}
afterEach(() => plane?.stop());

const controller = (replicas: number): ReplicationController => ({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name: 'web', namespace: 'default' },
  spec: { replicas, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'first' }] } } },
});
const resource = (on: ControlPlane) => on.client.resource<ReplicationController>('', 'replicationcontrollers');
const get = (on: ControlPlane) => on.client.informer<ReplicationController>('', 'replicationcontrollers').get('default/web');

it('keeps as many pods as wanted, its own and those it selects', async () => {
  const on = await start();
  await on.client.resource<Pod>('', 'pods').create('default', { ...pod('stray'), metadata: { name: 'stray', labels: { app: 'web' } } });
  await resource(on).create('default', controller(3));
  await on.until('all are ready', () => get(on)?.status?.readyReplicas === 3);
  const owners = on.pods().map((item) => controllerOf(item));
  expect(owners.map((owner) => [owner?.apiVersion, owner?.kind, owner?.name])).toEqual(
    Array.from({ length: 3 }, () => ['v1', 'ReplicationController', 'web']),
  );
  expect(on.events('SuccessfulCreate', 'web')).toHaveLength(2);
  await resource(on).update('default', 'web', (current) => ({ ...current, spec: { ...current.spec, replicas: 1 } }));
  await on.until('the surplus is gone', () => on.pods().length === 1 && get(on)?.status?.replicas === 1);
});

it('leaves its pods behind where the deletion does not say, and takes them along where it does', async () => {
  const on = await start();
  await resource(on).create('default', controller(2));
  await on.until('both are ready', () => get(on)?.status?.readyReplicas === 2);
  await resource(on).delete('default', 'web');
  await on.until('it is gone and they are free', () => !get(on) && on.pods().every((item) => !controllerOf(item)));
  expect(on.pods()).toHaveLength(2);
  await resource(on).create('default', controller(2));
  await on.until('they have an owner again', () => on.pods().every((item) => controllerOf(item)?.name === 'web'));
  await resource(on).delete('default', 'web', { propagationPolicy: 'Background' });
  await on.until('all is gone', () => !get(on) && on.pods().length === 0);
});
