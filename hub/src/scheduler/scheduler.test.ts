import type { Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { afterEach, describe, expect, it } from 'vitest';
import { ControlPlane } from '../../../test/harness/control-plane.ts';
import { pod } from '../../../test/harness/workloads.ts';

let plane: ControlPlane;
async function start(seed = 1): Promise<ControlPlane> {
  plane = await ControlPlane.start({ controllers: [], seed });
  return plane;
}
afterEach(() => plane.stop());
const create = (item: Pod) => plane.client.resource<Pod>('', 'pods').create('default', item);
const get = (name: string) => plane.client.informer<Pod>('', 'pods').get(`default/${name}`);
const asking = (name: string, cpu: string, more: Partial<NonNullable<Pod['spec']>> = {}): Pod =>
  pod(name, { containers: [{ name: 'main', image: 'first', resources: { requests: { cpu } } }], ...more });
const scheduled = (name: string) => get(name)?.status?.conditions?.find(({ type }) => type === 'PodScheduled');

describe('scheduler', () => {
  it('binds a pod and says so', async () => {
    await start();
    await plane.addNode('a');
    await create(pod('p'));
    await plane.until('it is bound', () => get('p')?.spec?.nodeName === 'a');
    expect(plane.events('Scheduled')).toEqual(['Successfully assigned default/p to a']);
  });

  it('says why a pod waits in the words of Kubernetes, and binds it when that ends', async () => {
    await start();
    await plane.addNode('small', { cpu: '1' });
    await plane.addNode('tainted', { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] } });
    await plane.addNode('cordoned', { spec: { unschedulable: true } });
    await plane.addNode('other', { metadata: { labels: { disk: 'sd' } } });
    await create(asking('filler', '800m', { nodeSelector: { 'kubernetes.io/hostname': 'small' } }));
    await plane.until('the filler runs', () => get('filler')?.spec?.nodeName === 'small');
    const affinity = {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'DoesNotExist' }] }],
        },
      },
    };
    await create(asking('p', '500m', { affinity }));
    await plane.until('it is told', () => scheduled('p')?.status === 'False');
    const message =
      "0/4 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector, " +
      '1 node(s) had untolerated taint(s), 1 node(s) were unschedulable. ' +
      'preemption: 0/4 nodes are available: 1 No preemption victims found for incoming pod, 3 Preemption is not helpful for scheduling.';
    expect(scheduled('p')).toMatchObject({ reason: 'Unschedulable', message });
    expect(plane.events('FailedScheduling')).toEqual([message]);
    await plane.client
      .resource<Node>('', 'nodes')
      .update('', 'tainted', (current) => ({ ...current, spec: { ...current.spec, taints: [] } }));
    await plane.until('it is bound', () => get('p')?.spec?.nodeName === 'tainted');
  });

  it('waits for the first node', async () => {
    await start();
    await create(pod('p'));
    await plane.until('it is told', () => scheduled('p')?.message === 'no nodes available to schedule pods');
    await plane.addNode('a');
    await plane.until('it is bound', () => get('p')?.spec?.nodeName === 'a');
  });

  it('never promises more than a node has, while bindings are under way', async () => {
    await start();
    for (const name of ['a', 'b']) await plane.addNode(name, { cpu: '1' });
    await Promise.all(Array.from({ length: 25 }, (_, index) => create(asking(`p${index}`, '100m'))));
    await plane.until('20 are bound', () => plane.pods().filter(({ spec }) => spec?.nodeName).length === 20);
    await plane.clock.advance(60_000);
    for (const name of ['a', 'b']) expect(plane.pods().filter(({ spec }) => spec?.nodeName === name)).toHaveLength(10);
    const [victim] = plane.pods().filter(({ spec }) => spec?.nodeName);
    await plane.client.resource('', 'pods').delete('default', victim?.metadata?.name ?? '', { gracePeriodSeconds: 0 });
    await plane.until('the room is used', () => plane.pods().filter(({ spec }) => spec?.nodeName).length === 20);
  });

  it('takes the higher priority first, and leaves gated pods and other schedulers alone', async () => {
    await start();
    for (const item of [
      pod('low'),
      pod('high', { priorityClassName: 'system-cluster-critical' }),
      pod('gated', { schedulingGates: [{ name: 'g' }] }),
      pod('foreign', { schedulerName: 'mine' }),
    ])
      await create(item);
    await plane.clock.advance(100);
    await plane.addNode('a', { pods: '1' });
    await plane.until('one is bound', () => plane.pods().some(({ spec }) => spec?.nodeName));
    await plane.clock.advance(30_000);
    expect(plane.pods().flatMap(({ metadata, spec }) => (spec?.nodeName ? [metadata?.name] : []))).toEqual(['high']);
    expect(scheduled('low')?.message).toContain('0/1 nodes are available: 1 Too many pods.');
    expect(scheduled('gated')).toMatchObject({ status: 'False', reason: 'SchedulingGated' });
    expect(scheduled('foreign')).toBeUndefined();
  });

  it('keeps host ports apart', async () => {
    await start();
    for (const name of ['a', 'b']) await plane.addNode(name);
    const web = (name: string): Pod =>
      pod(name, { containers: [{ name: 'main', image: 'i', ports: [{ containerPort: 80, hostPort: 8080 }] }] });
    for (const name of ['p1', 'p2', 'p3']) await create(web(name));
    await plane.until('two are bound', () => plane.pods().filter(({ spec }) => spec?.nodeName).length === 2);
    await plane.until('the third is told', () => scheduled('p3')?.status === 'False');
    expect(scheduled('p3')?.message).toContain("2 node(s) didn't have free ports for the requested pod ports");
  });

  it('spreads over equal nodes, the same way for the same seed', async () => {
    const places: string[][] = [];
    for (let round = 0; round < 2; round++) {
      await start(7);
      for (let index = 0; index < 10; index++) await plane.addNode(`n${index}`);
      for (let index = 0; index < 20; index++) await create(asking(`p${index}`, '100m'));
      await plane.until('all are bound', () => plane.pods().every(({ spec }) => spec?.nodeName));
      places.push(plane.pods().map(({ spec }) => spec?.nodeName ?? ''));
      if (round === 0) await plane.stop();
    }
    expect(places[0]).toEqual(places[1]);
    expect(new Set(places[0]).size).toBe(10);
  });
});
