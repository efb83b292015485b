import type { ConfigMap, Pod, Secret } from '@flotilla/shared/api/generated/types.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient } from '#client/client.ts';
import { Informers } from '#client/informers.ts';
import type { Client } from '#client/types.ts';
import type { RegistryFixture } from '#registry/generic/registry-fixture.ts';
import { admissionFixture } from '../../../test/harness/admission-fixture.ts';
import type { BoardOutcome, Recalled } from './recalled.ts';
import { TakeBack } from './take-back.ts';

let fixture: RegistryFixture;
let informers: Informers;
let client: Client;
let takeBack: TakeBack;

beforeEach(async () => {
  fixture = await admissionFixture();
  const { registry, clock } = fixture;
  informers = new Informers({ registry, clock, random: new SeededRandom(1), logger: silentLogger });
  client = createClient({ registry, informers, user: { name: 'admin', groups: ['system:masters'] }, logger: silentLogger });
});
afterEach(async () => {
  informers.stop();
  await fixture.close();
});

/** What is in the store now counts as the backup, or as nothing. */
async function recover(known = { epoch: 0, revision: 0 }): Promise<void> {
  const base = await fixture.store.currentRevision();
  const { registry, clock } = fixture;
  takeBack = new TakeBack({ registry, client, clock, cause: { reason: 'restored', known, base } });
  await client.synced();
}

const metadata = (name: string, uid = `uid-of-${name}`, namespace = 'default') => ({
  name,
  namespace,
  uid,
  creationTimestamp: '2025-01-01T00:00:00Z',
});
const account: KubeObject = { metadata: { name: 'default', namespace: 'default', uid: 'account' } };

function pod(name: string, nodeName = 'a', uid?: string): Pod {
  const containers = [{ name: 'main', image: 'i', imagePullPolicy: 'Never', terminationMessagePolicy: 'File' }];
  const spec = {
    nodeName,
    serviceAccountName: 'default',
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    terminationGracePeriodSeconds: 1,
    containers,
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata: metadata(name, uid), spec } as Pod;
}

function configMap(name: string, value: string, uid?: string): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata(name, uid), data: { value } };
}

function from(node: string, revision: number, objects: Readonly<Record<string, KubeObject>>, buried: readonly string[] = []): Recalled {
  const tombstones = buried.map((uid) => ({ uid, namespace: 'default', name: 'x', phase: 'Succeeded' }));
  const all = new Map(Object.entries({ 'serviceaccounts/default/default': account, ...objects }));
  return { node, content: { generation: { epoch: 1, revision, digest: '' }, objects: all }, tombstones };
}

const take = (recalled: Recalled): Promise<BoardOutcome> => takeBack.take(recalled);
const get = <T extends KubeObject>(resource: string, key: string): T | undefined => client.informer<T>('', resource).get(key);
const names = ({ taken }: BoardOutcome): string[] => taken.map(({ resource, name }) => `${resource}/${name}`);

test('takes nothing that gives anybody rights, nothing of others, and nothing that is not what its key says', async () => {
  await recover();
  const token: Secret = { kind: 'Secret', apiVersion: 'v1', metadata: metadata('t'), type: 'bootstrap.kubernetes.io/token' };
  const board: Secret = { metadata: metadata('flotilla-board-x', 'u', 'kube-system'), type: 'fleet.flotilla.dev/board' };
  const outcome = await take(
    from('a', 5, {
      'clusterrolebindings/me': { metadata: { name: 'me', uid: 'u' } },
      'roles/default/me': { kind: 'Role', metadata: metadata('me') },
      'deployments/default/web': { metadata: metadata('web') },
      'nodes/other': { metadata: { name: 'other', uid: 'u' } },
      'secrets/default/t': token,
      'secrets/kube-system/flotilla-board-x': board,
      'pods/default/foreign': pod('foreign', 'b'),
      'pods/default/hidden': pod('renamed'),
      'configmaps/default/disguised': { kind: 'Secret', apiVersion: 'v1', metadata: metadata('disguised') },
      'pods/default/good': pod('good'),
    }),
  );
  expect(names(outcome)).toEqual(['serviceaccounts/default', 'pods/good']);
  expect(outcome.unrecovered.map(({ what }) => what).sort()).toEqual([
    'configmaps/default/disguised',
    'nodes/other',
    'pods/default/foreign',
    'pods/default/hidden',
    'secrets/default/t',
    'secrets/kube-system/flotilla-board-x',
  ]);
  expect(get('pods', 'default/good')?.metadata).toMatchObject({ uid: 'uid-of-good', creationTimestamp: '2025-01-01T00:00:00Z' });
  expect(outcome.owners).toEqual([{ kind: 'Deployment', namespace: 'default', name: 'web', uid: 'uid-of-web' }]);
});

test('a content that is not newer than the backup brings nothing back and removes nothing', async () => {
  await recover({ epoch: 1, revision: 100 });
  const outcome = await take(from('a', 100, { 'pods/default/deleted': pod('deleted'), 'configmaps/default/c': configMap('c', '1') }));
  expect([names(outcome), outcome.removed]).toEqual([[], []]);
  expect(get('pods', 'default/deleted')).toBeUndefined();
  expect(
    names(
      await take({
        ...from('a', 1, { 'pods/default/p': pod('p') }),
        content: {
          generation: { epoch: 2, revision: 1, digest: '' },
          objects: new Map([
            ['serviceaccounts/default/default', account],
            ['pods/default/p', pod('p')],
          ]),
        },
      }),
    ),
  ).toContain('pods/p');
});

test('of two boards that have one object the newer content counts, in whatever order they come', async () => {
  await recover();
  const settings = (revision: number, node: string) => from(node, revision, { 'configmaps/default/c': configMap('c', String(revision)) });
  await take(settings(5, 'a'));
  await take(settings(9, 'b'));
  await take(settings(7, 'c'));
  expect(get<ConfigMap>('configmaps', 'default/c')?.data).toEqual({ value: '9' });
  await Promise.all([take(settings(20, 'd')), take(settings(19, 'e')), take(settings(21, 'f'))]);
  expect(get<ConfigMap>('configmaps', 'default/c')?.data).toEqual({ value: '21' });
});

test('never overwrites what was written since, and replaces what the backup has of it', async () => {
  const maps = client.resource<ConfigMap>('', 'configmaps');
  await maps.create('default', { metadata: { name: 'old' }, data: { value: 'backup' } });
  await maps.create('default', { metadata: { name: 'touched' }, data: { value: 'backup' } });
  await recover();
  await maps.update('default', 'touched', (current) => ({ ...current, data: { value: 'operator' } }));
  await maps.create('default', { metadata: { name: 'made' }, data: { value: 'operator' } });
  await take(
    from('a', 5, Object.fromEntries(['old', 'touched', 'made'].map((name) => [`configmaps/default/${name}`, configMap(name, 'board')]))),
  );
  const values = ['old', 'touched', 'made'].map((name) => get<ConfigMap>('configmaps', `default/${name}`)?.data?.['value']);
  expect(values).toEqual(['board', 'operator', 'operator']);
});

test('pods: missing ones come back, buried ones never, those that are gone go; the newer of two with one name stays', async () => {
  await recover();
  await take(from('a', 5, { 'pods/default/p': pod('p'), 'pods/default/old': pod('old'), 'pods/default/same': pod('same', 'a', 'one') }));
  await recover();
  const outcome = await take(from('a', 9, { 'pods/default/p': pod('p'), 'pods/default/buried': pod('buried') }, ['uid-of-buried', 'one']));
  expect([...outcome.removed].sort()).toEqual(['default/old', 'default/same']);
  expect(
    client
      .informer('', 'pods')
      .list()
      .map(({ metadata: { name } = {} }) => name),
  ).toEqual(['p']);
  // Two boards have a pod of one name: what the hub wanted last counts.
  await take(from('b', 6, { 'pods/default/q': pod('q', 'b', 'first') }));
  await take(from('c', 8, { 'pods/default/q': pod('q', 'c', 'second') }));
  const late = await take(from('d', 7, { 'pods/default/q': pod('q', 'd', 'third') }));
  expect(get<Pod>('pods', 'default/q')).toMatchObject({ metadata: { uid: 'second' }, spec: { nodeName: 'c' } });
  expect(late.unrecovered).toEqual([{ what: 'pods/default/q', why: 'another pod has its name (uid second)' }]);
});

test('a board that was heard by a hub which crashed counts what is there already', async () => {
  await recover();
  const recalled = from('a', 5, { 'pods/default/p': pod('p'), 'configmaps/default/c': configMap('c', '1') });
  await take(recalled);
  const base = await fixture.store.currentRevision();
  const { registry, clock } = fixture;
  // The same recovery, another process.
  takeBack = new TakeBack({ registry, client, clock, cause: { reason: 'empty', known: { epoch: 0, revision: 0 }, base: base - 3 } });
  expect(names(await take(recalled))).toEqual(['configmaps/c', 'pods/p']);
});

test('a board without a content is heard and changes nothing', async () => {
  await recover();
  expect(await take({ node: 'a', content: undefined, tombstones: [] })).toMatchObject({ taken: [], removed: [], unrecovered: [] });
});

test('a node gets its range and its labels back, and another range is told of', async () => {
  await client.resource<KubeObject>('', 'nodes').create('', { metadata: { name: 'b' }, spec: { podCIDR: '100.64.9.0/26' } } as KubeObject);
  await recover();
  const node = (name: string, podCIDR: string): KubeObject =>
    ({ metadata: { name, uid: `node-${name}`, labels: { zone: 'z' } }, spec: { podCIDR, unschedulable: true } }) as KubeObject;
  await take(from('a', 5, { 'nodes/a': node('a', '100.64.1.0/26') }));
  expect(get('nodes', 'a')).toMatchObject({
    metadata: { uid: 'node-a', labels: { zone: 'z' } },
    spec: { podCIDR: '100.64.1.0/26', podCIDRs: ['100.64.1.0/26'], unschedulable: true },
  });
  const outcome = await take(from('b', 5, { 'nodes/b': node('b', '100.64.2.0/26') }));
  expect(outcome.unrecovered).toEqual([
    { what: 'nodes/b', why: 'its pods have addresses of 100.64.2.0/26, but it was given 100.64.9.0/26 since' },
  ]);
});
