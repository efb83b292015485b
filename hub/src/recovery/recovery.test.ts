import type { Pod, Secret } from '@flotilla/shared/api/generated/types.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { afterEach, expect, test } from 'vitest';
import { Ledger } from '#auth/pki/ledger.ts';
import { createClient } from '#client/client.ts';
import { Informers } from '#client/informers.ts';
import type { Client } from '#client/types.ts';
import { definitions } from '#registry/definitions.ts';
import { bootstrap } from '#registry/generic/bootstrap.ts';
import { registryFixture } from '#registry/generic/registry-fixture.ts';
import { adminRoutes } from './admin-routes.ts';
import type { Recalled } from './recalled.ts';
import { Recovery } from './recovery.ts';
import { findStartingPoint } from './starting-point.ts';

const close: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of close.splice(0)) await end();
});

async function hub(boards: readonly string[]) {
  const clock = new FakeClock();
  const ledger = await Ledger.open({ files: new FakeFiles(), dir: '/ledger' });
  await ledger.beginEpoch({ epoch: 1, revision: 1 });
  for (const node of boards) await ledger.enter({ node, keyId: `key-${node}`, serial: '' });
  const fixture = await registryFixture(definitions, { clock });
  const { registry, store } = fixture;
  const start = await findStartingPoint({ store, ledger });
  await bootstrap(registry);
  const informers = new Informers({ registry, clock, random: new SeededRandom(1), logger: silentLogger });
  const client: Client = createClient({ registry, informers, user: { name: 'admin', groups: ['system:masters'] }, logger: silentLogger });
  const told: string[] = [];
  const events = {
    event: (about: KubeObject, type: string, reason: string, message: string) =>
      void told.push(`${about.metadata?.name} ${type} ${reason} ${message}`),
  };
  const recovery = new Recovery({ start, store, registry, client, events, clock, logger: silentLogger });
  await recovery.load();
  close.push(
    () => recovery.stop(),
    () => informers.stop(),
    fixture.close,
  );
  return { clock, ledger, client, recovery, told };
}

function from(node: string, objects: Readonly<Record<string, KubeObject>> = {}): Recalled {
  return {
    node,
    content: { generation: { epoch: 1, revision: 5, digest: '' }, objects: new Map(Object.entries(objects)) },
    tombstones: [],
  };
}

const settled = async (promise: Promise<unknown> | undefined, clock: FakeClock): Promise<boolean> => {
  let done = promise === undefined;
  void promise?.then(() => {
    done = true;
  });
  await clock.advance(1);
  return done;
};

test('nothing is taken from a board and nothing sent to it before it was heard', async () => {
  const { clock, recovery } = await hub(['a', 'b']);
  const [reports, manifests] = [recovery.reports('a'), recovery.manifests('a')];
  expect([await settled(reports, clock), await settled(manifests, clock)]).toEqual([false, false]);
  // A board that joins meanwhile has nothing to give back.
  expect([recovery.wants('new'), recovery.reports('new'), recovery.manifests('new')]).toEqual([false, undefined, undefined]);
  await recovery.take(from('a'));
  expect([await settled(reports, clock), await settled(manifests, clock)]).toEqual([true, true]);
  expect([recovery.wants('a'), recovery.reports('a'), recovery.manifests('a')]).toEqual([false, undefined, undefined]);
  expect(recovery.state()).toMatchObject({ active: true, missing: [{ node: 'b' }] });
});

test('a board of which something could not be taken back keeps it until the recovery is over', async () => {
  const { clock, recovery } = await hub(['a', 'b']);
  const manifests = recovery.manifests('a');
  const secret: Secret = { metadata: { name: 's', namespace: 'kube-system', uid: 'u' } };
  await recovery.take(from('a', { 'secrets/kube-system/s': secret }));
  expect(await settled(recovery.reports('a'), clock)).toBe(true);
  expect(await settled(manifests, clock)).toBe(false);
  expect(recovery.state().heard).toMatchObject([{ node: 'a', unrecovered: [{ what: 'secrets/kube-system/s' }] }]);
  const state = await recovery.finish();
  expect(state.lines).toEqual(['Board b was not heard: what it runs beyond what is known here goes when it returns']);
  expect([await settled(manifests, clock), await settled(recovery.ended, clock)]).toEqual([true, true]);
  await expect(recovery.finish()).rejects.toThrow('no recovery is under way');
});

test('a board that forges counts as missing, with an event and the reason', async () => {
  const { recovery, told } = await hub(['a']);
  recovery.refused('a', 'the signature does not hold');
  expect(told).toEqual([
    'a Warning RecallRefused What the board gave back is not what this hub signed for it: the signature does not hold',
  ]);
  expect(recovery.state().missing).toEqual([{ node: 'a', why: 'the signature does not hold' }]);
  await recovery.take(from('a'));
  await recovery.ended;
  expect(recovery.state()).toMatchObject({ active: false, missing: [] });
});

test('a board that is revoked meanwhile is nobody to wait for', async () => {
  const { clock, ledger, recovery } = await hub(['a', 'b']);
  await recovery.take(from('a'));
  await ledger.revoke('b', 'key-b');
  await clock.advance(20_000);
  expect(recovery.state()).toMatchObject({ active: false, missing: [] });
});

test('without a board there is nothing to wait for', async () => {
  const { recovery } = await hub([]);
  await recovery.ended;
  expect(recovery.state().active).toBe(false);
});

test('what is under way when the end comes is orphaned with the rest', async () => {
  const { client, recovery } = await hub(['a', 'b']);
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-x', uid: 'gone', controller: true };
  const pod: Pod = {
    metadata: { name: 'p', namespace: 'default', uid: 'u', ownerReferences: [owner] },
    spec: {
      nodeName: 'a',
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'm', image: 'i', imagePullPolicy: 'Never', terminationMessagePolicy: 'File' }],
    },
  };
  const taking = recovery.take(from('a', { 'pods/default/p': pod }));
  const state = await recovery.finish();
  await taking;
  expect(client.informer('', 'pods').get('default/p')?.metadata?.ownerReferences).toBeUndefined();
  expect(state.lines[0]).toBe(
    'ReplicaSet default/web-x is lost (1 pod of ReplicaSet web-x run on, not owned): apply it again, and it takes them over',
  );
  expect(state.heard).toHaveLength(1);
  await recovery.take(from('b', { 'pods/default/q': pod }));
  expect(client.informer('', 'pods').list()).toHaveLength(1);
});

test('only an administrator may ask the hub itself', async () => {
  const { recovery } = await hub(['a']);
  const ask = async (groups: readonly string[] | undefined, method: string, url: string): Promise<{ code: number; body: string }> => {
    const answers: { code: number; body: string }[] = [];
    const user = groups && { name: 'somebody', groups };
    const routes = adminRoutes({ authenticator: { authenticate: () => user }, recovery, backup: undefined });
    const stream = (): never => expect.fail('no stream');
    await routes({
      method,
      url,
      peer: undefined,
      header: () => undefined,
      stream,
      reply: (code, _type, body) => void answers.push({ code, body }),
    });
    return answers[0] ?? { code: 0, body: '' };
  };
  const masters = ['system:masters'];
  expect((await ask(undefined, 'GET', '/flotilla/v1/admin/recovery')).code).toBe(401);
  for (const path of ['recovery', 'recovery/finish', 'backup']) {
    expect((await ask(['system:nodes', 'system:authenticated'], 'POST', `/flotilla/v1/admin/${path}`)).code).toBe(403);
  }
  expect(JSON.parse((await ask(masters, 'GET', '/flotilla/v1/admin/recovery')).body)).toMatchObject({ active: true });
  expect((await ask(masters, 'POST', '/flotilla/v1/admin/backup')).code).toBe(501);
  expect((await ask(masters, 'GET', '/flotilla/v1/admin/backup')).code).toBe(404);
  expect((await ask(masters, 'POST', '/flotilla/v1/admin/recovery/finish')).code).toBe(200);
  expect((await ask(masters, 'POST', '/flotilla/v1/admin/recovery/finish')).code).toBe(409);
});
