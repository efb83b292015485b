import type { Pod, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { forbidden } from '@flotilla/shared/errors/status.js';
import { controllerOf } from '@flotilla/shared/meta/object.js';
import { afterEach, describe, expect, it } from 'vitest';
import { ControlPlane, type ControlPlaneOptions } from '../../../../test/harness/control-plane.ts';
import { pod } from '../../../../test/harness/workloads.ts';
import { slowStart } from './plan.ts';
import { deletionOrder } from './rank.ts';

let plane: ControlPlane | undefined;
async function start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  plane = await ControlPlane.start(options);
  await plane.addNode('a');
  return plane;
}
afterEach(() => plane?.stop());

const replicaSet = (replicas: number, more: object = {}): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'first' }] } },
    ...more,
  },
});
const sets = (on: ControlPlane) => on.client.resource<ReplicaSet>('apps', 'replicasets');
const get = (on: ControlPlane) => on.client.informer<ReplicaSet>('apps', 'replicasets').get('default/web');

describe('replicaset controller', () => {
  it('keeps exactly as many pods as wanted, however often it is disturbed', async () => {
    const on = await start();
    await sets(on).create('default', replicaSet(8));
    await on.until('all are ready', () => get(on)?.status?.readyReplicas === 8);
    expect(on.pods()).toHaveLength(8);
    for (const { metadata } of on.pods().slice(0, 5))
      await on.client.resource('', 'pods').delete('default', metadata?.name ?? '', { gracePeriodSeconds: 0 });
    await on.until('they are replaced', () => on.pods().length === 8 && get(on)?.status?.readyReplicas === 8);
    await sets(on).update('default', 'web', (current) => ({
      ...current,
      spec: { ...replicaSet(3).spec, ...current.spec, replicas: 3 } as ReplicaSet['spec'] & object,
    }));
    await on.until('the surplus is gone', () => on.pods().length === 3 && get(on)?.status?.replicas === 3);
    expect(on.events('SuccessfulDelete', 'web').length).toBeGreaterThan(0);
  });

  it('counts the pods of a large set once for many that change', async () => {
    const on = await start();
    const pods = Array.from({ length: 500 }, (_, index) => ({
      ...pod(`web-${index}`),
      metadata: { name: `web-${index}`, labels: { app: 'web' } },
    }));
    await Promise.all(pods.map((one) => on.client.resource<Pod>('', 'pods').create('default', one)));
    let written = 0;
    on.client.informer<ReplicaSet>('apps', 'replicasets').on({ updated: () => written++ });
    await sets(on).create('default', replicaSet(500));
    await on.until('all are adopted', () => get(on)?.status?.replicas === 500);
    written = 0;
    for (const { metadata } of pods) {
      await on.client.resource<Pod>('', 'pods').updateStatus('default', metadata.name, (current) => ({
        ...current,
        status: { ...current.status, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
      }));
      await on.clock.advance(1);
    }
    await on.until('all are ready', () => get(on)?.status?.readyReplicas === 500);
    expect(written).toBeLessThan(60);
  });

  it('adopts what it selects, and releases what it no longer does', async () => {
    const on = await start();
    await on.client.resource<Pod>('', 'pods').create('default', { ...pod('stray'), metadata: { name: 'stray', labels: { app: 'web' } } });
    await sets(on).create('default', replicaSet(2));
    await on.until('both are ready', () => get(on)?.status?.readyReplicas === 2);
    expect(on.pods().map((item) => controllerOf(item)?.name)).toEqual(['web', 'web']);
    await on.client
      .resource<Pod>('', 'pods')
      .update('default', 'stray', (current) => ({ ...current, metadata: { ...current.metadata, labels: { app: 'mine' } } }));
    await on.until('it is free and replaced', () => on.pods().length === 3);
    const stray = on.client.informer<Pod>('', 'pods').get('default/stray');
    expect(stray?.metadata?.ownerReferences).toBeUndefined();
  });

  it('counts a pod as available after minReadySeconds', async () => {
    const on = await start();
    await sets(on).create('default', replicaSet(1, { minReadySeconds: 30 }));
    await on.until('it is ready', () => get(on)?.status?.readyReplicas === 1);
    await on.clock.advance(25_000);
    expect(get(on)?.status?.availableReplicas).toBeUndefined();
    await on.clock.advance(10_000);
    expect(get(on)?.status?.availableReplicas).toBe(1);
  });

  it('tries one pod first when pods are refused, and says why', async () => {
    let refuse = true;
    let attempts = 0;
    const on = await start({
      validate({ definition, operation }) {
        if (definition.kind !== 'Pod' || operation !== 'CREATE' || !refuse) return;
        attempts++;
        throw forbidden({ group: '', resource: 'pods' }, 'web-x', 'not today');
      },
    });
    await sets(on).create('default', replicaSet(50));
    await on.until('it says so', () => get(on)?.status?.conditions?.[0]?.type === 'ReplicaFailure');
    expect(attempts).toBeLessThan(10);
    expect(get(on)?.status?.conditions?.[0]).toMatchObject({
      status: 'True',
      reason: 'FailedCreate',
      message: 'pods "web-x" is forbidden: not today',
    });
    expect(on.events('FailedCreate')[0]).toBe('Error creating: pods "web-x" is forbidden: not today');
    refuse = false;
    await on.until('it recovers', () => get(on)?.status?.readyReplicas === 50);
    expect(get(on)?.status?.conditions).toBeUndefined();
  });
});

describe('which pods go first', () => {
  const nowMs = Date.UTC(2026, 0, 2);
  const make = (
    name: string,
    more: { node?: string; phase?: string; ready?: string; cost?: string; restarts?: number; created?: string },
  ): Pod => ({
    metadata: {
      name,
      uid: name,
      creationTimestamp: more.created ?? '2026-01-01T00:00:00Z',
      ...(more.cost ? { annotations: { 'controller.kubernetes.io/pod-deletion-cost': more.cost } } : {}),
    },
    spec: { containers: [], ...(more.node === '' ? {} : { nodeName: more.node ?? 'a' }) },
    status: {
      phase: more.phase ?? 'Running',
      conditions: more.ready === '' ? [] : [{ type: 'Ready', status: 'True', lastTransitionTime: more.ready ?? '2026-01-01T00:00:10Z' }],
      containerStatuses: [{ name: 'm', image: '', imageID: '', ready: true, restartCount: more.restarts ?? 0 }],
    },
  });
  it('follows the order of Kubernetes', () => {
    const wanted = [
      make('unassigned', { node: '', phase: 'Pending', ready: '' }),
      make('pending', { phase: 'Pending', ready: '' }),
      make('unready', { ready: '' }),
      make('cheap', { cost: '-5' }),
      make('doubled', { node: 'crowded' }),
      make('just-ready', { ready: '2026-01-01T23:59:50Z' }),
      make('restarts', { restarts: 3 }),
      make('young', { created: '2026-01-01T23:59:00Z' }),
      make('old', {}),
      make('dear', { cost: '10' }),
    ];
    const shuffled = [...wanted].sort((a, b) => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1));
    const order = deletionOrder(shuffled, (item) => (item.spec?.nodeName === 'crowded' ? 3 : 1), nowMs);
    expect(order.map(({ metadata }) => metadata?.name)).toEqual(wanted.map(({ metadata }) => metadata?.name));
  });

  it('creates in batches that double', () => {
    expect([...slowStart(10)]).toEqual([1, 2, 4, 3]);
    expect([...slowStart(0)]).toEqual([]);
  });
});
