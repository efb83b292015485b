import type { Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { afterEach, describe, expect, it } from 'vitest';
import { ControlPlane } from '../../../../test/harness/control-plane.ts';
import { deployment, pod } from '../../../../test/harness/workloads.ts';
import { evictAfterMs, planTaints } from './plan.ts';

let plane: ControlPlane;
async function start(): Promise<void> {
  plane = await ControlPlane.start();
  await plane.addNode('a');
}
afterEach(() => plane.stop());
const node = () => plane.client.informer<Node>('', 'nodes').get('a');
const ready = () => node()?.status?.conditions?.find(({ type }) => type === 'Ready');
const getPod = (name: string) => plane.client.informer<Pod>('', 'pods').get(`default/${name}`);
const podReady = (name: string) => getPod(name)?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;

describe('a board that goes away', () => {
  it('is told as Unknown and tainted, and its pods stay; back again nothing was restarted', async () => {
    await start();
    await plane.client.resource('apps', 'deployments').create('default', deployment('web', 2));
    await plane.until('all run', () => plane.pods().length === 2 && plane.pods().every((it) => it.status?.phase === 'Running'));
    const before = plane
      .pods()
      .map(({ metadata }) => metadata?.uid)
      .sort();
    plane.liveness.set('a', false);
    await plane.until('it is known', () => ready()?.status === 'Unknown' && (node()?.spec?.taints?.length ?? 0) === 2);
    expect(ready()).toMatchObject({ reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' });
    expect(node()?.spec?.taints?.map(({ key, effect }) => `${key}:${effect}`)).toEqual([
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    expect(plane.events('NodeNotReady', 'a')).toEqual(['Node a status is now: NodeNotReady']);
    // A month away.
    await plane.clock.advance(3600_000);
    plane.clock.jumpWall(30 * 86_400_000);
    await plane.clock.advance(3600_000);
    expect(
      plane
        .pods()
        .map(({ metadata }) => metadata?.uid)
        .sort(),
    ).toEqual(before);
    expect(plane.pods().every((it) => podReady(it.metadata?.name ?? '') === 'False' && !it.metadata?.deletionTimestamp)).toBe(true);

    plane.liveness.set('a', true);
    await plane.client.resource<Node>('', 'nodes').updateStatus('', 'a', (current) => ({
      ...current,
      status: { ...current.status, conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }] },
    }));
    await plane.until(
      'it is back',
      () => node()?.spec?.taints === undefined && plane.pods().every((it) => podReady(it.metadata?.name ?? '') === 'True'),
    );
    expect(
      plane
        .pods()
        .map(({ metadata }) => metadata?.uid)
        .sort(),
    ).toEqual(before);
    expect(plane.started).toHaveLength(2);
  });

  it('loses a pod only after the time that the pod itself names', async () => {
    await start();
    const tolerations = [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }];
    for (const item of [pod('leaves', { tolerations }), pod('stays')]) await plane.client.resource<Pod>('', 'pods').create('default', item);
    await plane.until('they run', () => plane.pods().every((it) => it.status?.phase === 'Running'));
    plane.liveness.set('a', false);
    await plane.clock.advance(55_000);
    expect(getPod('leaves')?.metadata?.deletionTimestamp).toBeUndefined();
    await plane.clock.advance(15_000);
    expect(getPod('leaves')?.metadata?.deletionTimestamp).toBeDefined();
    // Nobody confirmed its stop, so it is still there.
    await plane.clock.advance(3600_000);
    expect(getPod('leaves')).toBeDefined();
    expect(getPod('stays')?.metadata?.deletionTimestamp).toBeUndefined();
  });

  it('evicts at once for a NoExecute taint of an operator', async () => {
    await start();
    await plane.client.resource<Pod>('', 'pods').create('default', pod('goes'));
    await plane.until('it runs', () => getPod('goes')?.status?.phase === 'Running');
    await plane.client
      .resource<Node>('', 'nodes')
      .update('', 'a', (current) => ({ ...current, spec: { ...current.spec, taints: [{ key: 'out', effect: 'NoExecute' }] } }));
    await plane.until('it is gone', () => getPod('goes') === undefined);
    expect(plane.events('TaintManagerEviction')).toEqual(['Marking for deletion Pod default/goes']);
    expect(node()?.spec?.taints).toEqual([{ key: 'out', effect: 'NoExecute' }]);
  });

  it('is cordoned and uncordoned by a taint too', async () => {
    await start();
    const nodes = plane.client.resource<Node>('', 'nodes');
    await nodes.update('', 'a', (current) => ({ ...current, spec: { ...current.spec, unschedulable: true } }));
    await plane.until('it is tainted', () => node()?.spec?.taints?.[0]?.key === 'node.kubernetes.io/unschedulable');
    await nodes.update('', 'a', (current) => ({ ...current, spec: { ...current.spec, unschedulable: false } }));
    await plane.until('it is clean', () => !node()?.spec?.taints?.length);
  });
});

describe('when a pod leaves', () => {
  const nowMs = Date.UTC(2026, 0, 1, 0, 1);
  const away = [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:00Z' }];
  const tolerating = (tolerationSeconds?: number): Pod =>
    pod('p', { tolerations: [{ operator: 'Exists', ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }) }] });
  it.each([
    ['never without a toleration', pod('p'), undefined],
    ['never with an endless one', tolerating(), undefined],
    ['after a finite one', tolerating(100), 40_000],
    ['at once when it is over', tolerating(10), 0],
  ])('%s', (_what, item, wanted) => {
    expect(evictAfterMs(item, away, nowMs)).toBe(wanted);
  });
});

describe('taints of a node', () => {
  it.each([
    ['that is new', [], 'node.kubernetes.io/not-ready'],
    ['that is not ready', [{ type: 'Ready', status: 'False' }], 'node.kubernetes.io/not-ready'],
    ['that is away', [{ type: 'Ready', status: 'Unknown' }], 'node.kubernetes.io/unreachable'],
  ])('%s', (_what, conditions, key) => {
    expect(planTaints({ metadata: { name: 'a' }, status: { conditions } }, 0)?.map((taint) => `${taint.key}:${taint.effect}`)).toEqual([
      `${key}:NoSchedule`,
      `${key}:NoExecute`,
    ]);
  });

  it('follow pressure, and leave those of others alone', () => {
    const others = { key: 'mine', effect: 'NoSchedule' };
    const conditions = [
      { type: 'Ready', status: 'True' },
      { type: 'MemoryPressure', status: 'True' },
    ];
    const node = { metadata: { name: 'a' }, spec: { taints: [others] }, status: { conditions } };
    expect(planTaints(node, 0)?.map(({ key }) => key)).toEqual(['mine', 'node.kubernetes.io/memory-pressure']);
    expect(planTaints({ ...node, status: { conditions: conditions.slice(0, 1) } }, 0)).toBeUndefined();
  });
});
