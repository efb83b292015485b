import { createServer } from 'node:net';
import type { Endpoint } from '@flotilla/agent/hublink/mqtt-courier.js';
import { proxyFor } from '@flotilla/agent/hublink/mqtt-proxy.js';
import { createLogger, silentLogger } from '@flotilla/shared/log/logger.js';
import { afterEach, expect, test, vi } from 'vitest';
import { ConnectProxy } from '../harness/connect-proxy.ts';
import { openTrustHub } from './trust-world.ts';

/** The way to the hub through a proxy that wants credentials, and over several addresses. */

const secret = 'pass:word/ÿ';
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
const opened = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
  const one = await opening;
  open.push(one);
  return one;
};
const through = (proxy: ConnectProxy, credentials: string) => proxyFor({ proxy: `http://${credentials}127.0.0.1:${proxy.port}`, env: {} });

test.for<Endpoint['transport']>(['mqtt', 'websocket'])('joining, renewal and MQTT over %s go through the proxy', async (transport) => {
  const world = await opened(openTrustHub());
  const proxy = await opened(ConnectProxy.open(`user:${secret}`));
  const way = through(proxy, `user:${encodeURIComponent(secret)}@`);
  const lines: string[] = [];
  const logger = createLogger({ level: 'debug', wallMs: () => 0, write: (line) => lines.push(line) });
  const enrolment = await world.join('pi-1', { proxy: way, logger });
  const api = new URL(world.address).host;
  expect(proxy.asked).toEqual([api, api]);
  const board = await world.board(enrolment, { transport, proxy: way });
  await board.welcomed(0);
  expect(proxy.asked.at(-1)).toBe(transport === 'mqtt' ? `127.0.0.1:${world.hub.mqttPort}` : api);
  const before = proxy.asked.length;
  // The certificate is old enough to be renewed when the hub's time says so.
  world.clock.aheadMs += 25 * 24 * 3_600_000;
  world.broker.disconnect(world.broker.session('pi-1') ?? expect.fail('no session'), 'cut');
  await board.welcomed(1);
  await vi.waitFor(() => expect(board.renewal.current.certificate).not.toBe(enrolment.certificate), { timeout: 60_000 });
  expect(proxy.asked.length).toBeGreaterThanOrEqual(before + 2);
  expect([...lines, ...board.log].join('\n')).not.toContain(secret);
});

test('a proxy that refuses is told of in words, without the credentials', async () => {
  const world = await opened(openTrustHub());
  const proxy = await opened(ConnectProxy.open(`user:${secret}`));
  const where = `the proxy 127.0.0.1:${proxy.port}`;
  const join = (credentials: string) => world.join('pi-1', { proxy: through(proxy, credentials) });
  await expect(join('')).rejects.toThrow(
    `${where} refused a connection to ${new URL(world.address).host}: 407 Proxy Authentication Required (it wants credentials`,
  );
  const wrong = await join('user:wrong@').catch((error: Error) => error.message);
  expect(wrong).toContain('407 Proxy Authentication Required (it does not take these credentials)');
  expect(wrong).not.toContain('wrong@');
  const away = through(proxy, `user:${encodeURIComponent(secret)}@`);
  await expect(world.join('pi-1', { proxy: away, addresses: ['https://127.0.0.1:1'] })).rejects.toThrow('502 Bad Gateway');
});

test('what is no proxy, and one that is away', async () => {
  const world = await opened(openTrustHub());
  const rubbish = createServer(
    (socket) =>
      void socket
        .on('error', () => {})
        .resume()
        .end('SSH-2.0-OpenSSH\r\n\r\n'),
  );
  await new Promise<void>((resolve) => rubbish.listen(0, '127.0.0.1', resolve));
  const address = rubbish.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const way = proxyFor({ proxy: `http://127.0.0.1:${port}`, env: {} });
  await expect(world.join('pi-1', { proxy: way })).rejects.toThrow('answered with something that is not HTTP');
  await new Promise((resolve) => rubbish.close(resolve));
  await expect(world.join('pi-1', { proxy: way })).rejects.toThrow(/the proxy 127.0.0.1:\d+ cannot be reached: .*ECONNREFUSED/);
});

test('of several addresses the one that answers is taken, and tried first from then on', async () => {
  const world = await opened(openTrustHub());
  const enrolment = await world.join('pi-1');
  const host = '127.0.0.1';
  const endpoints: Endpoint[] = [
    { transport: 'mqtt', host, port: 1 },
    { transport: 'websocket', host, port: 1 },
    { transport: 'websocket', host, port: enrolment.hub.port },
  ];
  const board = await world.board(enrolment, { endpoints });
  await board.welcomed(0);
  const failed = (): number => board.log.filter((line) => line.includes('could not connect')).length;
  expect(failed()).toBe(2);
  world.broker.disconnect(world.broker.session('pi-1') ?? expect.fail('no session'), 'cut');
  await board.welcomed(1);
  expect(failed()).toBe(2);
});

test('another hub among the addresses is not taken, however it is called', async () => {
  const world = await opened(openTrustHub());
  const stranger = await opened(openTrustHub());
  const enrolment = await world.join('pi-1');
  const host = '127.0.0.1';
  const board = await world.board(enrolment, {
    endpoints: [
      { transport: 'mqtt', host, port: stranger.hub.mqttPort ?? 0 },
      { transport: 'mqtt', host, port: enrolment.mqttPort ?? 0 },
    ],
  });
  await board.welcomed(0);
  expect(board.log.join('\n')).toContain('does not come from the pinned authority');
});

test('joining tries one address after the other', async () => {
  const world = await opened(openTrustHub({ logger: silentLogger }));
  const enrolment = await world.join('pi-1', { addresses: ['https://127.0.0.1:1', world.address] });
  expect(enrolment.hub.port).toBe(world.hub.apiPort);
});
