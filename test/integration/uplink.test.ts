import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCertificateRequest } from '@flotilla/agent/hublink/certificate-request.js';
import { createMqttCourier } from '@flotilla/agent/hublink/mqtt-courier.js';
import { Uplink } from '@flotilla/agent/hublink/uplink.js';
import { WireCount } from '@flotilla/agent/hublink/wire-count.js';
import { openPki } from '@flotilla/hub/auth/pki/pki.js';
import { EmbeddedBroker } from '@flotilla/hub/broker/embedded/embedded-broker.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import type { DevicePipe } from '@flotilla/shared/protocol/courier.js';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import { encodeData } from '@flotilla/shared/protocol/frame.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LinkProxy } from '../harness/link-proxy.ts';
import { until } from '../harness/until.ts';

/** What a stream puts in front of a report on a slow line, over real TLS, MQTT and the kernel's own buffers. */

const scope = { clusterId: 'cluster-1', node: 'board-1' };
const clock = new SystemClock();
const boardAddress = '127.0.0.61';
/** Far more than a second of the line, far less than buffers take. */
const muchBytes = 1_000_000;

let dir: string;
let broker: EmbeddedBroker;
let proxy: LinkProxy;
let received: { stream: number; reports: number };
let connect: () => Promise<{ pipe: DevicePipe; wire: WireCount }>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-uplink-'));
  const pki = await openPki({ files: new SystemFiles(), dir, clock, random: new SystemRandom(), names: [boardAddress] });
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const board = { node: scope.node, keyId: keyIdOf(keys.publicKey), serial: '' };
  broker = new EmbeddedBroker({
    clusterId: scope.clusterId,
    clock,
    logger: silentLogger,
    boards: { get: () => board },
    tls: pki.serverTls(),
    listen: { host: '127.0.0.1', port: 0 },
  });
  await broker.start({
    connected: () => {},
    disconnected: () => {},
    message: (_session, kind, payload) => {
      if (kind === 'stream') received.stream += payload.length;
      if (kind === 'report') received.reports++;
    },
    incident: () => {},
  });
  proxy = await LinkProxy.open(boardAddress, '127.0.0.1', [broker.port ?? 0]);
  const certificate = await pki.issueNodeCertificate(nodeCertificateRequest(scope.node, keys.privateKey), scope.node);
  const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  connect = async () => {
    const wire = new WireCount();
    const courier = createMqttCourier({
      scope,
      endpoints: [{ transport: 'mqtt', host: boardAddress, port: broker.port ?? 0 }],
      ca: pki.caCertPem,
      credentials: () => ({ certificate, key }),
      floorMs: () => 0,
      logger: silentLogger,
      timeoutMs: 60_000,
      wire,
    });
    const pipe = await courier.connect({ bootId: 'boot-1', serial: '', keepAliveMs: 60_000 }, { message: () => {}, closed: () => {} });
    await until('the session', async () => broker.session(scope.node) !== undefined);
    return { pipe, wire };
  };
});
afterAll(async () => {
  await proxy?.close();
  await broker?.stop();
  await rm(dir, { recursive: true, force: true });
});

/** @returns whether a report came before much more of a stream did */
async function overtakes(pipe: DevicePipe): Promise<boolean> {
  received = { stream: 0, reports: 0 };
  const uplink = new Uplink({ pipe, clock, scope, meter: undefined });
  const stream = async (): Promise<void> => {
    for (let offset = 0; ; offset += 16_384)
      await uplink.send('stream', encodeData({ stream: 1, channel: 1, offset, data: Buffer.alloc(16_384) }));
  };
  const ended = stream().catch(() => {});
  try {
    await until('the line is full', async () => received.stream > 600_000);
    const before = received.stream;
    await uplink.send('report', Buffer.from([1]));
    await until('either', async () => received.reports > 0 || received.stream - before > muchBytes);
    return received.reports > 0;
  } finally {
    uplink.close(new Error('enough'));
    pipe.close();
    await ended;
  }
}

test('a report overtakes a stream that would fill every buffer on the way', async () => {
  const { pipe, wire } = await connect();
  proxy.shape({ bytesPerSecond: 400_000, delayMs: 50 });
  expect(await overtakes(pipe)).toBe(true);
  // Handshake, messages and TLS.
  expect(wire.up).toBeGreaterThan(600_000);
  expect(wire.down).toBeGreaterThan(1_000);
  expect(wire.connections).toBe(1);
});

test('it would not if the line was not measured', async () => {
  proxy.shape({});
  const { pipe } = await connect();
  proxy.shape({ bytesPerSecond: 400_000, delayMs: 50 });
  const { arrived: _, ...blind } = pipe;
  expect(await overtakes(blind)).toBe(false);
});
