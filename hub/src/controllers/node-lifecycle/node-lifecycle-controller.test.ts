import type { Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { podOfflineSince } from '@flotilla/shared/api/offline.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { afterEach, describe, expect, it } from 'vitest';
import { ControlPlane } from '../../../../test/harness/control-plane.ts';
import { deployment } from '../../../../test/harness/workloads.ts';
import { podCondition } from '../pod-state.ts';
import { offlinePod, planTaints } from './plan.ts';

let plane: ControlPlane;
async function start(): Promise<void> {
  plane = await ControlPlane.start();
  await plane.addNode('a');
}
afterEach(() => plane.stop());
const node = () => plane.client.informer<Node>('', 'nodes').get('a');
const ready = () => node()?.status?.conditions?.find(({ type }) => type === 'Ready');
const getPod = (name: string) => plane.client.informer<Pod>('', 'pods').get(`default/${name}`);
const uids = () =>
  plane
    .pods()
    .map(({ metadata }) => metadata?.uid)
    .sort();
const podReady = (name: string) => getPod(name)?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;

describe('a board that goes away', () => {
  it('is told as Unknown and tainted, and its pods stay; back again nothing was restarted', async () => {
    await start();
    await plane.client.resource('apps', 'deployments').create('default', deployment('web', 2));
    await plane.until('all run', () => plane.pods().length === 2 && plane.pods().every((it) => it.status?.phase === 'Running'));
    const before = uids();
    plane.liveness.set('a', false, plane.clock.wallMs() - 50_000);
    const since = kubeTime(plane.clock.wallMs() - 50_000);
    await plane.until('it is known', () => ready()?.status === 'Unknown' && (node()?.spec?.taints?.length ?? 0) === 2);
    expect(ready()).toMatchObject({
      reason: 'NodeStatusUnknown',
      message: `the board is offline since ${since}; its pods go on there, and what is shown is what it said last`,
      lastHeartbeatTime: since,
    });
    await plane.until('its pods say so', () => plane.pods().every((it) => podOfflineSince(it) === since));
    expect(podCondition(plane.pods()[0] ?? {}, 'Ready')).toMatchObject({
      status: 'False',
      reason: 'NodeOffline',
      message: `node a is offline since ${since}`,
    });
    const revisions = (): (string | undefined)[] => [node(), ...plane.pods()].map((it) => it?.metadata?.resourceVersion);
    const marked = revisions();
    expect(node()?.spec?.taints?.map(({ key, effect }) => `${key}:${effect}`)).toEqual([
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    expect(plane.events('NodeNotReady', 'a')).toEqual(['Node a status is now: NodeNotReady']);
    // A month away.
    await plane.clock.advance(3600_000);
    plane.clock.jumpWall(30 * 86_400_000);
    await plane.clock.advance(3600_000);
    // Written once, at the transition.
    expect(revisions()).toEqual(marked);
    expect(uids()).toEqual(before);
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
    expect(uids()).toEqual(before);
    expect(plane.started).toHaveLength(2);
  });

  it('marks also the pods that were not ready, and not those that have ended', () => {
    const since = '2026-01-01T00:00:00Z';
    const crashing = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: 'before' }] } };
    const marked = offlinePod(crashing, 'a', since, 0);
    expect(marked.status?.conditions).toMatchObject([{ reason: 'NodeOffline', lastProbeTime: since, lastTransitionTime: 'before' }]);
    expect(offlinePod(marked, 'a', since, 1)).toBe(marked);
    const ended = { status: { phase: 'Succeeded' } };
    expect(offlinePod(ended, 'a', since, 0)).toBe(ended);
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
