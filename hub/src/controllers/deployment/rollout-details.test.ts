import type { Deployment, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { afterEach, describe, expect, it } from 'vitest';
import { ControlPlane, type ControlPlaneOptions } from '../../../../test/harness/control-plane.ts';
import { deployment } from '../../../../test/harness/workloads.ts';
import { newSetAnnotations } from './annotations.ts';
import { planDeployment } from './plan.ts';
import { templateHash } from './template-hash.ts';

const planes: ControlPlane[] = [];
async function start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const plane = await ControlPlane.start(options);
  planes.push(plane);
  await plane.addNode('a');
  return plane;
}
afterEach(async () => {
  for (const plane of planes.splice(0)) await plane.stop();
});

type Spec = NonNullable<Deployment['spec']>;
const of = (replicas: number, more: Partial<Spec> = {}, image = 'first'): Deployment => {
  const object = deployment('web', replicas, image);
  return { ...object, spec: { ...(object.spec as Spec), ...more } };
};
const deployments = (plane: ControlPlane) => plane.client.resource<Deployment>('apps', 'deployments');
const get = (plane: ControlPlane) => plane.client.informer<Deployment>('apps', 'deployments').get('default/web');
const sets = (plane: ControlPlane) => plane.client.informer<ReplicaSet>('apps', 'replicasets').list('default');
const condition = (plane: ControlPlane, type: string) => get(plane)?.status?.conditions?.find((entry) => entry.type === type);
const available = (plane: ControlPlane, count: number) => (): boolean => (get(plane)?.status?.availableReplicas ?? 0) === count;

describe('a name that another template has', () => {
  it('is counted, and the next one is taken', async () => {
    const plane = await start();
    const object = of(2);
    // Somebody else's ReplicaSet has the very name that this one's hash gives, with all that the hub fills in.
    const probe = { ...object, metadata: { ...object.metadata, name: 'probe' } };
    const asked = await deployments(plane).create('default', probe);
    await deployments(plane).delete('default', 'probe', { propagationPolicy: 'Background' });
    await plane.until('the probe is gone', () => sets(plane).length === 0 && plane.pods().length === 0);
    const template = asked.spec?.template as Spec['template'];
    const taken = `web-${templateHash(template)}`;
    const labels = { app: 'other' };
    await plane.client.resource<ReplicaSet>('apps', 'replicasets').create('default', {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: taken, namespace: 'default' },
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
    });
    await deployments(plane).create('default', object);
    await plane.until('it is available', available(plane, 2));
    expect(get(plane)?.status?.collisionCount).toBe(1);
    const own = sets(plane).filter(({ metadata }) => metadata?.ownerReferences?.[0]?.name === 'web');
    expect(own.map(({ metadata }) => metadata?.name)).toEqual([`web-${templateHash(template, 1)}`]);
    expect(sets(plane).find(({ metadata }) => metadata?.name === taken)?.spec?.replicas).toBe(0);
  });
});

describe('a scaling in the middle of a rollout', () => {
  const set = (name: string, replicas: number, more: Partial<ReplicaSet> = {}): ReplicaSet => ({
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      creationTimestamp: name === 'old' ? '2026-01-01T00:00:00Z' : '2026-01-02T00:00:00Z',
      annotations: {
        'deployment.kubernetes.io/desired-replicas': '10',
        'deployment.kubernetes.io/max-replicas': '13',
        'deployment.kubernetes.io/revision': name === 'old' ? '1' : '2',
      },
    },
    spec: { replicas, selector: {}, template: of(1, {}, name).spec?.template ?? { spec: { containers: [] } } },
    status: { replicas, availableReplicas: replicas },
    ...more,
  });
  const sizes = (replicas: number, ...replicaSets: ReplicaSet[]): Record<string, number> => {
    const object = of(replicas, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } }, 'new');
    const { steps } = planDeployment({ deployment: object, replicaSets, podsOf: () => [], nowMs: 0 });
    return Object.fromEntries(steps.flatMap((step) => (step.type === 'resize' ? [[step.set.metadata?.name ?? '', step.to]] : [])));
  };

  it('is shared by size, and what is left over goes to the largest', () => {
    expect(sizes(15, set('old', 8), set('new', 5))).toEqual({ old: 11, new: 7 });
    expect(sizes(20, set('old', 9), set('new', 4))).toEqual({ old: 16, new: 7 });
    expect(sizes(5, set('old', 8), set('new', 5))).toEqual({ old: 5, new: 3 });
    expect(sizes(0, set('old', 8), set('new', 5))).toEqual({ old: 0, new: 0 });
  });

  it('goes to the only one there is', () => {
    expect(sizes(15, set('new', 10))).toEqual({ new: 15 });
  });

  it('takes away what is old once the new one is complete', () => {
    const complete = set('new', 10);
    const annotations = { ...complete.metadata?.annotations, 'deployment.kubernetes.io/desired-replicas': '10' };
    const stale = set('old', 2);
    const moved = {
      ...stale,
      metadata: { ...stale.metadata, annotations: { ...stale.metadata?.annotations, 'deployment.kubernetes.io/desired-replicas': '9' } },
    };
    expect(sizes(10, moved, { ...complete, metadata: { ...complete.metadata, annotations } })).toEqual({ old: 0 });
  });
});

describe('minReadySeconds', () => {
  it('makes a pod count only when it has been ready for so long', async () => {
    const plane = await start();
    await deployments(plane).create('default', of(2, { minReadySeconds: 30, progressDeadlineSeconds: 100 }));
    await plane.until('both are ready', () => get(plane)?.status?.readyReplicas === 2);
    expect(get(plane)?.status?.availableReplicas ?? 0).toBe(0);
    expect(condition(plane, 'Available')).toMatchObject({
      status: 'False',
      reason: 'MinimumReplicasUnavailable',
      message: 'Deployment does not have minimum availability.',
    });
    const readyMs = plane.clock.monotonicMs();
    await plane.until('both count', available(plane, 2));
    expect(plane.clock.monotonicMs() - readyMs).toBeGreaterThanOrEqual(28_000);
    expect(condition(plane, 'Available')).toMatchObject({
      status: 'True',
      reason: 'MinimumReplicasAvailable',
      message: 'Deployment has minimum availability.',
    });
    expect(sets(plane)[0]?.spec?.minReadySeconds).toBe(30);
  });
});

describe('what a rollout says of itself', () => {
  it('is told in the words of Kubernetes, step by step', async () => {
    const plane = await start({ becomesReady: ({ spec }) => spec?.containers[0]?.image !== 'bad' });
    const said: string[] = [];
    const see = ({ status }: Deployment): void => {
      const { reason, message, status: is } = status?.conditions?.find(({ type }) => type === 'Progressing') ?? {};
      const text = `${is} ${reason}: ${message?.replace(/web-[a-z0-9]+/, 'SET')}`;
      if (reason && said.at(-1) !== text) said.push(text);
    };
    plane.client.informer<Deployment>('apps', 'deployments').on({ added: see, updated: see });
    await deployments(plane).create('default', of(2, { progressDeadlineSeconds: 60 }));
    await plane.until('it is complete', () => condition(plane, 'Progressing')?.reason === 'NewReplicaSetAvailable');
    await deployments(plane).update('default', 'web', (current) => ({ ...current, spec: { ...(current.spec as Spec), paused: true } }));
    await plane.until('it is paused', () => condition(plane, 'Progressing')?.reason === 'DeploymentPaused');
    const bad = of(2, {}, 'bad').spec?.template as Spec['template'];
    await deployments(plane).update('default', 'web', (current) => ({
      ...current,
      spec: { ...(current.spec as Spec), paused: false, template: bad },
    }));
    await plane.until('it is late', () => condition(plane, 'Progressing')?.reason === 'ProgressDeadlineExceeded');
    const first = of(2, {}, 'first').spec?.template as Spec['template'];
    await deployments(plane).update('default', 'web', (current) => ({ ...current, spec: { ...(current.spec as Spec), template: first } }));
    await plane.until('it is back', () => condition(plane, 'Progressing')?.reason === 'NewReplicaSetAvailable');
    const words = [
      'True NewReplicaSetCreated: Created new replica set "SET"',
      'True ReplicaSetUpdated: ReplicaSet "SET" is progressing.',
      'True NewReplicaSetAvailable: ReplicaSet "SET" has successfully progressed.',
      'Unknown DeploymentPaused: Deployment is paused',
      'Unknown DeploymentResumed: Deployment is resumed',
      'True NewReplicaSetCreated: Created new replica set "SET"',
      'True ReplicaSetUpdated: ReplicaSet "SET" is progressing.',
      'False ProgressDeadlineExceeded: ReplicaSet "SET" has timed out progressing.',
    ];
    expect(said.slice(0, words.length)).toEqual(words);
    expect(said.at(-1)).toBe('True NewReplicaSetAvailable: ReplicaSet "SET" has successfully progressed.');
  });
});

describe('the history of revisions', () => {
  const set = (history: string | undefined): ReplicaSet => ({
    metadata: {
      annotations: {
        'deployment.kubernetes.io/revision': '7',
        ...(history === undefined ? {} : { 'deployment.kubernetes.io/revision-history': history }),
      },
    },
  });
  const historyOf = (history: string | undefined): string | undefined =>
    newSetAnnotations(of(1), set(history), 9n)['deployment.kubernetes.io/revision-history'];

  it('grows by the revision that is left behind, and loses the oldest when it is long', () => {
    expect(historyOf(undefined)).toBe('7');
    expect(historyOf('1,3')).toBe('1,3,7');
    const long = Array.from({ length: 500 }, (_, at) => String(1000 + at)).join(',');
    const next = historyOf(long) ?? '';
    expect(next.length).toBeLessThanOrEqual(2000);
    expect(next).toMatch(/^1\d\d\d,.*,1499,7$/);
  });
});

describe('a rollout that had its deadline', () => {
  const stands = (reason: string, readyReplicas: number): number | undefined => {
    const set: ReplicaSet = {
      metadata: { name: 'web-1', namespace: 'default', uid: 'web-1', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: { replicas: 2, selector: {}, template: of(2).spec?.template ?? { spec: { containers: [] } } },
      status: { replicas: 2, readyReplicas, availableReplicas: readyReplicas },
    };
    const progressing = { type: 'Progressing', status: 'True', reason, message: '', lastUpdateTime: '2026-01-01T00:00:00Z' };
    const object = {
      ...of(2, { progressDeadlineSeconds: 600 }),
      status: { replicas: 2, updatedReplicas: 2, readyReplicas, availableReplicas: readyReplicas, conditions: [progressing] },
    };
    return planDeployment({ deployment: object, replicaSets: [set], podsOf: () => [], nowMs: Date.parse('2026-01-01T00:09:00Z') })
      .requeueAfterMs;
  };

  it('is looked at again just after its deadline, and never for what was rolled out and has failed since', () => {
    expect(stands('ReplicaSetUpdated', 1)).toBe(61_000);
    expect(stands('NewReplicaSetAvailable', 1)).toBeUndefined();
    expect(stands('NewReplicaSetAvailable', 2)).toBeUndefined();
  });
});
