import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCertificateRequest } from '@flotilla/agent/hublink/certificate-request.js';
import { createMqttCourier } from '@flotilla/agent/hublink/mqtt-courier.js';
import { WireCount } from '@flotilla/agent/hublink/wire-count.js';
import { openPki } from '@flotilla/hub/auth/pki/pki.js';
import { EmbeddedBroker } from '@flotilla/hub/broker/embedded/embedded-broker.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LinkProxy } from '../harness/link-proxy.ts';
import { until } from '../harness/until.ts';

/** The way to the hub that is opened while the runtime comes up, over real TLS and MQTT. */

const scope = { clusterId: 'cluster-1', node: 'board-1' };
const clock = new SystemClock();
const boardAddress = '127.0.0.62';
const introduction = { bootId: 'boot-1', serial: '', keepAliveMs: 60_000 };
const deaf = { message: () => {}, closed: () => {} };

let dir: string;
let broker: EmbeddedBroker;
let proxy: LinkProxy;
let courierOf: (wire: WireCount) => ReturnType<typeof createMqttCourier>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-dial-ahead-'));
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
  await broker.start({ connected: () => {}, disconnected: () => {}, message: () => {}, incident: () => {} });
  proxy = await LinkProxy.open(boardAddress, '127.0.0.1', [broker.port ?? 0]);
  const certificate = await pki.issueNodeCertificate(nodeCertificateRequest(scope.node, keys.privateKey), scope.node);
  const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  courierOf = (wire) =>
    createMqttCourier({
      scope,
      endpoints: [{ transport: 'mqtt', host: boardAddress, port: broker.port ?? 0 }],
      ca: pki.caCertPem,
      credentials: () => ({ certificate, key }),
      floorMs: () => 0,
      logger: silentLogger,
      timeoutMs: 60_000,
      wire,
    });
});
afterAll(async () => {
  await proxy?.close();
  await broker?.stop();
  await rm(dir, { recursive: true, force: true });
});

test('is used by the first attempt, and until then the hub hears of no board', async () => {
  const wire = new WireCount();
  const courier = courierOf(wire);
  courier.prepare?.();
  // The hub's certificate has come, and its session tickets.
  await until('the hub was reached', async () => wire.down > 1_000);
  expect(broker.session(scope.node)).toBeUndefined();
  const pipe = await courier.connect(introduction, deaf);
  await until('the session', async () => broker.session(scope.node) !== undefined);
  expect(wire.connections).toBe(1);
  pipe.close();
  await until('its end', async () => broker.session(scope.node) === undefined);
});

test('is dialled anew when it broke meanwhile, or when the hub could not be reached', async () => {
  for (const cutFirst of [true, false]) {
    const wire = new WireCount();
    const courier = courierOf(wire);
    if (cutFirst) proxy.cut();
    courier.prepare?.();
    if (!cutFirst) {
      await until('the hub was reached', async () => wire.down > 1_000);
      proxy.cut();
    }
    proxy.mend();
    const connected = async () => courier.connect(introduction, deaf).catch(() => undefined);
    const pipe = await until('a connection', connected);
    await until('the session', async () => broker.session(scope.node) !== undefined);
    pipe.close();
    await until('its end', async () => broker.session(scope.node) === undefined);
  }
});
