import { connect, createServer, type Server, type Socket } from 'node:net';

/** Passes TCP connections from one address of this machine to another and can be cut, as a network can. */
export class LinkProxy {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #cut = false;

  /** Listens at the same ports on `from`. @throws Error with code EADDRINUSE */
  static async open(from: string, to: string, ports: readonly number[]): Promise<LinkProxy> {
    const proxy = new LinkProxy();
    for (const port of ports) {
      const server = createServer((inward) => proxy.#pass(inward, () => connect(port, to)));
      proxy.#servers.push(server);
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, from, resolve));
    }
    return proxy;
  }

  /** Nothing passes any more: connections break, new ones are closed at once. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#cut = false;
  }

  async close(): Promise<void> {
    this.cut();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  #pass(inward: Socket, reach: () => Socket): void {
    if (this.#cut) return void inward.destroy();
    const outward = reach();
    for (const [socket, other] of [
      [inward, outward],
      [outward, inward],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    inward.pipe(outward).pipe(inward);
  }
}
