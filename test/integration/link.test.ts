import { createHash } from 'node:crypto';
import type { SimulatedBroker } from '@flotilla/hub/broker/simulated/simulated-broker.js';
import type { Weather } from '@flotilla/hub/broker/simulated/weather.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { compareGenerations } from '@flotilla/shared/protocol/messages.js';
import { afterEach, describe, expect, test } from 'vitest';
import { LinkBoard } from './link-board.ts';
import { type ApiObject, courierTo, openWorld, pod, simulated, type World } from './link-world.ts';

/** Both halves of the device link over the simulated courier, on one fake clock and one seed. */

const identity = { node: 'board-1', keyId: 'key-1' };
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function setUp(options: { seed?: number; weather?: Weather } = {}) {
  const clock = new FakeClock();
  const seed = options.seed ?? 1;
  const hub: { world: World | undefined } = { world: undefined };
  const start = async (store?: World['store']): Promise<World> => {
    const world = await openWorld({ clock, broker: simulated(clock, seed, options.weather), ...(store ? { store } : {}) });
    world.boards.set('board-1', { ...identity, serial: '' });
    hub.world = world;
    return world;
  };
  const world = await start();
  const board = new LinkBoard({ clock, courier: courierTo(() => hub.world?.broker, identity), node: 'board-1', seed });
  closing.push(
    async () => hub.world?.close(),
    () => board.link.stop(),
  );
  board.link.start();
  const resources = (resource: string) => (hub.world as World).client.resource<ApiObject>('', resource);
  const get = <T extends ApiObject = ApiObject>(resource: string, key: string): T | undefined =>
    (hub.world as World).client.informer<T>('', resource).get(key);
  return { clock, hub, world, board, start, resources, get };
}

test('a board gets what its pods need and nothing else, and its status comes back', async () => {
  const { clock, board, resources, get } = await setUp();
  await clock.advance(5_000);
  for (const name of ['used', 'unused']) {
    await resources('configmaps').create('default', { metadata: { name, namespace: 'default' }, data: { a: name } });
    await resources('secrets').create('default', { metadata: { name, namespace: 'default' }, data: { a: 'c2VjcmV0' } });
  }
  await resources('serviceaccounts').create('default', { metadata: { name: 'default', namespace: 'default' } });
  await resources('pods').create('default', pod('mine', 'board-1', { configMap: 'used', secret: 'used' }));
  await resources('pods').create('default', pod('other', 'board-2', { secret: 'unused' }));
  await clock.advance(5_000);
  expect(board.objects('pods').map((object) => object.metadata?.name)).toEqual(['mine']);
  expect(board.objects('configmaps').map((object) => object.metadata?.name)).toEqual(['used']);
  expect(board.objects('secrets').map((object) => object.metadata?.name)).toEqual(['used']);
  const { uid } = get('serviceaccounts', 'default/default')?.metadata ?? {};
  expect(board.objects('serviceaccounts')).toEqual([{ metadata: { namespace: 'default', name: 'default', uid } }]);
  expect(get('pods', 'default/mine')?.status).toMatchObject({ phase: 'Running', containerStatuses: [{ restartCount: 0 }] });
  expect(get('nodes', 'board-1')).toMatchObject({
    metadata: { labels: { 'kubernetes.io/arch': 'arm64' } },
    status: { capacity: { cpu: '4' } },
  });
  expect(board.times).toHaveLength(1);
});

test("a board's own reports bring it no new manifest; a changed ConfigMap does", async () => {
  const { clock, board, resources } = await setUp();
  await resources('configmaps').create('default', { metadata: { name: 'c', namespace: 'default' }, data: { a: '1' } });
  await resources('pods').create('default', pod('mine', 'board-1', { configMap: 'c' }));
  await clock.advance(10_000);
  const before = board.applied.length;
  for (let count = 0; count < 5; count++) {
    board.restart();
    await clock.advance(2_000);
  }
  expect(board.applied).toHaveLength(before);
  await resources('configmaps').update('default', 'c', (current) => ({ ...current, data: { a: '2' } }));
  await clock.advance(2_000);
  expect(board.applied).toHaveLength(before + 1);
  expect(board.objects('configmaps')[0]).toMatchObject({ data: { a: '2' } });
});

test('a pod goes when its board says it is gone, and only then', async () => {
  const { clock, board, world, resources, get } = await setUp();
  await resources('pods').create('default', pod('mine', 'board-1'));
  await clock.advance(10_000);
  (world.broker as SimulatedBroker).partition('board-1', true);
  await resources('pods').delete('default', 'mine');
  await clock.advance(3_600_000);
  expect(get('pods', 'default/mine')?.metadata?.deletionTimestamp).toBeDefined();
  (world.broker as SimulatedBroker).partition('board-1', false);
  await clock.advance(120_000);
  expect(get('pods', 'default/mine')).toBeUndefined();
  expect(board.pods.size).toBe(0);
});

test('a hub that restarts sends an unchanged board nothing and takes up where it was', async () => {
  const { clock, hub, world, board, start, resources, get } = await setUp();
  await resources('pods').create('default', pod('mine', 'board-1'));
  await resources('pods').create('default', pod('short', 'board-1'));
  await clock.advance(10_000);
  await resources('pods').delete('default', 'short');
  await clock.advance(10_000);
  const applied = [...board.applied];
  await world.close();
  hub.world = undefined;
  await clock.advance(100_000);
  await start(world.store);
  await clock.advance(120_000);
  expect(hub.world).toBeDefined();
  expect(board.link.connected).toBe(true);
  expect(board.applied).toEqual(applied);
  await resources('pods').delete('default', 'mine');
  await clock.advance(60_000);
  expect(get('pods', 'default/mine')).toBeUndefined();
  expect(board.pods.size).toBe(0);
});

test('a deletion that happened while the hub was down, and left no trace but the absence, still gets a higher number', async () => {
  const { clock, hub, world, board, start, resources } = await setUp();
  await resources('pods').create('default', pod('first', 'board-1'));
  await resources('pods').create('default', pod('second', 'board-1'));
  await clock.advance(10_000);
  await world.close();
  hub.world = undefined;
  const other = await openWorld({ clock, store: world.store, broker: simulated(clock, 2) });
  await other.client.resource('', 'pods').delete('default', 'second', { gracePeriodSeconds: 0 });
  await other.close();
  await start(world.store);
  await clock.advance(120_000);
  expect(board.objects('pods').map((object) => object.metadata?.name)).toEqual(['first']);
});

test('logs stream with credit, and end both ways', async () => {
  const { clock, board, world } = await setUp();
  await clock.advance(5_000);
  const line = Buffer.from(`${'x'.repeat(9_999)}\n`);
  let given = 0;
  let finished = false;
  board.logLines = async function* () {
    try {
      for (; given < 100; given++) yield line;
    } finally {
      finished = true;
    }
  };
  const controller = new AbortController();
  const reading = (async () => {
    let bytes = 0;
    for await (const chunk of world.sync.connector.logs(
      'board-1',
      { namespace: 'default', name: 'mine', uid: 'u' },
      { container: 'main' },
      controller.signal,
    ))
      bytes += chunk.length;
    return bytes;
  })();
  await clock.advance(5_000);
  expect(await reading).toBe(100 * 10_000);
  given = 0;
  finished = false;
  const iterator = world.sync.connector
    .logs('board-1', { namespace: 'default', name: 'mine', uid: 'u' }, { container: 'main', follow: true }, controller.signal)
    [Symbol.asyncIterator]();
  const first = iterator.next();
  await clock.advance(1_000);
  expect((await first).value?.length).toBeGreaterThan(0);
  // Nobody reads on: the board stops at its credit.
  expect(given).toBeLessThan(30);
  controller.abort();
  const rest = (async () => {
    while (!(await iterator.next()).done);
  })();
  await clock.advance(1_000);
  await rest;
  await clock.advance(1_000);
  expect(finished).toBe(true);
});

test("a board's refusal of a log stream reaches the client, and a node that is away is said to be at once", async () => {
  const { clock, board, world } = await setUp();
  await clock.advance(5_000);
  // biome-ignore lint/correctness/useYield: it fails before its first line
  board.logLines = async function* () {
    throw new Error('container "main" in pod "mine" is waiting to start: ContainerCreating');
  };
  const read = async (node: string): Promise<void> => {
    for await (const _ of world.sync.connector.logs(
      node,
      { namespace: 'default', name: 'mine', uid: 'u' },
      { container: 'main' },
      new AbortController().signal,
    ));
  };
  const refused = expect(read('board-1')).rejects.toThrow('is waiting to start');
  await clock.advance(1_000);
  await refused;
  await expect(read('board-7')).rejects.toMatchObject({ code: 503, message: expect.stringMatching(/^node board-7 is offline since 20/) });
});

test('a log stream ends with an error when the board goes away', async () => {
  const { clock, board, world } = await setUp();
  await clock.advance(5_000);
  board.logLines = async function* () {
    yield Buffer.from('one\n');
    await new Promise(() => {});
  };
  const seen: string[] = [];
  const reading = (async () => {
    for await (const chunk of world.sync.connector.logs(
      'board-1',
      { namespace: 'default', name: 'mine', uid: 'u' },
      { container: 'main', follow: true },
      new AbortController().signal,
    )) {
      seen.push(chunk.toString());
    }
  })();
  const failed = expect(reading).rejects.toThrow('node board-1 went away');
  await clock.advance(1_000);
  (world.broker as SimulatedBroker).partition('board-1', true);
  await clock.advance(60_000);
  await failed;
  expect(seen).toEqual(['one\n']);
});

test('a token is for a pod of this very board', async () => {
  const { clock, board, resources, get } = await setUp();
  await resources('pods').create('default', pod('mine', 'board-1'));
  await resources('pods').create('default', pod('other', 'board-2'));
  await clock.advance(5_000);
  const ask = (name: string) =>
    board.link.requestToken({
      namespace: 'default',
      serviceAccount: 'default',
      podName: name,
      podUid: get('pods', `default/${name}`)?.metadata?.uid ?? '',
      expirationSeconds: 600,
    });
  const mine = ask('mine');
  const other = expect(ask('other')).rejects.toThrow('is not bound to node board-1');
  await clock.advance(1_000);
  expect(await mine).toEqual({ token: 'token of mine on board-1', expirationWallMs: 1 });
  await other;
});

test('a board whose clone comes keeps its session, and the operator is told', async () => {
  const { clock, hub, world, board } = await setUp();
  await clock.advance(70_000);
  const clone = new LinkBoard({ clock, courier: courierTo(() => hub.world?.broker, identity), node: 'board-1', seed: 5 });
  closing.push(() => clone.link.stop());
  await clone.reboot('boot-2');
  // To the hub this first looks like an honest reboot; when the first comes back, there are two.
  await clock.advance(600_000);
  expect(world.warnings.some((warning) => warning.startsWith('Warning NodeIdentityCloned'))).toBe(true);
  const refusals = world.broker.counters.refused.quarantined;
  expect(refusals).toBeLessThanOrEqual(60);
  expect([board.link.connected, clone.link.connected].filter(Boolean)).toHaveLength(1);
  expect(world.broker.counters.connects).toBe(2);
});

const large = (seed: number): string => createHash('shake256', { outputLength: 200_000 }).update(String(seed)).digest('base64');

describe('any weather ends as calm weather does', () => {
  const storm: Weather = { delayMs: 2_000, duplicate: 0.2, lose: 0.1, disconnect: 0.02 };
  test.for(Array.from({ length: 20 }, (_, index) => index + 1))('seed %i', async (seed) => {
    const { clock, hub, board, start, resources, get } = await setUp({ seed, weather: storm });
    const random = new SeededRandom(seed * 7919);
    const below = (count: number): number => Math.floor(random.next() * count);
    const names: string[] = [];
    await resources('configmaps').create('default', { metadata: { name: 'c', namespace: 'default' }, data: { a: '0' } });
    for (let step = 0; step < 60; step++) {
      const choice = below(10);
      if (choice < 3) {
        const name = `pod-${step}`;
        names.push(name);
        await resources('pods').create('default', pod(name, 'board-1', { configMap: 'c' }));
      } else if (choice < 5 && names.length > 0) {
        await resources('pods')
          .delete('default', names.splice(below(names.length), 1)[0] ?? '')
          .catch(() => {});
      } else if (choice === 5) {
        // In some seeds it is too large to come along and has to be fetched, in pieces.
        const data = { a: String(step), ...(seed % 3 === 0 ? { large: large(seed * 100 + step) } : {}) };
        await resources('configmaps').update('default', 'c', (current) => ({ ...current, data }));
      } else if (choice === 6 && below(3) === 0) {
        await board.reboot(`boot-of-step-${step}`);
      } else if (choice === 7 && below(4) === 0 && hub.world) {
        const { store } = hub.world;
        await hub.world.close();
        await start(store);
      } else board.restart();
      await clock.advance(below(8_000));
    }
    (hub.world?.broker as SimulatedBroker).weather = { delayMs: 0, duplicate: 0, lose: 0, disconnect: 0 };
    await clock.advance(600_000);

    for (let at = 1; at < board.applied.length; at++) {
      const [earlier, later] = [board.applied[at - 1], board.applied[at]];
      expect(earlier && later && compareGenerations(earlier, later)).toBeLessThan(0);
    }
    const podNames = (objects: readonly ApiObject[] = []): string[] => objects.map((object) => object.metadata?.name ?? '').sort();
    expect(podNames(board.objects('pods'))).toEqual(names.sort());
    expect(podNames(hub.world?.client.informer<ApiObject>('', 'pods').list())).toEqual(names);
    if (names.length > 0) expect(board.objects('configmaps')[0]).toMatchObject({ data: get('configmaps', 'default/c')?.data });
    for (const { name, restarts, gone } of board.pods.values()) {
      expect(gone).toBe(false);
      expect(get('pods', `default/${name}`)?.status).toMatchObject({ containerStatuses: [{ restartCount: restarts }] });
    }
    expect(board.events).toEqual([]);
  });
});
