import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

/** An HTTP proxy that knows CONNECT only, with credentials if it shall want them. */
export class ConnectProxy {
  /** What was asked for, `HOST:PORT`, in order. */
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #inward = new Set<Socket>();
  #halfOpen = false;

  private constructor(credentials: string | undefined) {
    this.#server = createServer((_request, response) => response.writeHead(405).end());
    this.#server.on('connect', (request, inward: Socket, head: Buffer) => {
      const target = request.url ?? '';
      this.asked.push(target);
      inward.on('error', () => {});
      const given = Buffer.from((request.headers['proxy-authorization'] ?? '').replace(/^Basic /, ''), 'base64').toString('utf8');
      if (credentials !== undefined && given !== credentials) {
        inward.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="test"\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(target) ?? [];
      const outward = connect({ host, port: Number(port) });
      for (const socket of [inward, outward]) {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      }
      outward.once('error', () => inward.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'));
      outward.once('connect', () => {
        inward.write('HTTP/1.1 200 Connection established\r\n\r\n');
        outward.write(head);
        inward.pipe(outward, { end: false });
        outward.pipe(inward);
      });
      this.#inward.add(inward);
      inward.once('close', () => {
        this.#inward.delete(inward);
        if (!this.#halfOpen) outward.destroy();
      });
      outward.once('close', () => inward.destroy());
    });
  }

  /** @param credentials `USER:PASSWORD` */
  static async open(credentials?: string): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(credentials);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Whoever is connected through it now loses the connection; the other ends do not learn of it. */
  abandon(): void {
    this.#halfOpen = true;
    for (const socket of this.#inward) socket.destroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
