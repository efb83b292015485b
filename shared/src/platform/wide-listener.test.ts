import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { listenWide, type WideListener } from './wide-listener.ts';

const host = '127.0.0.1';
const listeners: WideListener[] = [];
const clients: Socket[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
});

async function open(server: Server, port = 0): Promise<WideListener> {
  const listener = await listenWide(server, { host, port });
  listeners.push(listener);
  return listener;
}

function dial(port: number): Socket {
  const client = connect({ host, port });
  client.on('error', () => {});
  clients.push(client);
  return client;
}

test('takes more than one connection in a turn of the event loop', async () => {
  const perTurn = new Map<number, number>();
  let turn = 0;
  const server = createServer((socket) => {
    perTurn.set(turn, (perTurn.get(turn) ?? 0) + 1);
    socket.end();
  });
  const { port } = await open(server);
  let counting = true;
  const count = (): void => {
    turn++;
    if (counting) setImmediate(count);
  };
  count();
  await Promise.all(Array.from({ length: 64 }, () => once(dial(port).resume(), 'close')));
  counting = false;
  expect([...perTurn.values()].reduce((sum, taken) => sum + taken, 0)).toBe(64);
  expect(Math.max(...perTurn.values())).toBeGreaterThan(1);
});

test('a port that another one has is refused, and free again when that one has ended', async () => {
  const first = await open(createServer());
  await expect(open(createServer(), first.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await first.close();
  listeners.length = 0;
  expect((await open(createServer(), first.port)).port).toBe(first.port);
});

test('all sockets together take no more connections than the server may', async () => {
  const taken: Socket[] = [];
  const server = createServer((socket) => taken.push(socket));
  server.maxConnections = 8;
  const { port } = await open(server);
  let refused = 0;
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const late = (): void => {
    if (++refused === 32) resolve();
  };
  const dialled = Array.from({ length: 40 }, () => dial(port).resume().on('close', late));
  await enough;
  expect(taken).toHaveLength(8);
  for (const client of dialled) client.off('close', late);
});
