import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { nodeCertificateRequest } from '@flotilla/agent/hublink/certificate-request.js';
import type { Courier } from '@flotilla/agent/hublink/courier.js';
import { createMqttCourier } from '@flotilla/agent/hublink/mqtt-courier.js';
import { openPki, type Pki } from '@flotilla/hub/auth/pki/pki.js';
import { EmbeddedBroker } from '@flotilla/hub/broker/embedded/embedded-broker.js';
import { brokerLimits } from '@flotilla/hub/broker/types.js';
import type { BoardDirectory } from '@flotilla/hub/nodesync/enrol/board-directory.js';
import { joinHandler } from '@flotilla/hub/nodesync/enrol/join-handler.js';
import { JoinLimits, joinLimits } from '@flotilla/hub/nodesync/enrol/join-limits.js';
import { createJoinToken } from '@flotilla/hub/nodesync/enrol/join-token.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import { encodeJson, FrameReader } from '@flotilla/shared/protocol/frame.js';
import { parseJoinToken } from '@flotilla/shared/protocol/join.js';
import { type UpKind, upTopic } from '@flotilla/shared/protocol/topics.js';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { until } from '../harness/until.ts';
import { LinkBoard } from './link-board.ts';
import { clusterId, openWorld, type World } from './link-world.ts';

/** Boards with good keys and bad manners, against the real broker: refused, counted, reported, and nobody else notices. */

const clock = new SystemClock();
/** Where the broker's time stands still, so that nothing is refilled while a slow machine works; undefined when it does not. */
let stillMs: number | undefined;
const brokerClock: Clock = {
  wallMs: () => clock.wallMs(),
  monotonicMs: () => stillMs ?? clock.monotonicMs(),
  bootMs: () => clock.bootMs(),
  after: (name, delayMs, fire) => clock.after(name, delayMs, fire),
  sleep: (name, delayMs, signal) => clock.sleep(name, delayMs, signal),
};
const random = new SystemRandom();
let dir: string;
let pki: Pki;
let world: World;
let broker: EmbeddedBroker;
let honest: LinkBoard;
const sockets: TLSSocket[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-hostile-'));
  pki = await openPki({ files: new SystemFiles(), dir: join(dir, 'pki'), clock, random });
  return () => rm(dir, { recursive: true, force: true });
});

interface Credentials {
  readonly certificate: string;
  readonly key: string;
}

async function enrol(node: string): Promise<Credentials> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  world.boards.set(node, { node, keyId: keyIdOf(publicKey), serial: '' });
  const certificate = await pki.issueNodeCertificate(nodeCertificateRequest(node, privateKey), node);
  return { certificate, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}

function courier(node: string, own: Credentials): Courier {
  return createMqttCourier({
    scope: { clusterId, node },
    endpoints: [{ transport: 'mqtt', host: '127.0.0.1', port: broker.port ?? 0 }],
    ca: pki.caCertPem,
    credentials: () => own,
    floorMs: () => 0,
    logger: silentLogger,
    timeoutMs: 60_000,
  });
}

beforeEach(async () => {
  stillMs = undefined;
  world = await openWorld({
    clock,
    broker: (boards) => {
      broker = new EmbeddedBroker({
        ...{ clusterId, clock: brokerClock, logger: silentLogger, tls: pki.serverTls(), listen: { host: '127.0.0.1', port: 0 } },
        boards: { get: (node) => boards.get(node) },
      });
      return broker;
    },
  });
  honest = new LinkBoard({ clock, courier: courier('honest', await enrol('honest')), node: 'honest', seed: 1 });
  honest.link.start();
  await until('the honest board is there', () => honest.link.connected);
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await honest.link.stop();
  await world.close();
});

/** The honest board's words are still taken, in the session that it had. */
async function honestIsServed(): Promise<void> {
  expect(honest.link.connected).toBe(true);
  await honest.link.report({ pods: [], events: [], applied: undefined, full: false });
  expect(broker.session('honest')).toBeDefined();
}

/** A session in which anything may be said. */
async function villain(node = 'villain', own?: Credentials) {
  const credentials = own ?? (await enrol(node));
  const refusals: string[] = [];
  const said: string[] = [];
  const ended: string[] = [];
  const reader = new FrameReader();
  const pipe = await courier(node, credentials).connect(
    { bootId: 'boot', serial: '', keepAliveMs: 20_000 },
    {
      message: (topic, payload) => {
        const kind = topic.split('/').at(-1) ?? '';
        said.push(kind);
        const decoded = reader.read(payload);
        if (kind === 'refusal' && decoded?.type === 'json') refusals.push((decoded.value as { reason: string }).reason);
      },
      closed: (reason) => ended.push(reason),
    },
  );
  const say = (kind: UpKind, payload: Buffer): Promise<void> => pipe.send(upTopic({ clusterId, node }, kind), payload).catch(() => {});
  return { pipe, refusals, said, ended, say, credentials };
}

const warned = (reason: string): string[] => world.warnings.filter((warning) => warning.includes(reason));

/** MQTT's bytes as they are. @param expected the code of CONNACK */
async function raw(own: Credentials, { keepAliveSeconds = 60, expected = 0 } = {}): Promise<TLSSocket> {
  const socket = tlsConnect({ host: '127.0.0.1', port: broker.port ?? 0, ca: pki.caCertPem, cert: own.certificate, key: own.key });
  sockets.push(socket);
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.once('secureConnect', () => resolve()));
  const userName = Buffer.from('boot');
  const variable = Buffer.concat([
    Buffer.from([0, 4]),
    Buffer.from('MQTT'),
    Buffer.from([4, 0x82, 0, keepAliveSeconds, 0, 1, 0x76, 0, userName.length]),
    userName,
  ]);
  socket.write(Buffer.concat([Buffer.of(0x10, variable.length), variable]));
  const connack = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
  expect([...connack.subarray(0, 4)]).toEqual([0x20, 2, 0, expected]);
  return socket;
}

const gone = (socket: TLSSocket): Promise<unknown> => until('the connection is over', () => socket.destroyed);

test("who publishes to another's topic is refused each time, hung up on after a while, and told of once", async () => {
  const { pipe, refusals, ended } = await villain();
  for (let count = 0; count < brokerLimits.denials; count++)
    await pipe.send(upTopic({ clusterId, node: 'honest' }, 'report'), Buffer.from('forged')).catch(() => {});
  await until('it is hung up on', () => ended.length === 1);
  expect(new Set(refusals)).toEqual(new Set(['Forbidden']));
  expect(broker.counters.deniedPublishes).toBe(brokerLimits.denials);
  expect(warned('PublishDenied')).toHaveLength(1);
  await honestIsServed();
});

test('a message of 256 MB ends at its first bytes', async () => {
  const own = await enrol('villain');
  const socket = await raw(own);
  socket.resume();
  // PUBLISH, remaining length 268,435,455.
  socket.write(Buffer.concat([Buffer.of(0x30, 0xff, 0xff, 0xff, 0x7f), Buffer.alloc(1024)]));
  await gone(socket);
  expect(broker.counters.tooLarge).toBe(1);
  expect(warned('MessageTooLarge')).toHaveLength(1);
  await until('its session is over', () => broker.session('villain') === undefined);
  await honestIsServed();
});

test('a connection that falls silent ends by itself, and one that wants no keep-alive is not taken', async () => {
  const own = await enrol('villain');
  const socket = await raw(own, { keepAliveSeconds: 1 });
  socket.resume();
  await gone(socket);
  await until('its session is over', () => broker.session('villain') === undefined);
  expect(broker.counters.connects).toBe(2);
  const without = await raw(own, { keepAliveSeconds: 0, expected: 6 });
  without.resume();
  await gone(without);
  expect(broker.counters.connects).toBe(2);
  await honestIsServed();
});

test('topics without end are refused and remembered by nobody; its own pace slows who sends them', async () => {
  const { pipe, refusals } = await villain();
  stillMs = clock.monotonicMs();
  const topics = brokerLimits.messageBurst + 40;
  const sent = Array.from({ length: topics }, (_, number) =>
    pipe.send(`${upTopic({ clusterId, node: 'villain' }, 'report')}-${number}`, Buffer.of(1)).catch(() => {}),
  );
  await Promise.all(sent);
  await until('it is slowed', () => broker.counters.slowed > 0);
  stillMs = undefined;
  await until('each was answered', () => refusals.length === topics);
  expect(new Set(refusals)).toEqual(new Set(['Unsupported']));
  await honestIsServed();
});

test('frames and messages that are none are refused, and the session goes on', async () => {
  const { say, refusals, said } = await villain();
  for (const payload of encodeJson({ agentVersion: '1', versions: [1], bootId: 'boot', nonce: 'n' })) await say('hello', payload);
  await until('it is greeted', () => said.includes('welcome'));
  const poison = [
    Buffer.alloc(0),
    Buffer.from([1, 0xff, 0xfe]),
    Buffer.from([2, 1, 2, 3]),
    Buffer.concat([Buffer.of(1), Buffer.from('['.repeat(10_000))]),
    Buffer.concat([Buffer.of(1), Buffer.from('{"__proto__":{"session":1}}')]),
    Buffer.concat([Buffer.of(3), Buffer.alloc(40, 0xff)]),
    Buffer.from([9]),
  ];
  for (const payload of poison) await say('report', payload);
  await until('each was refused', () => refusals.length === poison.length);
  expect(broker.session('villain')).toBeDefined();
  await honestIsServed();
});

test('a certificate after revocation: refused each time, late when it goes on, and told of', async () => {
  const own = await enrol('villain');
  const first = await villain('villain', own);
  world.boards.delete('villain');
  world.sync.hangUp('villain', 'revoked');
  await until('it is hung up on', () => first.ended.length === 1);
  stillMs = clock.monotonicMs();
  // The first five hear it at once; the sixth is told of, and waits.
  for (let count = 0; count < 5; count++) {
    const refused = villain('villain', own).catch((error: { refusal?: string }) => error.refusal);
    expect(await enrolledNoMore(refused)).toBe('unauthorized');
  }
  expect(warned('ConnectionRefused')).toHaveLength(0);
  const sixth = villain('villain', own).catch((error: { refusal?: string }) => error.refusal);
  await until('it is told of', () => warned('ConnectionRefused').length === 1);
  expect(broker.counters.refused.unauthorized).toBe(6);
  await honestIsServed();
  expect(await enrolledNoMore(sixth)).toBe('unauthorized');

  async function enrolledNoMore(attempt: Promise<unknown>): Promise<unknown> {
    const outcome = await attempt;
    world.boards.delete('villain');
    return outcome;
  }
});

test('a board that does not read is hung up on at the bound; the others have what they shall have meanwhile', async () => {
  const own = await enrol('villain');
  const socket = await raw(own);
  socket.pause();
  await until('it has a session', () => broker.session('villain') !== undefined);
  const session = broker.session('villain');
  if (!session) throw new Error('there is no session');
  const payload = Buffer.alloc(96 * 1024, 4);
  const outcomes: Promise<unknown>[] = [];
  for (let bytes = 0; bytes <= 2 * brokerLimits.queuedBytes; bytes += payload.length)
    outcomes.push(broker.send(session, 'stream', payload).catch((error: Error) => error.message));
  await honestIsServed();
  expect(broker.counters.slowConsumers).toBe(1);
  expect(broker.session('villain')).toBeUndefined();
  expect(await Promise.all(outcomes)).toContain('node villain does not read what it is sent');
  expect(warned('SlowConsumer')).toHaveLength(1);
  await until('nothing waits for it', () => broker.load.queuedBytes === 0);
});

test('one that connects all the time is told so late, and told of once; who comes for the first time is let in', async () => {
  const own = await enrol('villain');
  stillMs = clock.monotonicMs();
  let refused = 0;
  for (let count = 0; refused < 3 && count < brokerLimits.connectBurst + 20; count++) {
    const attempt = courier('villain', own).connect(
      { bootId: 'boot', serial: '', keepAliveMs: 20_000 },
      { message: () => {}, closed: () => {} },
    );
    await attempt.then(
      (pipe) => pipe.close(),
      (error: { refusal?: string }) => {
        expect(error.refusal).toBe('busy');
        refused++;
      },
    );
  }
  expect(refused).toBe(3);
  expect(warned('ConnectsTooOften')).toHaveLength(1);
  await villain('newcomer');
  await until('the newcomer is in', () => broker.session('newcomer') !== undefined);
  await honestIsServed();
});

test('a flood of joins is told to come again, in HTTP; who has another token joins', async () => {
  const token = (): Promise<string> =>
    createJoinToken({
      ...{ clock, random, caKeyHash: pki.caKeyHash, ttlMs: 60_000 },
      createSecret: (namespace, secret) => world.client.resource('', 'secrets').create(namespace, secret),
    });
  const [flooded, other] = [await token(), await token()];
  // Nothing is refilled here either.
  const limits = new JoinLimits(new FakeClock());
  const boards = { get: () => undefined, renamed: () => undefined, enter: async (board: unknown) => board } as unknown as BoardDirectory;
  const handle = joinHandler({
    client: world.client,
    boards,
    clock,
    logger: silentLogger,
    pki,
    clusterId,
    mqttPort: () => undefined,
    limits,
  });
  const { id = '' } = parseJoinToken(flooded) ?? {};
  const exhaust = (): void => {
    for (let count = 0; count < joinLimits.token.burst; count++) limits.join(id);
  };
  expect(exhaust).not.toThrow();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = (node: string, with_: string): Promise<{ status: number; headers: Readonly<Record<string, string>> }> =>
    handle({
      method: 'POST',
      path: '/flotilla/v1/join',
      body: JSON.stringify({ node, csr: nodeCertificateRequest(node, privateKey), token: with_, serial: '' }),
    });
  const flood = await Promise.all(Array.from({ length: 20 }, (_, number) => request(`n-${number}`, flooded)));
  expect(flood.map(({ status, headers }) => [status, headers['retry-after']])).toEqual(flood.map(() => [429, '1']));
  expect(limits.counters).toMatchObject({ limited: 20, joined: 0 });
  expect((await request('n-other', other)).status).toBe(200);
});
