import type { Deployment } from '@flotilla/shared/api/generated/types.js';
import { afterEach, expect, test } from 'vitest';
import { barePod, deployment, RecoveryWorld, settings } from './recovery-world.ts';

let world: RecoveryWorld;
afterEach(() => world?.close());

/** A fleet at work: a Deployment with a ConfigMap, a pod by itself, and one that ran to its end. */
async function atWork(boards = 2): Promise<void> {
  world = await RecoveryWorld.open({ boards });
  await world.apply(settings('1'), deployment('localhost/app:1', 2 * boards), barePod('alone'));
  const env = [{ name: 'FAKE_EXIT_AFTER_MS', value: '100' }];
  const containers = [{ name: 'main', image: 'localhost/job:1', env }];
  await world.apply(barePod('job', { restartPolicy: 'Never', containers }));
  await world.until(
    'everything runs',
    () => world.readyPods().length === 2 * boards + 1 && world.pod('job')?.status?.phase === 'Succeeded',
  );
}

test('the hub restarts and loses everything: from nothing but its keys it takes back what its boards run', async () => {
  await atWork();
  const before = { identities: world.identities(), containers: world.containers(), starts: world.starts() };
  const node = world.object<{ spec?: { podCIDR?: string }; metadata?: { uid?: string } }>('', 'nodes', 'board-0');
  const account = world.hub.admin.informer('', 'serviceaccounts').get('default/default')?.metadata?.uid;
  await world.loseStore();
  await world.startHub();
  await world.until('the recovery is over', () => !world.recovering && world.readyPods().length === 5);

  expect(world.identities()).toEqual(before.identities);
  expect(world.containers()).toEqual(before.containers);
  expect(world.starts()).toBe(before.starts);
  expect(world.pod('job')?.status?.phase).toBe('Succeeded');
  expect(world.object<{ metadata?: object; spec?: object }>('', 'nodes', 'board-0')).toMatchObject({
    metadata: { uid: node?.metadata?.uid, labels: { 'kubernetes.io/hostname': 'board-0' } },
    spec: { podCIDR: node?.spec?.podCIDR },
  });
  expect(world.hub.admin.informer('', 'serviceaccounts').get('default/default')?.metadata?.uid).toBe(account);
  expect(world.object('', 'configmaps', 'default/settings')).toMatchObject({ data: { VALUE: '1' } });
  expect(world.notice['advice']).toMatch(
    /^Deployment default\/web is lost \(4 pods of ReplicaSet web-\w+ run on, not owned\): apply it again/,
  );
  // Nobody owns them, so nothing collects them.
  await world.clock.advance(900_000);
  expect([world.identities(), world.containers()]).toEqual([before.identities, before.containers]);

  // Applied again, the Deployment takes them over as they are.
  await world.apply(deployment('localhost/app:1', 4));
  await world.until(
    'it is available',
    () => world.object<Deployment>('apps', 'deployments', 'default/web')?.status?.availableReplicas === 4,
  );
  await world.clock.advance(60_000);
  expect([world.identities(), world.containers(), world.starts()]).toEqual([before.identities, before.containers, before.starts]);
  const [set] = world.hub.admin.informer('apps', 'replicasets').list('default');
  expect(world.pods().filter(({ metadata }) => metadata?.ownerReferences?.[0]?.uid === set?.metadata?.uid)).toHaveLength(4);
});

test('half of the boards return, then an operator says that it is enough', async () => {
  await atWork();
  const before = world.identities();
  await world.loseStore();
  world.boards.get('board-1')?.kill();
  await world.startHub();
  await world.until('one was heard', () => world.notice['heard'] === '1');
  await world.clock.advance(600_000);
  expect(world.notice).toMatchObject({ state: expect.stringMatching(/^recovering/), missing: 'board-1' });
  expect(world.identities()).toEqual(before.filter((line) => line.endsWith('board-0')));
  // The API serves, but nothing decides over pods meanwhile.
  await world.apply(deployment('localhost/app:1', 4), barePod('new'));
  await world.clock.advance(60_000);
  expect(world.hub.admin.informer('apps', 'replicasets').list()).toEqual([]);
  expect(world.pod('new')?.spec?.nodeName).toBeUndefined();

  const state = await world.finish();
  expect(state.missing).toEqual([{ node: 'board-1' }]);
  const taken = before.filter((line) => /\bweb-.* board-0$/.test(line)).length;
  const pods = `${taken} pod${taken === 1 ? '' : 's'}`;
  expect(state.lines[0]).toMatch(new RegExp(`^Deployment default/web was applied since: it takes ${pods} of ReplicaSet web-\\w+ over if`));
  expect(state.lines.at(-1)).toBe('Board board-1 was not heard: what it runs beyond what is known here goes when it returns');
  await world.until(
    'four are there',
    () => world.readyPods().length === 4 + 1 + (before.some((line) => /alone .*board-0/.test(line)) ? 1 : 0),
  );
  const kept = before.filter((line) => line.endsWith('board-0'));
  expect(world.identities()).toEqual(expect.arrayContaining(kept));
  await world.boards.get('board-1')?.start();
  await world.until('the other one has what is wanted', () => world.boards.get('board-1')?.agent?.pods.idle && world.nodesReady() === 2);
  await world.clock.advance(120_000);
  const wanted = world.pods().filter(({ spec }) => spec?.nodeName === 'board-1').length;
  expect(
    world.boards
      .get('board-1')
      ?.runtime.containers()
      .filter(({ container }) => container.status === 'running'),
  ).toHaveLength(wanted);
});

test('a hub that crashes in the middle of it goes on where it was', async () => {
  await atWork(3);
  const before = { identities: world.identities(), containers: world.containers() };
  await world.loseStore();
  let crashes = 0;
  for (const writes of [3, 9, 14, 20]) {
    await world.startHub();
    let crashed = false;
    world.crashAtWrite(writes, () => {
      crashed = true;
      crashes++;
    });
    await world.until('it crashes or is through', () => crashed || !world.recovering);
    world.crashHub();
  }
  expect(crashes).toBeGreaterThan(1);
  await world.startHub();
  await world.until('the recovery is over', () => !world.recovering && world.readyPods().length === 7);
  await world.clock.advance(120_000);
  expect({ identities: world.identities(), containers: world.containers() }).toEqual(before);
});
