import type { Deployment, Pod, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { afterEach, describe, expect, it } from 'vitest';
import { ControlPlane, type ControlPlaneOptions } from '../../../../test/harness/control-plane.ts';
import { deployment, pod } from '../../../../test/harness/workloads.ts';

const planes: ControlPlane[] = [];
async function start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const plane = await ControlPlane.start(options);
  planes.push(plane);
  for (const name of ['a', 'b', 'c']) await plane.addNode(name);
  return plane;
}
afterEach(async () => {
  for (const plane of planes.splice(0)) await plane.stop();
});

const deployments = (plane: ControlPlane) => plane.client.resource<Deployment>('apps', 'deployments');
const get = (plane: ControlPlane, name = 'web') => plane.client.informer<Deployment>('apps', 'deployments').get(`default/${name}`);
const sets = (plane: ControlPlane) => plane.client.informer<ReplicaSet>('apps', 'replicasets').list('default');
const complete = (plane: ControlPlane) => (): boolean => {
  const { status, spec, metadata } = get(plane) ?? {};
  const wanted = spec?.replicas ?? 0;
  return (
    status?.observedGeneration === metadata?.generation &&
    [status?.updatedReplicas, status?.replicas, status?.availableReplicas].every((count) => (count ?? 0) === wanted)
  );
};
const change = (plane: ControlPlane, update: (spec: NonNullable<Deployment['spec']>) => Partial<NonNullable<Deployment['spec']>>) =>
  deployments(plane).update('default', 'web', (current) => ({
    ...current,
    ...(current.spec ? { spec: { ...current.spec, ...update(current.spec) } } : {}),
  }));
const image = (name: string) => deployment('web', 1, name).spec?.template as NonNullable<Deployment['spec']>['template'];
const condition = (plane: ControlPlane, type: string) => get(plane)?.status?.conditions?.find((entry) => entry.type === type);

describe('deployment controller', () => {
  it('makes pods, counts them and tells it as kubectl rollout status reads it', async () => {
    const plane = await start();
    await deployments(plane).create('default', deployment('web', 3));
    await plane.until('it is complete', complete(plane));
    expect(plane.pods()).toHaveLength(3);
    const [set] = sets(plane);
    expect(set?.metadata?.name).toBe(`web-${set?.metadata?.labels?.['pod-template-hash']}`);
    expect(set?.metadata?.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '1',
      'deployment.kubernetes.io/desired-replicas': '3',
      'deployment.kubernetes.io/max-replicas': '4',
    });
    expect(get(plane)?.metadata?.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    expect(get(plane)?.metadata?.generation).toBe(1);
    await plane.until('progress is told', () => condition(plane, 'Progressing')?.reason === 'NewReplicaSetAvailable');
    expect(condition(plane, 'Progressing')?.message).toBe(`ReplicaSet "${set?.metadata?.name}" has successfully progressed.`);
    expect(condition(plane, 'Available')).toMatchObject({ status: 'True', reason: 'MinimumReplicasAvailable' });
    expect(plane.events('ScalingReplicaSet')).toEqual([`Scaled up replica set ${set?.metadata?.name} from 0 to 3`]);
    expect(plane.events('SuccessfulCreate')).toHaveLength(3);
  });

  it('rolls without ever passing its bounds, and keeps the old ReplicaSet for a rollback', async () => {
    const plane = await start();
    await deployments(plane).create('default', deployment('web', 8));
    await plane.until('it is complete', complete(plane));
    let most = 0;
    let least = 8;
    plane.client.informer<ReplicaSet>('apps', 'replicasets').on({
      updated: () => {
        most = Math.max(
          most,
          sets(plane).reduce((sum, { spec }) => sum + (spec?.replicas ?? 0), 0),
        );
        least = Math.min(
          least,
          sets(plane).reduce((sum, { status }) => sum + (status?.availableReplicas ?? 0), 0),
        );
      },
    });
    await change(plane, () => ({ template: image('next') }));
    await plane.until('it is complete', complete(plane));
    expect(most).toBeLessThanOrEqual(10);
    expect(least).toBeGreaterThanOrEqual(6);
    await plane.until('the old pods are gone', () => plane.pods().length === 8);
    expect(plane.pods().every(({ spec }) => spec?.containers[0]?.image === 'next')).toBe(true);
    expect(
      sets(plane)
        .map(({ spec }) => spec?.replicas)
        .sort(),
    ).toEqual([0, 8]);
    // kubectl rollout undo writes the old template back: the old ReplicaSet is found again and gets the next revision.
    await change(plane, () => ({ template: image('first') }));
    await plane.until('it is complete', complete(plane));
    await plane.until('two remain', () => plane.pods().length === 8);
    expect(sets(plane)).toHaveLength(2);
    expect(get(plane)?.metadata?.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
  });

  it('stops at a bad release and says that it made no progress in time', async () => {
    const plane = await start({ becomesReady: ({ spec }) => spec?.containers[0]?.image !== 'bad' });
    await deployments(plane).create('default', deployment('web', 4));
    await plane.until('it is complete', complete(plane));
    await change(plane, () => ({ template: image('bad') }));
    await plane.until('the deadline is over', () => condition(plane, 'Progressing')?.reason === 'ProgressDeadlineExceeded', 700_000);
    expect(condition(plane, 'Progressing')?.status).toBe('False');
    expect(get(plane)?.status?.availableReplicas).toBe(3);
    await change(plane, () => ({ template: image('good') }));
    await plane.until('it is complete', complete(plane));
  });

  it('recreates: nothing new before the last old pod is gone', async () => {
    const plane = await start();
    const object = deployment('web', 3);
    await deployments(plane).create('default', {
      ...object,
      spec: { ...(object.spec as NonNullable<typeof object.spec>), strategy: { type: 'Recreate' } },
    });
    await plane.until('it is complete', complete(plane));
    let both = false;
    plane.client.informer('', 'pods').on({
      added: () => {
        both ||= new Set(plane.pods().map(({ spec }) => spec?.containers[0]?.image)).size > 1;
      },
    });
    await change(plane, () => ({ template: image('next') }));
    await plane.until('it is complete', () => complete(plane)() && plane.pods().every(({ spec }) => spec?.containers[0]?.image === 'next'));
    expect(both).toBe(false);
  });

  it('scales, pauses and resumes', async () => {
    const plane = await start();
    await deployments(plane).create('default', deployment('web', 2));
    await plane.until('it is complete', complete(plane));
    await change(plane, () => ({ replicas: 5 }));
    await plane.until('it grew', complete(plane));
    await change(plane, () => ({ paused: true, template: image('next') }));
    await plane.until('it is paused', () => condition(plane, 'Progressing')?.reason === 'DeploymentPaused');
    await change(plane, () => ({ replicas: 3 }));
    await plane.until('it shrank while paused', () => plane.pods().length === 3);
    expect(sets(plane)).toHaveLength(1);
    await change(plane, () => ({ paused: false }));
    await plane.until('it goes on', () => complete(plane)() && plane.pods().every(({ spec }) => spec?.containers[0]?.image === 'next'));
  });

  it('counts revisions on from any int64 that an adopted ReplicaSet has', async () => {
    const plane = await start();
    await deployments(plane).create('default', deployment('web', 1));
    await plane.until('it is complete', complete(plane));
    const revision = 'deployment.kubernetes.io/revision';
    await plane.client.resource<ReplicaSet>('apps', 'replicasets').update('default', sets(plane)[0]?.metadata?.name ?? '', (set) => ({
      ...set,
      metadata: { ...set.metadata, annotations: { ...set.metadata?.annotations, [revision]: '3546343826724305832' } },
    }));
    await change(plane, () => ({ template: image('next') }));
    await plane.until('it is complete', complete(plane));
    await plane.until('it is counted', () => get(plane)?.metadata?.annotations?.[revision] === '3546343826724305833');
  });

  it('forgets revisions beyond its limit', async () => {
    const plane = await start();
    const object = deployment('web', 1);
    await deployments(plane).create('default', {
      ...object,
      spec: { ...(object.spec as NonNullable<typeof object.spec>), revisionHistoryLimit: 1 },
    });
    for (const name of ['v2', 'v3', 'v4']) {
      await plane.until('it is complete', complete(plane));
      await change(plane, () => ({ template: image(name) }));
    }
    await plane.until('old ones are gone', () => complete(plane)() && sets(plane).length === 2);
  });

  it('begins a rollout with as many replicas as there are pods to adopt, and deletes none of them', async () => {
    const plane = await start();
    await deployments(plane).create('default', deployment('web', 3, 'second'));
    await plane.until('it is complete', complete(plane));
    const before = plane.pods().map(({ metadata }) => metadata?.uid);
    await deployments(plane).delete('default', 'web', { propagationPolicy: 'Orphan' });
    await plane.until('it is gone', () => !get(plane));
    for (const set of sets(plane)) {
      await plane.client.resource('apps', 'replicasets').delete('default', set.metadata?.name ?? '', { propagationPolicy: 'Orphan' });
    }
    await plane.until('nobody owns them', () => plane.pods().every(({ metadata }) => !metadata?.ownerReferences?.length));
    await deployments(plane).create('default', deployment('web', 3, 'first'));
    await plane.until('it is complete', complete(plane));
    expect(plane.pods()).toHaveLength(6);
    await change(plane, () => ({ template: image('second') }));
    await plane.until('it is complete', () => complete(plane)() && plane.pods().length === 3);
    expect(
      plane
        .pods()
        .map(({ metadata }) => metadata?.uid)
        .sort(),
    ).toEqual([...before].sort());
  });

  it('goes with everything it made', async () => {
    const plane = await start();
    await deployments(plane).create('default', deployment('web', 3));
    await plane.until('it is complete', complete(plane));
    await deployments(plane).delete('default', 'web', { propagationPolicy: 'Background' });
    await plane.until('all is gone', () => sets(plane).length === 0 && plane.pods().length === 0);
  });

  it('puts its pods through the same admission as everybody', async () => {
    const makers: string[] = [];
    const plane = await start({
      validate({ definition, subresource, operation, ctx }) {
        if (definition.kind === 'Pod' && !subresource && operation === 'CREATE') makers.push(ctx.user.name);
      },
    });
    await plane.client.resource<Pod>('', 'pods').create('default', pod('direct'));
    await deployments(plane).create('default', deployment('web', 1));
    await plane.until('it is complete', complete(plane));
    expect(makers).toEqual(['admin', 'system:serviceaccount:kube-system:replicaset-controller']);
    const [direct, made, ...others] = plane.pods().map(({ spec }) => spec);
    expect(others).toEqual([]);
    const token = expect.stringMatching(/^kube-api-access-[a-z0-9]{5}$/);
    for (const spec of [direct, made]) {
      expect(spec).toMatchObject({
        serviceAccountName: 'default',
        volumes: [{ name: token, projected: { sources: [{ serviceAccountToken: { path: 'token' } }, {}, {}] } }],
        containers: [{ volumeMounts: [{ name: token, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }] }],
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        schedulerName: 'default-scheduler',
        priority: 0,
        preemptionPolicy: 'PreemptLowerPriority',
      });
    }
    const comparable = (spec: Pod['spec']): unknown =>
      JSON.parse(JSON.stringify({ ...spec, nodeName: undefined }).replaceAll(/kube-api-access-[a-z0-9]{5}/g, 'token'));
    expect(comparable(made)).toEqual(comparable(direct));
  });
});
