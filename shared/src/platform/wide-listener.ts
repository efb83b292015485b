import { createServer, type Server, type ServerOpts, type Socket } from 'node:net';

export interface WideAddress {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
}

export interface WideListener {
  readonly port: number;
  /** Takes nobody any more. Resolves when the last connection has ended. */
  close(): Promise<void>;
}

/**
 * libuv takes one connection of each listening socket in a turn of the event loop. With one socket a loop whose turns take 100 ms takes
 * ten connections a second, however many wait: those of a fleet that comes back wait in vain.
 */
const sockets = 16;

/**
 * Listens with `server` and with more sockets on the same port, whose connections `server` is given as its own ('connection'); all together
 * are bounded by its `maxConnections`. With one socket where ports cannot be shared (Node before 22.12, other systems than Linux).
 * @param options those of the server, for the sockets beside it
 * @throws the system's error, EADDRINUSE also when another listener of this kind has the port
 */
export async function listenWide(server: Server, { host, port }: WideAddress, options: ServerOpts = {}): Promise<WideListener> {
  // Who shares a port would share it with another hub too.
  if (port !== 0) await isFree({ host, port });
  const reusePort = process.platform === 'linux';
  await listen(server, { host, port, reusePort });
  const address = server.address();
  const given = typeof address === 'object' && address ? address.port : port;
  const most = server.maxConnections ?? Number.POSITIVE_INFINITY;
  let [open, openBeside] = [0, 0];
  const counted = (by: number): void => {
    openBeside += by;
    // The server itself counts only what its own socket took.
    if (Number.isFinite(most)) server.maxConnections = most - openBeside;
  };
  server.on('connection', (socket: Socket) => {
    open++;
    socket.once('close', () => open--);
  });
  const beside: Server[] = [];
  while (reusePort && beside.length < sockets - 1) {
    const another = createServer(options, (socket) => {
      if (open >= most) return socket.destroy();
      counted(1);
      socket.once('close', () => counted(-1));
      server.emit('connection', socket);
    });
    try {
      await listen(another, { host, port: given, reusePort });
    } catch {
      break;
    }
    another.on('error', (error) => server.emit('error', error));
    beside.push(another);
  }
  return {
    port: given,
    close: async () => void (await Promise.all([server, ...beside].map((one) => new Promise((resolve) => one.close(resolve))))),
  };
}

async function isFree(address: WideAddress): Promise<void> {
  const probe = createServer();
  await listen(probe, { ...address, reusePort: false });
  await new Promise((resolve) => probe.close(resolve));
}

function listen(server: Server, address: WideAddress & { readonly reusePort: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
