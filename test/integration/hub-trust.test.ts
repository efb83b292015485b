import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { enrol } from '@flotilla/agent/hublink/enrol.js';
import type { Enrolment } from '@flotilla/agent/hublink/enrolment.js';
import { hubHttp } from '@flotilla/agent/hublink/mqtt-door.js';
import { openPki, type Pki } from '@flotilla/hub/auth/pki/pki.js';
import { EmbeddedBroker } from '@flotilla/hub/broker/embedded/embedded-broker.js';
import { createHub, type Hub } from '@flotilla/hub/hub.js';
import { createJoinToken } from '@flotilla/hub/nodesync/enrol/join-token.js';
import { MemoryStore } from '@flotilla/hub/store/memory/memory-store.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

/** Whom a whole hub trusts while it runs: revoked boards, and its own certificates that come to their end. */

const system = new SystemClock();
const random = new SystemRandom();
const files = new SystemFiles();
const logger = silentLogger;
let aheadMs = 0;
let lookAtCertificates: (() => void) | undefined;
/** The machine's clock, put forward for what reads the wall clock; the daily look at the certificates comes when the test says. */
const clock: Clock = {
  wallMs: () => system.wallMs() + aheadMs,
  monotonicMs: () => system.monotonicMs(),
  bootMs: () => system.bootMs(),
  sleep: (name, delayMs, signal) => system.sleep(name, delayMs, signal),
  after: (name, delayMs, fire) => {
    if (name !== 'certificate renewal') return system.after(name, delayMs, fire);
    lookAtCertificates = fire;
    return { name, cancel: () => {} };
  },
};

let dir: string;
let pki: Pki;
let hub: Hub;
const renewed = vi.fn(async () => {});

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-trust-'));
  pki = await openPki({ files, dir: join(dir, 'pki'), clock, random });
  const listen = { host: '127.0.0.1', port: 0 };
  hub = createHub(
    { listen },
    {
      clock,
      random,
      logger,
      store: new MemoryStore({ clock }),
      pki,
      renewed,
      link: ({ boards, clusterId }) => {
        const broker = new EmbeddedBroker({ clusterId, clock, logger, boards, tls: pki.serverTls(), listen });
        return { broker, port: () => broker.port, setTls: (tls) => broker.setTls(tls) };
      },
    },
  );
  await hub.start();
});
afterAll(async () => {
  await hub.stop();
  await rm(dir, { recursive: true, force: true });
});

async function join_(node: string, folder: string): Promise<Enrolment> {
  const createSecret = (namespace: string, secret: object) => hub.admin.resource('', 'secrets').create(namespace, secret);
  const token = await createJoinToken({ createSecret, clock, random, caKeyHash: pki.caKeyHash, ttlMs: 60_000 });
  return enrol({
    files,
    dir: join(dir, folder),
    http: hubHttp,
    logger,
    hubs: [`https://127.0.0.1:${hub.apiPort}`],
    node,
    serial: '',
    token,
  });
}

/** What the API says to a board that asks for its own Node. */
function statusFor({ node, certificate, key }: Enrolment): Promise<number | undefined> {
  const options = {
    host: '127.0.0.1',
    port: hub.apiPort,
    path: `/api/v1/nodes/${node}`,
    ca: pki.caCertPem,
    cert: certificate,
    agent: false,
  };
  return new Promise((resolve, reject) => {
    request({ ...options, key }, (response) => resolve(response.resume().statusCode))
      .once('error', reject)
      .end();
  });
}

test('a board whose Secret is gone is refused by the API, also when another takes its name', async () => {
  const first = await join_('pi-1', 'first');
  expect(await statusFor(first)).toBe(404);
  await hub.admin.resource('', 'secrets').delete('kube-system', 'flotilla-board-pi-1');
  await vi.waitFor(async () => expect(await statusFor(first)).toBe(401), { timeout: 10_000 });
  const second = await join_('pi-1', 'second');
  await vi.waitFor(async () => expect(await statusFor(second)).toBe(404), { timeout: 10_000 });
  expect(await statusFor(first)).toBe(401);
});

/** The fingerprint of the certificate that is shown on a port. */
function shownAt(port: number | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: port ?? 0, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

test('certificates that come to their end are replaced on every port without a restart', async () => {
  const before = await shownAt(hub.apiPort);
  expect(await shownAt(hub.mqttPort)).toBe(before);
  lookAtCertificates?.();
  expect(renewed).not.toHaveBeenCalled();
  aheadMs = 300 * 24 * 3_600_000;
  await vi.waitFor(
    () => {
      lookAtCertificates?.();
      expect(renewed).toHaveBeenCalled();
    },
    { timeout: 10_000 },
  );
  const after = await shownAt(hub.apiPort);
  expect(after).not.toBe(before);
  expect(await shownAt(hub.mqttPort)).toBe(after);
});
