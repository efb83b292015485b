import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enrol, renewEnrolment } from '@flotilla/agent/hublink/enrol.js';
import { saveKey } from '@flotilla/agent/hublink/enrolment.js';
import { createHubLink } from '@flotilla/agent/hublink/hub-link.js';
import { createMqttCourier, type Endpoint } from '@flotilla/agent/hublink/mqtt-courier.js';
import { hubHttp } from '@flotilla/agent/hublink/mqtt-door.js';
import { SpecStore } from '@flotilla/agent/spec/spec-store.js';
import { openPki, type Pki } from '@flotilla/hub/auth/pki/pki.js';
import { EmbeddedBroker } from '@flotilla/hub/broker/embedded/embedded-broker.js';
import type { Boards } from '@flotilla/hub/broker/types.js';
import type { Client } from '@flotilla/hub/client/types.js';
import { BoardDirectory } from '@flotilla/hub/nodesync/enrol/board-directory.js';
import { joinHandler } from '@flotilla/hub/nodesync/enrol/join-handler.js';
import { checkJoinToken, createJoinToken } from '@flotilla/hub/nodesync/enrol/join-token.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type ApiObject, clusterId, openWorld, pod, type World } from './link-world.ts';

/** A board from its join token to its first pod, over real TLS; the MQTT port is one endpoint, the API port the other. */

const clock = new SystemClock();
const random = new SystemRandom();
const files = new SystemFiles();
let dir: string;
let pki: Pki;
let world: World;
let broker: EmbeddedBroker;
let server: Server;
let client: Client;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-enrolment-'));
  pki = await openPki({ files, dir: join(dir, 'pki'), clock, random });
  const { cert, key, ca } = pki.serverTls();
  // The broker asks at each connect, when the directory is there.
  const late: { boards: Boards } = { boards: { get: () => undefined } };
  broker = new EmbeddedBroker({
    clusterId,
    clock,
    logger: silentLogger,
    boards: { get: (node) => late.boards.get(node) },
    tls: pki.serverTls(),
    listen: { host: '127.0.0.1', port: 0 },
  });
  const manifestKey = {
    keyId: keyIdOf(createPublicKey(pki.manifestKey.publicKeyPem)),
    sign: (bytes: Buffer) => pki.manifestKey.sign(bytes),
  };
  world = await openWorld({ clock, broker: () => broker, signer: manifestKey });
  client = world.client;
  const boards = new BoardDirectory(client);
  late.boards = boards;
  boards.onRevoked((node) => world.sync.hangUp(node, 'revoked'));
  const handle = joinHandler({ client, boards, clock, logger: silentLogger, pki, clusterId, mqttPort: () => broker.port });
  server = createServer({ cert, key, ca: [...ca], requestCert: true, rejectUnauthorized: false }, (request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      void handle({ method: request.method ?? '', path: request.url ?? '', body }).then((answer) => {
        response.writeHead(answer.status, answer.headers).end(answer.body);
      });
    });
  });
  server.on('upgrade', (request, socket, head) => broker.upgrade(request, socket, head) || socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await world.close();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await rm(dir, { recursive: true, force: true });
});

const hub = (): string => `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
const token = (ttlMs = 3_600_000, uses?: number, node?: string): Promise<string> =>
  createJoinToken({
    createSecret: (namespace, secret) => client.resource('', 'secrets').create(namespace, secret),
    clock,
    random,
    caKeyHash: pki.caKeyHash,
    ttlMs,
    ...(uses === undefined ? {} : { uses }),
    ...(node === undefined ? {} : { node }),
  });
const join_ = (node: string, options: { token?: string; dir?: string; hub?: string; serial?: string } = {}) =>
  enrol({
    files,
    dir: options.dir ?? join(dir, node),
    http: hubHttp,
    logger: silentLogger,
    hubs: [options.hub ?? hub()],
    node,
    serial: options.serial ?? '',
    ...(options.token === undefined ? {} : { token: options.token }),
  });

test.for<Endpoint['transport']>(['mqtt', 'websocket'])('from a token to a pod over %s', async (transport) => {
  const node = `board-${transport}`;
  const enrolment = await join_(node, { token: await token() });
  expect(enrolment).toMatchObject({ node, clusterId, mqttPort: broker.port, ca: pki.caCertPem });
  const { host, port } = enrolment.hub;
  const courier = createMqttCourier({
    scope: { clusterId, node },
    endpoints: [{ transport, host, port: transport === 'mqtt' ? (enrolment.mqttPort ?? 0) : port }],
    ca: enrolment.ca,
    credentials: () => enrolment,
    floorMs: () => enrolment.floorMs,
    logger: silentLogger,
  });
  const spec = new SpecStore({ files, dir: join(dir, `${node}-spec`), logger: silentLogger });
  await spec.load();
  let manifests = 0;
  let connected = 0;
  const link = createHubLink({
    courier,
    clock,
    random,
    logger: silentLogger,
    identity: { scope: { clusterId, node }, agentVersion: '0.1.0', bootId: 'boot-1', serial: '', manifestKeys: enrolment.manifestKeys },
    retry: { baseMs: 50, maxMs: 500 },
    handlers: {
      manifest: (update) => {
        manifests++;
        return spec.offer(update);
      },
      objects: (parts) => spec.receive(parts),
      applied: () => spec.generation,
      connected: () => void connected++,
      disconnected: () => {},
      logs: async function* () {
        for (let count = 0; count < 50; count++) yield Buffer.alloc(20_000, 'x');
      },
    },
  });
  link.start();
  try {
    await vi.waitFor(() => expect(link.connected).toBe(true), { timeout: 60_000 });
    const name = `pod-${transport}`;
    await client
      .resource<ApiObject>('', 'configmaps')
      .create('default', { metadata: { name: transport, namespace: 'default' }, data: { big: random.bytes(300_000).toString('base64') } });
    await client.resource<ApiObject>('', 'pods').create('default', pod(name, node, { configMap: transport }));
    await vi.waitFor(() => expect([...spec.pods()][0]?.metadata?.name).toBe(name), { timeout: 60_000 });
    expect(spec.configMap('default', transport)?.data?.['big']).toHaveLength(400_000);
    const uid = [...spec.pods()][0]?.metadata?.uid ?? '';
    await link.report({
      full: true,
      applied: spec.generation,
      events: [],
      pods: [{ uid, namespace: 'default', name, sequence: 1, status: { phase: 'Running' } }],
    });
    expect(client.informer<ApiObject>('', 'pods').get(`default/${name}`)?.status).toMatchObject({ phase: 'Running' });
    let bytes = 0;
    for await (const chunk of world.sync.connector.logs(
      node,
      { namespace: 'default', name, uid },
      { container: 'main' },
      new AbortController().signal,
    ))
      bytes += chunk.length;
    expect(bytes).toBe(50 * 20_000);
    const before = manifests;
    broker.disconnect(broker.session(node) ?? expect.fail('no session'), 'test');
    await vi.waitFor(() => expect(connected).toBe(2), { timeout: 60_000 });
    expect(manifests).toBe(before);
  } finally {
    await link.stop();
  }
});

test('joining again with the same key gives the same board, with any state of the disk in between', async () => {
  const first = await join_('again', { token: await token(3_600_000, 1) });
  expect(await join_('again')).toEqual(first);
  // The answer was lost: the key is on disk, the record is not, and the token has no use left.
  await rm(join(dir, 'again', 'enrolment.json'));
  await expect(join_('again')).rejects.toThrow('has not joined a hub yet');
  const second = await join_('again', { token: await token(3_600_000, 1) });
  expect(second.key).toBe(first.key);
  const renewed = await renewEnrolment({ files, dir: join(dir, 'again'), http: hubHttp }, second);
  expect(renewed.certificate).not.toBe(second.certificate);
});

test('a token of one board: for its name only, once, and again for the same key', async () => {
  const own = await token(3_600_000, 1, 'kitchen');
  await expect(join_('cellar', { token: own })).rejects.toThrow('the join token is for node "kitchen", not for "cellar"');
  const first = await join_('kitchen', { token: own });
  // The power failed before the answer was on disk.
  await rm(join(dir, 'kitchen', 'enrolment.json'));
  expect((await join_('kitchen', { token: own })).key).toBe(first.key);
  await expect(join_('kitchen', { token: own, dir: join(dir, 'thief') })).rejects.toThrow('another board is enrolled under this name');
  // Revoked, it does not come back with the token it had.
  await client.resource('', 'secrets').delete('kube-system', 'flotilla-board-kitchen', { gracePeriodSeconds: 0 });
  await vi.waitFor(() => expect(client.informer('', 'secrets').get('kube-system/flotilla-board-kitchen')).toBeUndefined(), {
    timeout: 60_000,
  });
  await rm(join(dir, 'kitchen', 'enrolment.json'));
  await expect(join_('kitchen', { token: own })).rejects.toThrow('was used as often as it may be');
});

test('the hub stops between taking the last use of a token and entering the board: the same key takes it again', async () => {
  const own = await token(3_600_000, 1, 'attic');
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await saveKey(files, join(dir, 'attic'), pem);
  const keyId = keyIdOf(publicKey);
  await checkJoinToken({ client, clock }, own, { node: 'attic', take: keyId });
  await expect(join_('attic', { token: own, dir: join(dir, 'other') })).rejects.toThrow('was used as often as it may be');
  expect((await join_('attic', { token: own })).key).toBe(pem);
});

test('a wrong, an expired and a used-up token, a taken name and a bad name: each says so', async () => {
  const good = await token();
  const flipped = good.replace(/^(f1\.[0-9a-f]{10}\.)./, (_all, head: string) => `${head}${good[14] === 'A' ? 'B' : 'A'}`);
  await expect(join_('wrong', { token: flipped })).rejects.toThrow('the hub refused: the join token is unknown to this hub');
  await expect(join_('wrong', { token: await token(-1000) })).rejects.toThrow(/the join token expired at 20/);
  await expect(join_('wrong', { token: 'nonsense' })).rejects.toThrow('has the form f1.ID.SECRET.PIN');
  await expect(join_('wrong')).rejects.toThrow('flotilla token create');
  const once = await token(3_600_000, 1);
  await join_('first', { token: once });
  await expect(join_('second', { token: once })).rejects.toThrow('was used as often as it may be');
  await expect(join_('first', { token: await token(), dir: join(dir, 'thief') })).rejects.toThrow(
    'another board is enrolled under this name',
  );
  await expect(join_('Not_a_name', { token: good })).rejects.toThrow('lowercase RFC 1123 subdomain');
  const longest = 'x'.repeat(200);
  expect((await join_(longest, { token: good })).node).toBe(longest);
  await expect(join_('x', { token: good, hub: 'http://somewhere' })).rejects.toThrow('must be like https://HOST:6443');
});

test('a board that was flashed anew is neither a duplicate nor silently another: its owner lets it back', async () => {
  const first = await join_('flashed', { token: await token() });
  // A new card has a new key.
  const anew = () => token().then((text) => join_('flashed', { token: text, dir: join(dir, 'flashed-again') }));
  await expect(anew()).rejects.toThrow('delete the Secret kube-system/flotilla-board-flashed');
  await client.resource('', 'secrets').delete('kube-system', 'flotilla-board-flashed');
  const second = await vi.waitFor(anew, { timeout: 60_000 });
  expect(second.node).toBe('flashed');
  await expect(renewEnrolment({ files, dir: join(dir, 'flashed'), http: hubHttp }, first)).rejects.toThrow('is not enrolled with this key');
});

test('a hub that is not the one of the token gets neither the token nor the board', async () => {
  const good = await token();
  const other = good.replace(/[0-9a-f]{64}$/, 'ab'.repeat(32));
  await expect(join_('careful', { token: other })).rejects.toThrow('is not the hub this token was made for');
  expect(client.informer<ApiObject>('', 'secrets').get('kube-system/flotilla-board-careful')).toBeUndefined();
});

test('only the hash of a token is stored', async () => {
  const text = await token();
  const [, id, secret] = text.split('.');
  const stored = client.informer<ApiObject>('', 'secrets').get(`kube-system/flotilla-join-${id}`);
  expect(stored?.data).toHaveProperty('secret-hash');
  const decoded = Object.values(stored?.data ?? {}).map((value) => Buffer.from(value, 'base64').toString('utf8'));
  expect(decoded.join(' ')).not.toContain(secret);
});

test('a board that was removed is revoked: its certificate opens nothing any more', async () => {
  const enrolment = await join_('leaver', { token: await token() });
  const courier = createMqttCourier({
    scope: { clusterId, node: 'leaver' },
    endpoints: [{ transport: 'mqtt', host: '127.0.0.1', port: broker.port ?? 0 }],
    ca: enrolment.ca,
    credentials: () => enrolment,
    floorMs: () => 0,
    logger: silentLogger,
  });
  const closed: string[] = [];
  const end = { message: () => {}, closed: (reason: string) => closed.push(reason) };
  await courier.connect({ bootId: 'b', serial: '', keepAliveMs: 20_000 }, end);
  await vi.waitFor(() => expect(broker.session('leaver')).toBeDefined(), { timeout: 60_000 });
  await client.resource('', 'secrets').delete('kube-system', 'flotilla-board-leaver');
  await vi.waitFor(() => expect(closed).toHaveLength(1), { timeout: 60_000 });
  await expect(courier.connect({ bootId: 'b', serial: '', keepAliveMs: 20_000 }, end)).rejects.toThrow(
    expect.objectContaining({ refusal: 'unauthorized' }),
  );
  await expect(renewEnrolment({ files, dir: join(dir, 'leaver'), http: hubHttp }, enrolment)).rejects.toThrow(
    'is not enrolled with this key',
  );
});
