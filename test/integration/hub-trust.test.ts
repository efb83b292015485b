import { X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { connect } from 'node:tls';
import type { Enrolment } from '@flotilla/agent/hublink/enrolment.js';
import { proxyFor } from '@flotilla/agent/hublink/mqtt-proxy.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ConnectProxy } from '../harness/connect-proxy.ts';
import { wrongClocks } from '../lab/r11-clocks.ts';
import { runGoal } from '../lab/run-goal.ts';
import { dayMs, openTrustHub, type TrustHub } from './trust-world.ts';

/** Whom a whole hub and its boards trust while they run, and while their clocks are wrong. */

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
async function hubAt(wallMs?: number): Promise<TrustHub> {
  const world = await openTrustHub(wallMs === undefined ? {} : { wallMs });
  open.push(world);
  return world;
}

/** What the API says to a board that asks for its own Node. */
function statusFor({ hub, pki }: TrustHub, { node, certificate, key }: Enrolment): Promise<number | undefined> {
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
  const world = await hubAt();
  const { hub } = world;
  const first = await world.join('pi-1', { folder: 'first' });
  expect(await statusFor(world, first)).toBe(404);
  await hub.admin.resource('', 'secrets').delete('kube-system', 'flotilla-board-pi-1');
  await vi.waitFor(async () => expect(await statusFor(world, first)).toBe(401), { timeout: 60_000 });
  const second = await world.join('pi-1', { folder: 'second' });
  await vi.waitFor(async () => expect(await statusFor(world, second)).toBe(404), { timeout: 60_000 });
  expect(await statusFor(world, first)).toBe(401);
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
  const { hub, clock, renewals, renewed } = await hubAt();
  const before = await shownAt(hub.apiPort);
  expect(await shownAt(hub.mqttPort)).toBe(before);
  clock.fire();
  expect(renewals()).toBe(0);
  clock.aheadMs = 300 * dayMs;
  await renewed();
  const after = await shownAt(hub.apiPort);
  expect(after).not.toBe(before);
  expect(await shownAt(hub.mqttPort)).toBe(after);
});

const at = (year: number): number => Date.UTC(year, 5, 1);
const nowMs = Date.UTC(2027, 0, 1);

describe('TLS does not fail because it is another year', () => {
  test.for([1970, 2038, 2099])('the board thinks it is %s: it joins, connects and learns the time', async (year) => {
    const world = await hubAt(nowMs);
    const board = await world.board(await world.join('pi-1'), { wallMs: at(year) });
    await board.welcomed(0);
    expect(Math.abs(board.time.bestMs() - nowMs)).toBeLessThan(dayMs);
    expect(Math.abs((board.times[0] ?? 0) - nowMs)).toBeLessThan(dayMs);
  });

  test.for([1970, 2038, 2099])('the hub thinks it is %s, over either transport', async (year) => {
    const world = await hubAt(at(year));
    const enrolment = await world.join('pi-1');
    for (const transport of ['mqtt', 'websocket'] as const) {
      const board = await world.board(enrolment, { transport, wallMs: nowMs });
      await board.welcomed(0);
      await board.close();
    }
  });
});

test('usable after 400 days offline: both certificates ended, the clock stands at 1970, and the board renews by its key', async () => {
  const world = await hubAt(nowMs);
  const enrolment = await world.join('pi-1');
  const first = await world.board(enrolment, { wallMs: nowMs });
  await first.welcomed(0);
  await first.close();
  world.clock.aheadMs += 400 * dayMs;
  await world.renewed();
  const back = await world.board(enrolment, { wallMs: at(1970) });
  await back.welcomed(0);
  await vi.waitFor(() => expect(back.renewal.current.certificate).not.toBe(enrolment.certificate), { timeout: 60_000 });
  expect(Date.parse(new X509Certificate(back.renewal.current.certificate).validTo)).toBeGreaterThan(nowMs + 400 * dayMs);
  expect(back.renewal.current.key).toBe(enrolment.key);
  expect(back.time.floorMs).toBeGreaterThan(nowMs + 399 * dayMs);
});

test('a hub whose clock said 2099 for an hour locks no board out, and what it made then heals', async () => {
  const world = await hubAt(nowMs);
  const before = await world.join('before');
  const running = await world.board(before, { wallMs: nowMs });
  await running.welcomed(0);
  const endOfFirst = Date.parse(new X509Certificate(world.pki.serverTls().cert).validTo);
  world.clock.set(at(2099));
  await world.renewed();
  // Goes on with its TLS session: the certificate behind that bounds what it believes.
  world.broker.disconnect(world.broker.session('before') ?? expect.fail('no session'), 'cut');
  await running.welcomed(1);
  expect(running.time.floorMs).toBe(endOfFirst);
  // Another sees the certificate of 2099, and is switched off with that on its disk.
  const stopped = await world.board(await world.join('stopped'), { wallMs: nowMs });
  await stopped.welcomed(0);
  await stopped.close();
  expect(new Date(stopped.time.floorMs).getUTCFullYear()).toBe(2099);
  const joined = await world.join('joined');
  expect(new X509Certificate(joined.certificate).validTo).toContain('2099');

  world.clock.set(nowMs + dayMs);
  await world.renewed();
  const sessions = running.sessions();
  world.broker.disconnect(world.broker.session('before') ?? expect.fail('no session'), 'cut');
  await running.welcomed(sessions);
  const late = await world.board(joined, { wallMs: nowMs });
  const again = await world.board(await world.join('stopped'), { wallMs: nowMs });
  for (const board of [running, late, again]) {
    await board.welcomed(0);
    expect(new Date(board.time.floorMs).getUTCFullYear()).toBe(2027);
    await vi.waitFor(() => expect(new X509Certificate(board.renewal.current.certificate).validTo).toContain('2027'), { timeout: 60_000 });
  }
});

test('a certificate that ended by the clock of the hub itself is not believed', async () => {
  const world = await hubAt(nowMs);
  const enrolment = await world.join('pi-1');
  world.clock.aheadMs += 401 * dayMs;
  const board = await world.board({ ...enrolment, floorMs: nowMs + 400 * dayMs });
  await vi.waitFor(() => expect(board.log.join('\n')).toContain("the hub's certificate ended on 20"), { timeout: 60_000 });
  expect(board.sessions()).toBe(0);
  expect(board.link.connected).toBe(false);
  await world.renewed();
  await board.welcomed(0);
});

test('a revoked key stays out, on a resumed session too', async () => {
  const world = await hubAt();
  const enrolment = await world.join('pi-1');
  const board = await world.board(enrolment);
  await board.welcomed(0);
  world.broker.disconnect(world.broker.session('pi-1') ?? expect.fail('no session'), 'cut');
  await board.welcomed(1);
  const resumed = (): number => board.log.filter((line) => line.includes('"resumed":true')).length;
  expect(resumed()).toBe(1);
  await world.hub.admin.resource('', 'secrets').delete('kube-system', 'flotilla-board-pi-1');
  await vi.waitFor(() => expect(board.log.join('\n')).toContain('Not authorized'), { timeout: 60_000 });
  expect(resumed()).toBeGreaterThanOrEqual(2);
  expect(board.log.filter((line) => line.includes('"resumed":false'))).toHaveLength(1);
  expect(board.sessions()).toBe(2);
});

describe('one identity', () => {
  const clones = (world: TrustHub): number =>
    world.hub.admin
      .informer<{ reason?: string } & KubeObject>('', 'events')
      .list()
      .filter(({ reason }) => reason === 'NodeIdentityCloned').length;

  test('in two machines: the registered one keeps its session, the other is told of', async () => {
    const world = await hubAt();
    world.hub.admin.informer('', 'events');
    const enrolment = await world.join('pi-1', { serial: 'S1' });
    const board = await world.board(enrolment, { serial: 'S1' });
    await board.welcomed(0);
    const clone = await world.board(enrolment, { serial: 'S2', bootId: 'boot-2' });
    await vi.waitFor(() => expect(clones(world)).toBe(1), { timeout: 60_000 });
    expect(clone.sessions()).toBe(0);
    expect(board.sessions()).toBe(1);
    expect(board.link.connected).toBe(true);
  });

  test('that changes its address, with half-open connections at a long keep-alive, is no clone and loses nothing', async () => {
    const world = await hubAt();
    world.hub.admin.informer('', 'events');
    const network = await ConnectProxy.open();
    open.push(network);
    const proxy = proxyFor({ proxy: `http://127.0.0.1:${network.port}`, env: {} });
    const board = await world.board(await world.join('pi-1', { serial: 'S1' }), { serial: 'S1', proxy, keepAliveMs: 600_000 });
    await board.welcomed(0);
    for (let change = 1; change <= 10; change++) {
      network.abandon();
      await board.welcomed(change);
    }
    expect(world.broker.session('pi-1')?.keepAliveMs).toBe(600_000);
    expect(clones(world)).toBe(0);
  });

  test('whose address is gone does not wait for the next ping', async () => {
    const world = await hubAt();
    const own = new Set(['127.0.0.1']);
    const board = await world.board(await world.join('pi-1'), { keepAliveMs: 600_000, addresses: () => own });
    await board.welcomed(0);
    own.clear();
    await vi.waitFor(() => expect(board.log.join('\n')).toContain('the address of this board is gone'), { timeout: 60_000 });
    own.add('127.0.0.1');
    await board.welcomed(1);
  });
});

test('R11 in its short form: clocks jump while all run', async () => {
  const { failures, missing } = await runGoal(wrongClocks, { rounds: 1, seed: 1 });
  expect([...failures, ...missing]).toEqual([]);
});
