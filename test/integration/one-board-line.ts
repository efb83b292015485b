import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCertificateRequest } from '@flotilla/agent/hublink/certificate-request.js';
import type { Courier } from '@flotilla/agent/hublink/courier.js';
import { createMqttCourier } from '@flotilla/agent/hublink/mqtt-courier.js';
import type { WireCount } from '@flotilla/agent/hublink/wire-count.js';
import { openPki } from '@flotilla/hub/auth/pki/pki.js';
import { EmbeddedBroker } from '@flotilla/hub/broker/embedded/embedded-broker.js';
import type { BrokerHandler } from '@flotilla/hub/broker/types.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import { LinkProxy } from '../harness/link-proxy.ts';
import { until } from '../harness/until.ts';

/** A broker that knows one board, and the board's line to it, which can be cut and shaped: real TLS, MQTT and kernel buffers. */
export interface OneBoardLine {
  readonly broker: EmbeddedBroker;
  readonly proxy: LinkProxy;
  /** The board's end; what it carries is counted. */
  courier(wire: WireCount): Courier;
  /** Resolves when the hub has the board's session; `ended` when it has none. */
  session(): Promise<void>;
  ended(): Promise<void>;
  close(): Promise<void>;
}

export const scope = { clusterId: 'cluster-1', node: 'board-1' };
export const introduction = { bootId: 'boot-1', serial: '', keepAliveMs: 60_000 };

const nothing: BrokerHandler = { connected: () => {}, disconnected: () => {}, message: () => {}, incident: () => {} };

/** @param address of its own on the loopback, for the proxy */
export async function openOneBoardLine(address: string, clock: Clock, handler: Partial<BrokerHandler> = {}): Promise<OneBoardLine> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-line-'));
  const pki = await openPki({ files: new SystemFiles(), dir, clock, random: new SystemRandom(), names: [address] });
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const board = { node: scope.node, keyId: keyIdOf(keys.publicKey), serial: '' };
  const broker = new EmbeddedBroker({
    clusterId: scope.clusterId,
    clock,
    logger: silentLogger,
    boards: { get: () => board },
    tls: pki.serverTls(),
    listen: { host: '127.0.0.1', port: 0 },
  });
  await broker.start({ ...nothing, ...handler });
  const port = broker.port ?? 0;
  const proxy = await LinkProxy.open(address, '127.0.0.1', [port]);
  const certificate = await pki.issueNodeCertificate(nodeCertificateRequest(scope.node, keys.privateKey), scope.node);
  const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return {
    broker,
    proxy,
    courier: (wire) =>
      createMqttCourier({
        scope,
        endpoints: [{ transport: 'mqtt', host: address, port }],
        ca: pki.caCertPem,
        credentials: () => ({ certificate, key }),
        floorMs: () => 0,
        logger: silentLogger,
        timeoutMs: 60_000,
        wire,
      }),
    session: async () => void (await until('the session', async () => broker.session(scope.node) !== undefined)),
    ended: async () => void (await until("the session's end", async () => broker.session(scope.node) === undefined)),
    close: async () => {
      await proxy.close();
      await broker.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
