import type { Deployment } from '@flotilla/shared/api/generated/types.js';
import { afterEach, expect, test } from 'vitest';
import { barePod, deployment, RecoveryWorld, settings } from './recovery-world.ts';

let world: RecoveryWorld;
afterEach(() => world?.close());

const rolledOut = (image: string) => (): boolean => {
  const status = world.object<Deployment>('apps', 'deployments', 'default/web')?.status;
  const images = world
    .pods()
    .filter(({ metadata }) => metadata?.labels?.['app'] === 'web')
    .map(({ spec }) => spec?.containers[0]?.image);
  return status?.availableReplicas === 3 && images.length === 3 && images.every((one) => one === image);
};

test('a backup at v1, v2 rolled out, restored: the pods of v2 run on, and v2 applied again takes them over', async () => {
  world = await RecoveryWorld.open({ boards: 2 });
  await world.apply(settings('1'), deployment('localhost/app:1'));
  await world.until('v1 runs', rolledOut('localhost/app:1'));
  const backup = world.store.backup();
  await world.apply(settings('2'), deployment('localhost/app:2'), barePod('later'));
  await world.until('v2 runs', () => rolledOut('localhost/app:2')() && world.readyPods().length === 4);
  await world.clock.advance(30_000);
  const before = { identities: world.identities(), containers: world.containers() };
  const lines: string[] = [];

  await world.restore(backup);
  // One of two stays away for now: nothing is decided meanwhile.
  world.boards.get('board-1')?.kill();
  await world.startHub();
  await world.until('one was heard', () => world.notice['heard'] === '1');
  await world.clock.advance(300_000);
  expect(world.recovering).toBe(true);
  expect(world.containers()).toEqual(before.containers);
  await world.boards.get('board-1')?.start();
  await world.until('the recovery is over', () => !world.recovering);
  lines.push(...(world.hub.recovery?.state().lines ?? []));
  expect(lines).toEqual([
    expect.stringMatching(
      /^Deployment default\/web is older than what its boards run \(3 pods of ReplicaSet web-\w+, not owned\): re-apply/,
    ),
  ]);

  // What was made after the backup is there with its uid, and what was deleted after it is not run again.
  expect(world.identities()).toEqual(expect.arrayContaining(before.identities));
  expect(world.object('', 'configmaps', 'default/settings')).toMatchObject({ data: { VALUE: '2' } });
  await world.apply(deployment('localhost/app:2'));
  await world.until('v2 is what is wanted and there', rolledOut('localhost/app:2'));
  await world.clock.advance(60_000);
  expect(world.identities()).toEqual(before.identities);
  const still = new Set(world.containers());
  expect(before.containers.every((line) => still.has(line))).toBe(true);
  // Applied while the hub was recovering it would not even have begun v1; afterwards v1 may have begun, and is gone again.
  expect(world.boards.size).toBe(2);
});

test('re-applied before the recovery ends, the older version never runs at all', async () => {
  world = await RecoveryWorld.open({ boards: 2 });
  await world.apply(settings('1'), deployment('localhost/app:1'));
  await world.until('v1 runs', rolledOut('localhost/app:1'));
  const backup = world.store.backup();
  await world.apply(deployment('localhost/app:2'));
  await world.until('v2 runs', rolledOut('localhost/app:2'));
  await world.clock.advance(30_000);
  const before = { identities: world.identities(), containers: world.containers(), starts: world.starts() };
  await world.restore(backup);
  world.boards.get('board-1')?.kill();
  await world.startHub();
  await world.until('one was heard', () => world.notice['heard'] === '1');
  await world.apply(deployment('localhost/app:2'));
  await world.boards.get('board-1')?.start();
  await world.until('the recovery is over', () => !world.recovering && rolledOut('localhost/app:2')());
  await world.clock.advance(120_000);
  expect({ identities: world.identities(), containers: world.containers(), starts: world.starts() }).toEqual(before);
});

test('what ended and was buried after the backup never runs again', async () => {
  world = await RecoveryWorld.open({ boards: 1 });
  const env = [{ name: 'FAKE_EXIT_AFTER_MS', value: '60000' }];
  const containers = [{ name: 'main', image: 'localhost/job:1', env }];
  world.boards.get('board-0')?.kill();
  await world.apply(barePod('waits', { restartPolicy: 'Never', containers }));
  const unbound = world.store.backup();
  await world.boards.get('board-0')?.start();
  await world.apply(barePod('job', { restartPolicy: 'Never', containers }));
  await world.until('both run', () => world.readyPods().length === 2);
  const running = world.store.backup();
  await world.until('both ended', () => world.pods().every(({ status }) => status?.phase === 'Succeeded'));
  for (const name of ['job', 'waits']) await world.hub.admin.resource('', 'pods').delete('default', name);
  await world.until('they are gone', () => world.pods().length === 0 && world.boards.get('board-0')?.agent?.pods.idle);
  await world.clock.advance(30_000);
  const starts = world.starts();
  expect(starts).toBe(2);
  for (const backup of [running, unbound]) {
    await world.restore(backup);
    await world.startHub();
    await world.until('the recovery is over', () => !world.recovering);
    await world.clock.advance(120_000);
    expect(world.pods()).toEqual([]);
    expect(world.starts()).toBe(starts);
  }
});

test('a board that returns after the end buries what it buried, also when nobody here knows', async () => {
  world = await RecoveryWorld.open({ boards: 1 });
  await world.apply(barePod('a'));
  await world.until('it runs', () => world.readyPods().length === 1);
  const backup = world.store.backup();
  await world.hub.admin.resource('', 'pods').delete('default', 'a');
  await world.until('it is gone', () => world.pods().length === 0);
  await world.clock.advance(30_000);
  world.boards.get('board-0')?.kill();
  await world.restore(backup);
  await world.startHub();
  await world.finish();
  expect(world.pods()).toHaveLength(1);
  await world.boards.get('board-0')?.start();
  await world.until('the pod is gone here too', () => world.pods().length === 0);
  expect(world.starts()).toBe(1);
});

test('a delete missed: what was deleted before the backup does not come back with a board that missed it', async () => {
  world = await RecoveryWorld.open({ boards: 2 });
  await world.apply(barePod('goes', { nodeName: 'board-1' }), barePod('stays', { nodeName: 'board-1' }));
  await world.until('both run', () => world.readyPods().length === 2);
  world.boards.get('board-1')?.kill();
  await world.hub.admin.resource('', 'pods').delete('default', 'goes', { gracePeriodSeconds: 0 });
  await world.apply(barePod('new', { nodeName: 'board-1' }));
  const backup = world.store.backup();
  const starts = world.starts();
  await world.restore(backup);
  await world.startHub();
  await world.boards.get('board-1')?.start();
  await world.until('the recovery is over', () => !world.recovering && world.readyPods().length === 2);
  await world.clock.advance(60_000);
  expect(
    world
      .pods()
      .map(({ metadata }) => metadata?.name)
      .sort(),
  ).toEqual(['new', 'stays']);
  expect(world.starts()).toBe(starts + 1);
  const running = world.boards
    .get('board-1')
    ?.runtime.containers()
    .filter(({ container }) => container.status === 'running');
  expect(running?.map(({ pod }) => pod.name).sort()).toEqual(['new', 'stays']);
});

test('a board that was revoked after the backup stays revoked, and nobody waits for it', async () => {
  world = await RecoveryWorld.open({ boards: 2 });
  await world.apply(barePod('a', { nodeName: 'board-0' }));
  await world.until('it runs', () => world.readyPods().length === 1);
  const backup = world.store.backup();
  await world.hub.admin.resource('', 'secrets').delete('kube-system', 'flotilla-board-board-1');
  await world.clock.advance(1000);
  await world.restore(backup);
  await world.startHub();
  expect(world.object('', 'secrets', 'kube-system/flotilla-board-board-1')).toBeUndefined();
  await world.until('the recovery is over', () => !world.recovering);
  await world.clock.advance(120_000);
  expect(world.broker.session('board-1')).toBeUndefined();
  expect(world.readyPods()).toHaveLength(1);
});

test('restored twice from one backup: no revision and no generation is used twice', async () => {
  world = await RecoveryWorld.open({ boards: 1 });
  await world.apply(barePod('a'));
  await world.until('it runs', () => world.readyPods().length === 1);
  const backup = world.store.backup();
  const seen: { revision: number; epoch: number | undefined }[] = [];
  for (const name of ['b', 'c']) {
    await world.restore(backup);
    await world.startHub();
    await world.until('the recovery is over', () => !world.recovering);
    await world.apply(barePod(name));
    await world.until('it runs', () => world.pod(name)?.status?.phase === 'Running');
    await world.clock.advance(1000);
    seen.push({ revision: await world.store.currentRevision(), epoch: (await world.ledger()).newest.epoch });
  }
  const [first, second] = seen;
  expect(second?.revision).toBeGreaterThan((first?.revision ?? 0) + 1e11);
  expect(seen.map(({ epoch }) => epoch)).toEqual([2, 3]);
  // The later restore is not before what the board had from the one between: all of it is there.
  expect(
    world
      .pods()
      .map(({ metadata }) => metadata?.name)
      .sort(),
  ).toEqual(['a', 'b', 'c']);
  expect(world.starts()).toBe(3);
});
