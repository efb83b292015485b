import type { Deployment, Lease, Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { describe, expect, it } from 'vitest';
import { type Fleet, startFleet } from './fleet.ts';

const deployment = (replicas: number, image = 'localhost/app:1'): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'app', namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'app' } },
    template: {
      metadata: { labels: { app: 'app' } },
      // Tokens are signed by another thread, whose pace no seed decides.
      spec: { automountServiceAccountToken: false, terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image }] },
    },
  },
});

const pods = (fleet: Fleet): readonly Pod[] => fleet.hub.admin.informer<Pod>('', 'pods').list('default');
const isReady = (pod: Pod): boolean => pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

/** How long ago a board was last heard of, by its Lease. */
function renewedAgoMs({ clock, hub }: Fleet, node: string): number {
  const ctx = { user: { name: 'admin', groups: ['system:masters'] }, warn: () => {} };
  const lease = hub.registry.resource<Lease>('coordination.k8s.io', 'leases').get(ctx, 'kube-node-lease', node).object;
  return clock.wallMs() - Date.parse(lease.spec?.renewTime ?? '');
}

const away: number[] = [];

/** Apply, scale, roll out, lose a board for ten minutes, get it back. */
async function life(seed: number): Promise<Fleet> {
  const fleet = await startFleet({ seed, boards: 3, weather: { delayMs: 200, duplicate: 0.05, lose: 0.02, disconnect: 0.005 } });
  const { clock, hub, broker } = fleet;
  const deployments = hub.admin.resource<Deployment>('apps', 'deployments');
  fleet.hub.admin.informer<Pod>('', 'pods');
  await clock.advance(60_000);
  await deployments.create('default', deployment(4));
  await clock.advance(60_000);
  await deployments.update('default', 'app', (current) => ({
    ...current,
    spec: { ...deployment(6).spec, replicas: 6 } as Deployment['spec'],
  }));
  await clock.advance(60_000);
  broker.partition('board-1', true);
  await clock.advance(600_000);
  away.push(renewedAgoMs(fleet, 'board-1'));
  broker.partition('board-1', false);
  await clock.advance(120_000);
  return fleet;
}

describe('a hub and its boards from one seed', () => {
  it('do the same twice, and end as was wanted', async () => {
    const first = await life(7);
    const nodes = first.hub.admin.informer<Node>('', 'nodes').list();
    expect(nodes.map(({ metadata }) => metadata?.name).sort()).toEqual(['board-0', 'board-1', 'board-2']);
    expect(pods(first)).toHaveLength(6);
    expect(pods(first).filter(isReady)).toHaveLength(6);
    // Leases tell who is there from memory, whenever they are read.
    expect(away.at(-1)).toBeGreaterThan(540_000);
    expect(renewedAgoMs(first, 'board-0')).toBe(0);
    // Nothing was restarted by the network's weather or by the board's absence.
    expect([...first.runtimes.values()].flatMap(({ starts }) => [...starts.values()])).toEqual(Array.from({ length: 6 }, () => 1));
    await first.stop();

    const second = await life(7);
    await second.stop();
    expect(second.trace.length).toBeGreaterThan(100);
    expect(second.trace).toEqual(first.trace);
  });

  it('do otherwise with another seed', async () => {
    const traces: (readonly string[])[] = [];
    for (const seed of [1, 2]) {
      const fleet = await life(seed);
      expect(pods(fleet).filter(isReady)).toHaveLength(6);
      await fleet.stop();
      traces.push(fleet.trace);
    }
    expect(traces[0]).not.toEqual(traces[1]);
  });
});
