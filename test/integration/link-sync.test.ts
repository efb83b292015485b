import { createHash } from 'node:crypto';
import type { SimulatedBroker } from '@flotilla/hub/broker/simulated/simulated-broker.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { openContent } from '@flotilla/shared/protocol/content.js';
import { seal } from '@flotilla/shared/protocol/envelope.js';
import { encodeJson, FrameReader } from '@flotilla/shared/protocol/frame.js';
import { downKindOf, upTopic } from '@flotilla/shared/protocol/topics.js';
import { afterEach, describe, expect, test } from 'vitest';
import { countingCourier, LineCount } from './counting-courier.ts';
import { LinkBoard } from './link-board.ts';
import { type ApiObject, clusterId, courierTo, manifestKeys, openWorld, pod, simulated, type World, worldSigner } from './link-world.ts';

/** How contents travel: both halves of the link over the simulated courier, what goes over the line counted. */

const identity = { node: 'board-1', keyId: 'key-1' };
const scope = { clusterId, node: 'board-1' };
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Versions {
  readonly hub?: readonly number[];
  readonly board?: readonly number[];
}

async function setUp(versions: Versions = {}) {
  const clock = new FakeClock();
  const hub: { world: World | undefined } = { world: undefined };
  const line = new LineCount();
  const start = async (store?: World['store']): Promise<World> => {
    const world = await openWorld({
      clock,
      broker: simulated(clock, 1),
      ...(store ? { store } : {}),
      ...(versions.hub ? { versions: versions.hub } : {}),
    });
    world.boards.set('board-1', { ...identity, serial: '' });
    hub.world = world;
    return world;
  };
  await start();
  const board = new LinkBoard({
    ...{ clock, node: 'board-1', seed: 1 },
    courier: countingCourier(
      courierTo(() => hub.world?.broker, identity),
      line,
    ),
    ...(versions.board ? { versions: versions.board } : {}),
  });
  closing.push(
    async () => hub.world?.close(),
    () => board.link.stop(),
  );
  board.link.start();
  await clock.advance(10_000);
  return {
    ...{ clock, board, line, start },
    world: () => hub.world ?? expect.fail('the hub is down'),
    broker: () => hub.world?.broker as SimulatedBroker,
    resources: (resource: string) => (hub.world ?? expect.fail()).client.resource<ApiObject>('', resource),
    /** The hub's process ends; the store stays. */
    stopHub: async (): Promise<World['store']> => {
      const world = hub.world ?? expect.fail();
      await world.close();
      hub.world = undefined;
      return world.store;
    },
  };
}

type Setting = Awaited<ReturnType<typeof setUp>>;

async function addPods({ resources }: Setting, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await resources('pods').create('default', pod(`pod-${index}`, 'board-1'));
}

const setImage = ({ resources }: Setting, name: string, image: string) =>
  resources('pods').update('default', name, (current) => ({
    ...current,
    spec: { ...current.spec, containers: [{ name: 'main', image }] },
  }));

const imageOf = ({ board }: Setting, name: string): unknown =>
  board.spec.object<ApiObject & { spec: { containers: { image: string }[] } }>(`pods/default/${name}`)?.spec.containers[0]?.image;

/** Sends the board an update that is signed for a node. */
async function sendUpdate({ broker, clock }: Setting, node: string): Promise<void> {
  const session = broker().session('board-1') ?? expect.fail();
  const update = { id: '1', version: '0.2.0', artifact: { digest: `sha256:${'0'.repeat(64)}`, bytes: 1 } };
  for (const payload of encodeJson(seal(worldSigner, 'update', { clusterId, node }, update)))
    await broker().send(session, 'update', payload);
  await clock.advance(1_000);
}

/** What the board refuses from now on. */
function refusalsOf(line: LineCount): unknown[] {
  const refusals: unknown[] = [];
  const reader = new FrameReader();
  line.listen((kind, payload) => {
    const decoded = kind === 'up/refusal' ? reader.read(payload) : undefined;
    if (decoded?.type === 'json') refusals.push(decoded.value);
  });
  return refusals;
}

const configMap = (name: string, text: string): ApiObject => ({ metadata: { name, namespace: 'default' }, data: { text } });

/** Text that does not deflate to less than three quarters. */
const noise = (seed: number, length: number): string =>
  createHash('shake256', { outputLength: Math.ceil((length * 3) / 4) })
    .update(String(seed))
    .digest('base64')
    .slice(0, length);

const sizes = ({ board }: Setting): number[] => board.objects<ApiObject>('configmaps').map(({ data }) => data?.['text']?.length ?? 0);

test('a board that comes back unchanged is sent no manifest, whoever was away', async () => {
  const setting = await setUp();
  const { clock, board, line, start, stopHub, broker } = setting;
  await addPods(setting, 20);
  await clock.advance(20_000);
  const { generation } = board.spec;
  line.reset();
  broker().partition('board-1', true);
  await clock.advance(600_000);
  broker().partition('board-1', false);
  await clock.advance(120_000);
  expect(board.link.connected).toBe(true);
  await start(await stopHub());
  await clock.advance(120_000);
  await board.reboot('boot-2');
  await clock.advance(60_000);
  expect(board.link.connected).toBe(true);
  expect(board.spec.generation).toEqual(generation);
  expect([line.payloads('down/welcome'), line.payloads('down/manifest'), line.payloads('up/want')]).toEqual([3, 0, 0]);
});

test('a change costs the change, however many pods there are', async () => {
  const cost = async (pods: number): Promise<number> => {
    const setting = await setUp();
    await addPods(setting, pods);
    await setting.clock.advance(20_000);
    setting.line.reset();
    await setImage(setting, 'pod-3', 'busybox:2');
    await setting.clock.advance(10_000);
    expect(imageOf(setting, 'pod-3')).toBe('busybox:2');
    expect(setting.line.payloads('down/')).toBe(1);
    return setting.line.bytes('');
  };
  const [few, many] = [await cost(10), await cost(100)];
  expect(few).toBeLessThan(2_000);
  expect(many - few).toBeLessThan(100);
});

test('after a restart of the hub, which no longer knows what the board has, only what changed travels', async () => {
  const setting = await setUp();
  const { clock, board, line, start, stopHub, resources } = setting;
  await resources('configmaps').create('default', configMap('c', noise(1, 50_000)));
  await addPods(setting, 50);
  await resources('pods').create('default', pod('with', 'board-1', { configMap: 'c' }));
  await clock.advance(20_000);
  const store = await stopHub();
  await clock.advance(60_000);
  line.reset();
  await start(store);
  await setImage(setting, 'pod-7', 'busybox:2');
  await setting.resources('pods').delete('default', 'pod-9', { gracePeriodSeconds: 0 });
  await clock.advance(120_000);
  expect(board.objects('pods')).toHaveLength(50);
  expect(imageOf(setting, 'pod-7')).toBe('busybox:2');
  expect(line.payloads('up/want')).toBe(1);
  expect(line.bytes('down/manifest')).toBeLessThan(6_000);
  expect(line.bytes('down/objects')).toBeLessThan(1_000);
});

test('a board that lost what it had acknowledged says so, gets the whole and follows differences again', async () => {
  const setting = await setUp();
  const { clock, board } = setting;
  await addPods(setting, 3);
  await clock.advance(20_000);
  await board.files.remove('/spec');
  board.forget();
  board.came.complete = 0;
  await setImage(setting, 'pod-1', 'busybox:2');
  await clock.advance(20_000);
  expect(board.came.complete).toBe(1);
  expect(board.objects('pods')).toHaveLength(3);
  expect(setting.world().warnings.filter((warning) => warning.includes('Manifest'))).toEqual([]);
  await setImage(setting, 'pod-1', 'busybox:3');
  await clock.advance(20_000);
  expect(board.came.complete).toBe(1);
  expect(imageOf(setting, 'pod-1')).toBe('busybox:3');
});

test('Secrets come to the board of the pod that names them, and leave it with the pod', async () => {
  const setting = await setUp();
  const { clock, board, resources } = setting;
  for (const name of ['own', 'others']) {
    await resources('secrets').create('default', {
      metadata: { name, namespace: 'default' },
      data: { a: Buffer.from(name).toString('base64') },
    });
  }
  await resources('pods').create('default', pod('mine', 'board-1', { secret: 'own' }));
  await resources('pods').create('default', pod('other', 'board-2', { secret: 'others' }));
  await clock.advance(10_000);
  expect(board.objects('secrets').map(({ metadata }) => metadata?.name)).toEqual(['own']);
  await resources('pods').delete('default', 'mine');
  await clock.advance(30_000);
  expect(board.objects('secrets')).toEqual([]);
  // The last good content still names it; the next one leaves it to nobody.
  await resources('pods').create('default', pod('next', 'board-1'));
  await clock.advance(10_000);
  for (const name of await board.files.list('/spec')) {
    expect(await board.files.readText(`/spec/${name}`)).not.toContain(Buffer.from('own').toString('base64'));
  }
});

describe('no size is too large', () => {
  test('thirty pods with a ConfigMap of 900 KiB each', async () => {
    const setting = await setUp();
    const { clock, board, line, resources, world } = setting;
    const length = 900 * 1024;
    for (let index = 0; index < 30; index++) {
      // What does not deflate alone has more than the 8 MiB that one message may have.
      const text = index < 13 ? noise(index + 1, length) : `${index}`.padEnd(length, '.');
      await resources('configmaps').create('default', configMap(`c-${index}`, text));
      await resources('pods').create('default', pod(`pod-${index}`, 'board-1', { configMap: `c-${index}` }));
    }
    await clock.advance(120_000);
    expect(sizes(setting)).toEqual(Array.from({ length: 30 }, () => length));
    expect(board.objects('pods')).toHaveLength(30);
    expect(world().warnings).toEqual([]);
    // Each object came once.
    expect(line.bytes('down/objects')).toBeGreaterThan(8 * 1024 * 1024);
    expect(line.bytes('down/objects')).toBeLessThan(13 * length);
    line.reset();
    await resources('configmaps').update('default', 'c-7', (current) => ({ ...current, data: { text: noise(99, length) } }));
    await clock.advance(60_000);
    expect(line.bytes('down/')).toBeLessThan(1.1 * length);
    expect(line.payloads('down/manifest')).toBe(1);
  });

  test('on a slow line that breaks again and again what arrived is kept, and what changes meanwhile is not in vain', async () => {
    const setting = await setUp();
    const { clock, board, broker, line, resources } = setting;
    broker().condition('board-1', { bytesPerSecond: 8_000, latencyMs: 1_000 });
    const length = 400_000;
    for (const name of ['a', 'b']) {
      await resources('configmaps').create('default', configMap(name, noise(name.charCodeAt(0), length)));
      await resources('pods').create('default', pod(`with-${name}`, 'board-1', { configMap: name }));
    }
    // Either one takes 40 s on a line that never stands for 40 s; a pod is added and taken away all the time.
    let cuts = 0;
    const small: string[] = [];
    while (sizes(setting).length < 2 && cuts < 60) {
      await clock.advance(33_000);
      broker().partition('board-1', true);
      await clock.advance(1_000);
      broker().partition('board-1', false);
      await clock.advance(5_000);
      small.push(`small-${cuts++}`);
      await resources('pods').create('default', pod(small.at(-1) ?? '', 'board-1'));
      if (small.length > 3) await resources('pods').delete('default', small.shift() ?? '', { gracePeriodSeconds: 0 });
    }
    expect(sizes(setting)).toEqual([length, length]);
    expect(cuts).toBeGreaterThan(3);
    expect(line.bytes('down/objects')).toBeLessThan(4 * length);
    await clock.advance(300_000);
    expect(board.objects('pods').map(({ metadata }) => metadata?.name)).toEqual([...small, 'with-a', 'with-b'].sort());
  });

  test('a disk that has no room for it: an event, and when there is room it is taken over', async () => {
    const setting = await setUp();
    const { clock, board, line, resources, world } = setting;
    board.files.capacityBytes = 100_000;
    await resources('configmaps').create('default', configMap('c', noise(1, 500_000)));
    await resources('pods').create('default', pod('with', 'board-1', { configMap: 'c' }));
    await clock.advance(3_600_000);
    expect(world().warnings[0]).toMatch(/^Warning ManifestRefused The board did not take over its manifest: .*ENOSPC/);
    // It is not fetched over and over: a metered line would pay for each.
    expect(line.bytes('down/objects')).toBeLessThan(10 * 500_000);
    await resources('pods').create('default', pod('without', 'board-1'));
    await resources('pods').delete('default', 'with', { gracePeriodSeconds: 0 });
    await clock.advance(30_000);
    expect(board.objects('pods').map(({ metadata }) => metadata?.name)).toEqual(['without']);
  });
});

describe('a board can prove what was signed for it', () => {
  test('and no more than that', async () => {
    const setting = await setUp();
    const { clock, board, resources } = setting;
    await resources('configmaps').create('default', configMap('c', '1'));
    await resources('pods').create('default', pod('mine', 'board-1', { configMap: 'c' }));
    await clock.advance(10_000);
    await setImage(setting, 'mine', 'busybox:2');
    await clock.advance(10_000);
    const content = (await board.spec.signedContent()) ?? expect.fail();
    const opened = openContent(manifestKeys, scope, content);
    expect(opened.generation).toEqual(board.spec.generation);
    expect(opened.objects.get('pods/default/mine')).toMatchObject({ spec: { containers: [{ image: 'busybox:2' }] } });
    const untrusted = expect.objectContaining({ reason: 'Untrusted' });
    const forged = { ...content, objects: { ...content.objects, 'pods/default/more': '{}' } };
    expect(() => openContent(manifestKeys, scope, forged)).toThrow(untrusted);
    const changed = { ...content, objects: { ...content.objects, 'pods/default/mine': '{}' } };
    expect(() => openContent(manifestKeys, scope, changed)).toThrow(untrusted);
    expect(() => openContent(manifestKeys, { clusterId, node: 'board-2' }, content)).toThrow(untrusted);
    expect(() => openContent([], scope, content)).toThrow(untrusted);
  });
});

describe('versions', () => {
  test.for<[string, Versions]>([
    ['the board two behind', { hub: [3], board: [1] }],
    ['the board one behind', { hub: [3], board: [2] }],
    ['the board one ahead', { hub: [3], board: [4] }],
    ['the board one ahead, with an older one in common', { hub: [3, 2], board: [4, 3, 2] }],
  ])('%s: everything goes on', async ([, versions]) => {
    const setting = await setUp(versions);
    const { clock, board, world } = setting;
    await addPods(setting, 2);
    await clock.advance(10_000);
    await setImage(setting, 'pod-1', 'busybox:2');
    board.restart();
    await clock.advance(10_000);
    expect(imageOf(setting, 'pod-1')).toBe('busybox:2');
    const common = versions.board?.some((version) => versions.hub?.includes(version)) ?? true;
    expect(board.came.difference > 0).toBe(common);
    const statuses = world().client.informer<ApiObject>('', 'pods').list();
    expect(statuses.every(({ status }) => status?.['phase'] === 'Running')).toBe(true);
  });

  test.for<[string, Versions]>([
    ['three behind', { hub: [4], board: [1] }],
    ['two ahead', { hub: [4], board: [6] }],
  ])('the board %s has the core: it stays connected, has the time, keeps what it has and hears of an update', async ([, versions]) => {
    const setting = await setUp(versions);
    const { board, clock, line, world } = setting;
    await addPods(setting, 1);
    await clock.advance(60_000);
    expect(board.times).toHaveLength(1);
    expect(board.link.connected).toBe(false);
    expect([line.payloads('down/welcome'), line.payloads('down/manifest'), line.payloads('up/report')]).toEqual([1, 0, 0]);
    expect(world().warnings).toEqual([
      expect.stringMatching(/^Warning AgentVersion it speaks protocol versions [16], this hub 4: it keeps its pods, and needs an update$/),
    ]);
    await expect(board.link.report({ pods: [], events: [], applied: undefined, full: true })).rejects.toThrow('the hub is away');
    const logs = world().sync.connector.logs(
      'board-1',
      { namespace: 'default', name: 'p', uid: 'u' },
      { container: 'main' },
      new AbortController().signal,
    );
    await expect(logs[Symbol.asyncIterator]().next()).rejects.toThrow('the agent of node board-1 needs an update');
    const refusals = refusalsOf(line);
    await sendUpdate(setting, 'board-1');
    expect(refusals).toMatchObject([{ about: 'update', reason: 'Unsupported' }]);
  });
});

describe('a peer of another release', () => {
  /** A board that is nothing but a connection. */
  async function raw() {
    const clock = new FakeClock();
    const world = await openWorld({ clock, broker: simulated(clock, 1) });
    closing.push(() => world.close());
    world.boards.set('board-1', { ...identity, serial: '' });
    const heard: { kind: string; value: unknown }[] = [];
    const reader = new FrameReader();
    const connecting = courierTo(() => world.broker, identity).connect(
      { bootId: 'boot-1', serial: '', keepAliveMs: 20_000 },
      {
        message: (topic, payload) => {
          const decoded = reader.read(payload);
          if (decoded?.type === 'json') heard.push({ kind: downKindOf(scope, topic), value: decoded.value });
        },
        closed: () => {},
      },
    );
    await clock.advance(1_000);
    const pipe = await connecting;
    const say = async (kind: string, value: unknown): Promise<void> => {
      const topic = upTopic(scope, 'hello').replace(/hello$/, kind);
      for (const payload of encodeJson(value)) await pipe.send(topic, payload);
      await clock.advance(1_000);
    };
    return {
      clock,
      world,
      heard,
      say,
      values: (kind: string) => heard.filter((message) => message.kind === kind).map(({ value }) => value),
    };
  }

  test('fields that nobody knows are no obstacle, a kind that nobody knows is refused', async () => {
    const { say, values, world } = await raw();
    await say('hello', {
      agentVersion: '9',
      versions: [2, 1],
      bootId: 'b',
      nonce: 'n',
      speed: 'of light',
      applied: { epoch: 1, revision: 1, digest: 'd', colour: 1 },
    });
    expect(values('welcome')).toHaveLength(1);
    expect(values('manifest')).toHaveLength(1);
    await say('telepathy', {});
    expect(values('refusal')).toMatchObject([{ reason: 'Unsupported' }]);
    await say('hello', { agentVersion: '9' });
    expect(values('refusal')).toMatchObject([{}, { about: 'hello', reason: 'Malformed' }]);
    expect(world.warnings).toEqual([]);
  });

  test('wants of another session, of nothing, or out of bounds bring nothing, and one too many objects is refused', async () => {
    const { say, values, world } = await raw();
    await world.client.resource<ApiObject>('', 'pods').create('default', pod('mine', 'board-1'));
    await world.client.resource<ApiObject>('', 'secrets').create('default', { metadata: { name: 's', namespace: 'default' } });
    await say('hello', { agentVersion: '9', versions: [1], bootId: 'b', nonce: 'n' });
    const session = (JSON.parse((values('welcome')[0] as { payload: string }).payload) as { session: number }).session;
    const { entries } = values('manifest')[0] as { entries: Record<string, string> };
    const want = { digest: entries['pods/default/mine'], offset: 0 };
    await say('want', { session: session + 1, bytes: 1_000, wants: [want] });
    await say('want', {
      session,
      bytes: 1_000,
      wants: [
        { ...want, offset: 1_000_000 },
        { digest: 'x'.repeat(43), offset: 0 },
      ],
    });
    expect(values('objects')).toEqual([]);
    await say('want', { session, bytes: 1_000, wants: Array.from({ length: 129 }, () => want) });
    expect(values('refusal')).toMatchObject([{ about: 'want', reason: 'Malformed' }]);
    await say('want', { session, bytes: 100_000_000, wants: [want] });
    expect(values('objects')).toMatchObject([
      { session, parts: [{ digest: want.digest, offset: 0, text: expect.stringContaining('"mine"') }] },
    ]);
  });

  test('an update is answered with Unsupported by an agent that cannot, once it is seen to be from its hub', async () => {
    const setting = await setUp();
    const refusals = refusalsOf(setting.line);
    await sendUpdate(setting, 'board-1');
    await sendUpdate(setting, 'board-2');
    expect(refusals).toMatchObject([
      { about: 'update', reason: 'Unsupported', message: 'this agent cannot update itself to 0.2.0' },
      { about: 'update', reason: 'Untrusted' },
    ]);
  });
});
