import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCertificateRequest } from '@flotilla/agent/hublink/certificate-request.js';
import type { Courier } from '@flotilla/agent/hublink/courier.js';
import { createMqttCourier, type Endpoint } from '@flotilla/agent/hublink/mqtt-courier.js';
import { openPki, type Pki } from '@flotilla/hub/auth/pki/pki.js';
import { EmbeddedBroker } from '@flotilla/hub/broker/embedded/embedded-broker.js';
import { SimulatedBroker } from '@flotilla/hub/broker/simulated/simulated-broker.js';
import { type Board, type Broker, brokerLimits, type DeviceSession, type Incident } from '@flotilla/hub/broker/types.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SeededRandom, SystemRandom } from '@flotilla/shared/platform/random.js';
import type { DevicePipe } from '@flotilla/shared/protocol/courier.js';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import { FrameReader } from '@flotilla/shared/protocol/frame.js';
import { downTopic, upTopic } from '@flotilla/shared/protocol/topics.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

/** The one suite of the courier: whatever carries messages between hub and board passes it. */

const clusterId = 'cluster-1';
const clock = new SystemClock();

interface Line {
  readonly broker: Broker;
  /** A courier for the board with this name; `key` another key than the enrolled one. */
  courier(node: string, options?: { foreignKey?: boolean }): Promise<Courier>;
  close(): Promise<void>;
}

const boards = new Map<string, Board>();
const directory = { get: (node: string) => boards.get(node) };

let pki: Pki;
let dir: string;
const keys = new Map<string, ReturnType<typeof newKey>>();

function newKey() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

async function credentials(node: string, key = keyOf(node)): Promise<{ certificate: string; key: string }> {
  const certificate = await pki.issueNodeCertificate(nodeCertificateRequest(node, key.privateKey), node);
  return { certificate, key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}

function keyOf(node: string): ReturnType<typeof newKey> {
  const key = keys.get(node) ?? newKey();
  keys.set(node, key);
  return key;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-courier-'));
  pki = await openPki({ files: new SystemFiles(), dir: join(dir, 'pki'), clock, random: new SystemRandom() });
  for (const node of ['board-1', 'board-2']) boards.set(node, { node, keyId: keyIdOf(keyOf(node).publicKey), serial: '' });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function mqttLine(transport: Endpoint['transport']): Promise<Line> {
  const broker = new EmbeddedBroker({
    clusterId,
    clock,
    logger: silentLogger,
    boards: directory,
    tls: pki.serverTls(),
    listen: transport === 'mqtt' ? { host: '127.0.0.1', port: 0 } : undefined,
  });
  let server: Server | undefined;
  if (transport === 'websocket') {
    const { cert, key, ca } = pki.serverTls();
    server = createServer({ cert, key, ca: [...ca], requestCert: true, rejectUnauthorized: false });
    server.on('upgrade', (request, socket, head) => {
      if (!broker.upgrade(request, socket, head)) socket.destroy();
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  }
  const port = (): number => broker.port ?? (server?.address() as AddressInfo | undefined)?.port ?? 0;
  return {
    broker,
    courier: async (node, options = {}) => {
      const own = await credentials(node, options.foreignKey ? newKey() : undefined);
      return createMqttCourier({
        scope: { clusterId, node },
        endpoints: [{ transport, host: '127.0.0.1', port: port() }],
        ca: pki.caCertPem,
        credentials: () => own,
        floorMs: () => 0,
        logger: silentLogger,
        timeoutMs: 30_000,
      });
    },
    close: async () => {
      await broker.stop();
      await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
    },
  };
}

async function simulatedLine(): Promise<Line> {
  const broker = new SimulatedBroker({ clusterId, clock, random: new SeededRandom(1), boards: directory });
  return {
    broker,
    courier: async (node, options = {}) => {
      const keyId = options.foreignKey ? 'another' : keyIdOf(keyOf(node).publicKey);
      return { connect: broker.dial({ node, keyId }) };
    },
    close: () => broker.stop(),
  };
}

const lines: [string, () => Promise<Line>][] = [
  ['MQTT over TLS', () => mqttLine('mqtt')],
  ['MQTT over WebSocket on the API port', () => mqttLine('websocket')],
  ['simulated', simulatedLine],
];

describe.for(lines)('courier: %s', ([, open]) => {
  let line: Line;
  let log: string[];
  let sessions: DeviceSession[];
  let incidents: Incident[];
  let backlogMs: number;
  const pipes: DevicePipe[] = [];

  const start = (): Promise<void> =>
    line.broker.start({
      connected: (session) => {
        sessions.push(session);
        log.push(`connected ${session.node} ${session.bootId}`);
      },
      disconnected: (session) => log.push(`disconnected ${session.node} ${session.bootId}`),
      message: (session, kind, payload) => log.push(`${session.node} ${kind} ${payload.toString()}`),
      incident: (incident) => incidents.push(incident),
      backlogMs: () => backlogMs,
      farewell: (node, bootId, afterMs) => [Buffer.from(`${node} ${bootId} ${afterMs >= 1_000 ? 'later' : 'at once'}`)],
    });

  beforeEach(async () => {
    log = [];
    sessions = [];
    incidents = [];
    backlogMs = 0;
    line = await open();
    await start();
  });
  afterEach(async () => {
    for (const pipe of pipes.splice(0)) pipe.close();
    await line.close();
  });

  async function connect(node: string, bootId = 'boot-1', courier?: Courier) {
    const received: [string, Buffer][] = [];
    const ended: string[] = [];
    const end = {
      message: (topic: string, payload: Buffer) => received.push([topic, payload]),
      closed: (reason: string) => ended.push(reason),
    };
    const pipe = await (courier ?? (await line.courier(node))).connect({ bootId, serial: '', keepAliveMs: 20_000 }, end);
    pipes.push(pipe);
    await vi.waitFor(() => expect(line.broker.session(node)?.bootId).toBe(bootId), { timeout: 60_000 });
    return { pipe, received, ended, session: line.broker.session(node) as DeviceSession };
  }

  const up = (node: string, kind: 'hello' | 'report' | 'stream'): string => upTopic({ clusterId, node }, kind);

  test('carries messages both ways, in order, with their topics', async () => {
    const board = await connect('board-1');
    for (let count = 0; count < 50; count++) await board.pipe.send(up('board-1', 'stream'), Buffer.from(String(count)));
    await vi.waitFor(() => expect(log).toHaveLength(51), { timeout: 60_000 });
    expect(log).toEqual(['connected board-1 boot-1', ...Array.from({ length: 50 }, (_, count) => `board-1 stream ${count}`)]);
    for (let count = 0; count < 50; count++) await line.broker.send(board.session, 'stream', Buffer.from(String(count)));
    await vi.waitFor(() => expect(board.received).toHaveLength(50), { timeout: 60_000 });
    expect(board.received.map(([topic]) => topic)).toEqual(board.received.map(() => downTopic({ clusterId, node: 'board-1' }, 'stream')));
    expect(board.received.map(([, payload]) => Number(payload.toString()))).toEqual(Array.from({ length: 50 }, (_, count) => count));
  });

  test('tells that what was sent has arrived, where the connection can tell', async () => {
    const { pipe } = await connect('board-1');
    for (let round = 1; round <= 5; round++) {
      for (let count = 0; count < 20; count++) void pipe.send(up('board-1', 'stream'), Buffer.alloc(10_000));
      await pipe.arrived?.();
      if (!pipe.arrived) await vi.waitFor(() => expect(log).toHaveLength(1 + 20 * round), { timeout: 60_000 });
      expect(log).toHaveLength(1 + 20 * round);
    }
  });

  test('a session knows who it is', async () => {
    const { session } = await connect('board-1', 'boot-7');
    expect(session).toMatchObject({ node: 'board-1', bootId: 'boot-7', keyId: boards.get('board-1')?.keyId, keepAliveMs: 20_000 });
    expect(line.broker.counters.connects).toBe(1);
  });

  test('a publish that is denied is not silent, and reaches nobody but the hub', async () => {
    const other = await connect('board-2');
    const board = await connect('board-1');
    await board.pipe.send(downTopic({ clusterId, node: 'board-2' }, 'manifest'), Buffer.from('forged'));
    await board.pipe.send(up('board-2', 'report'), Buffer.from('forged'));
    await board.pipe.send(up('board-1', 'report'), Buffer.from('honest'));
    await vi.waitFor(() => expect(log).toContain('board-1 report honest'), { timeout: 60_000 });
    await vi.waitFor(() => expect(board.received).toHaveLength(2), { timeout: 60_000 });
    const refusals = board.received.map(([topic, payload]) => [topic, new FrameReader().read(payload)]);
    expect(refusals[0]).toEqual([
      downTopic({ clusterId, node: 'board-1' }, 'refusal'),
      { type: 'json', value: expect.objectContaining({ reason: 'Forbidden', message: expect.stringContaining('may not publish') }) },
    ]);
    expect(other.received).toEqual([]);
    expect(log.filter((entry) => entry.includes('forged'))).toEqual([]);
    expect(line.broker.counters.deniedPublishes).toBe(2);
    expect(incidents.map((incident) => [incident.node, incident.type])).toEqual([
      ['board-1', 'DeniedPublish'],
      ['board-1', 'DeniedPublish'],
    ]);
  });

  test('a kind of message that the hub does not know is refused, however often, and is no trespass', async () => {
    const board = await connect('board-1');
    const topic = up('board-1', 'report').replace('report', 'telepathy');
    for (let count = 0; count < 40; count++) await board.pipe.send(topic, Buffer.from('x'));
    await board.pipe.send(up('board-1', 'report'), Buffer.from('honest'));
    await vi.waitFor(() => expect(board.received).toHaveLength(40), { timeout: 60_000 });
    const [[, payload = Buffer.of()] = []] = board.received;
    expect(new FrameReader().read(payload)).toMatchObject({ type: 'json', value: { about: topic, reason: 'Unsupported' } });
    await vi.waitFor(() => expect(log).toContain('board-1 report honest'), { timeout: 60_000 });
    expect(incidents).toEqual([]);
    expect(line.broker.counters).toMatchObject({ deniedPublishes: 0, disconnects: 0 });
  });

  test('the newer connection takes over; the end of the older one changes nothing', async () => {
    const courier = await line.courier('board-1');
    const first = await connect('board-1', 'boot-1', courier);
    const second = await connect('board-1', 'boot-1', courier);
    await vi.waitFor(() => expect(first.ended).toHaveLength(1), { timeout: 60_000 });
    expect(log).toEqual(['connected board-1 boot-1', 'disconnected board-1 boot-1', 'connected board-1 boot-1']);
    const newest = line.broker.session('board-1') as DeviceSession;
    expect(newest.epoch).toBeGreaterThan(first.session.epoch);
    line.broker.disconnect(first.session, 'late will of the old session');
    expect(line.broker.session('board-1')).toEqual(newest);
    await line.broker.send(newest, 'ack', Buffer.from('still there'));
    await vi.waitFor(() => expect(second.received).toHaveLength(1), { timeout: 60_000 });
    await expect(line.broker.send(first.session, 'ack', Buffer.from('x'))).rejects.toThrow('is over');
  });

  test('two boot ids alternating: the clone is refused, the session in place goes on', async () => {
    const courier = await line.courier('board-1');
    await connect('board-1', 'boot-1', courier);
    const second = await connect('board-1', 'boot-2', courier);
    await expect(connect('board-1', 'boot-1', courier)).rejects.toThrow(expect.objectContaining({ refusal: 'quarantined' }));
    expect(line.broker.session('board-1')?.epoch).toBe(second.session.epoch);
    expect(incidents.map((incident) => incident.type)).toEqual(['Cloned']);
    expect(line.broker.counters.refused.quarantined).toBe(1);
  });

  test('another key for an enrolled name, and a name that is not enrolled, are refused', async () => {
    await expect(connect('board-1', 'boot-1', await line.courier('board-1', { foreignKey: true }))).rejects.toThrow(
      expect.objectContaining({ refusal: 'unauthorized' }),
    );
    await expect(connect('board-9', 'boot-1', await line.courier('board-9'))).rejects.toThrow(
      expect.objectContaining({ refusal: 'unauthorized' }),
    );
    expect(log).toEqual([]);
  });

  test('an oversize packet ends the connection', async () => {
    const board = await connect('board-1');
    await board.pipe.send(up('board-1', 'report'), Buffer.alloc(200 * 1024)).catch(() => {});
    await vi.waitFor(() => expect(board.ended).toHaveLength(1), { timeout: 60_000 });
    expect(log.filter((entry) => entry.includes('report'))).toEqual([]);
    await vi.waitFor(() => expect(line.broker.session('board-1')).toBeUndefined(), { timeout: 60_000 });
  });

  test('both ends learn of the end once', async () => {
    const board = await connect('board-1');
    board.pipe.close();
    await vi.waitFor(() => expect(log.at(-1)).toBe('disconnected board-1 boot-1'), { timeout: 60_000 });
    await vi.waitFor(() => expect(board.ended).toHaveLength(1), { timeout: 60_000 });
    const again = await connect('board-1');
    line.broker.disconnect(again.session, 'because');
    await vi.waitFor(() => expect(again.ended).toHaveLength(1), { timeout: 60_000 });
    expect(log.filter((entry) => entry.startsWith('disconnected'))).toHaveLength(2);
    await expect(again.pipe.send(up('board-1', 'report'), Buffer.from('x'))).rejects.toThrow();
  });

  test('a hub that stops says when to come again, and hangs up', async () => {
    const board = await connect('board-1');
    await line.broker.stop();
    await vi.waitFor(() => expect(board.ended).toHaveLength(1), { timeout: 60_000 });
    expect(board.received.map(([topic, payload]) => [topic, payload.toString()])).toEqual([
      [downTopic({ clusterId, node: 'board-1' }, 'retry'), 'board-1 boot-1 later'],
    ]);
    await expect(connect('board-1')).rejects.toThrow();
  });

  test('a hub with too much to do takes on no board, says when to come again, and hangs up; whoever is there stays', async () => {
    const there = await connect('board-2');
    backlogMs = brokerLimits.backlogMs + 1;
    const received: string[] = [];
    const ended: string[] = [];
    const end = {
      message: (topic: string, payload: Buffer) => received.push(`${topic.split('/').at(-1)} ${payload.toString()}`),
      closed: (reason: string) => ended.push(reason),
    };
    const courier = await line.courier('board-1');
    const pipe = await courier.connect({ bootId: 'boot-1', serial: '', keepAliveMs: 20_000 }, end);
    await pipe.send(up('board-1', 'hello'), Buffer.from('hello')).catch(() => {});
    await vi.waitFor(() => expect(ended).toHaveLength(1), { timeout: 60_000 });
    expect(received).toEqual(['retry board-1 boot-1 later']);
    expect(log).toEqual(['connected board-2 boot-1']);
    expect(line.broker.counters.sentAway).toBe(1);
    await there.pipe.send(up('board-2', 'report'), Buffer.from('still there'));
    await vi.waitFor(() => expect(log).toContain('board-2 report still there'), { timeout: 60_000 });
    backlogMs = brokerLimits.backlogMs;
    await connect('board-1', 'boot-1', courier);
  });
});
