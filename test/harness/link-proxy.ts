import { connect, createServer, type Server, type Socket } from 'node:net';

/** What a line does to the bytes on it, each way. All left out is a good line. */
export interface Shape {
  readonly bytesPerSecond?: number;
  /** One way. */
  readonly delayMs?: number;
  /**
   * Share of segments that are lost, 0 to 1. A proxy cannot lose bytes of a TCP stream; what a loss does to one is done: this segment, and
   * all behind it, come after a retransmission time that doubles with each further loss.
   */
  readonly loss?: number;
  /** Nothing arrives this way, and nobody is told. */
  readonly silent?: 'up' | 'down' | 'both';
  /** 0 to 1, as often as it is asked. */
  readonly chance?: () => number;
}

/** Passes TCP connections from one address of this machine to another and can be cut, slowed down and silenced, as a network can. */
export class LinkProxy {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #shape: Shape = {};
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

  /** From now on, on connections that are open too. */
  shape(shape: Shape): void {
    this.#shape = shape;
  }

  async close(): Promise<void> {
    this.cut();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  #pass(inward: Socket, reach: () => Socket): void {
    if (this.#cut) return void inward.destroy();
    const outward = reach();
    for (const [socket, other, direction] of [
      [inward, outward, 'up'],
      [outward, inward, 'down'],
    ] as const) {
      this.#sockets.add(socket);
      const way = new Way(() => this.#shape, direction, other);
      socket.on('error', () => {});
      socket.on('data', (chunk) => way.carry(chunk, socket));
      socket.once('end', () => way.end());
      socket.once('close', () => {
        this.#sockets.delete(socket);
        way.close();
      });
    }
  }
}

const segmentBytes = 1400;
/** What may be on its way; then the sender is held up, as by TCP's window. */
const windowBytes = 64 * 1024;
const retransmitMs = 200;

/** One direction of one connection. */
class Way {
  readonly #shape: () => Shape;
  readonly #direction: 'up' | 'down';
  readonly #to: Socket;
  /** Undefined ends the stream. */
  readonly #queue: { readonly bytes: Buffer | undefined; readonly atMs: number }[] = [];
  #queued = 0;
  #freeMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #from: Socket | undefined;

  constructor(shape: () => Shape, direction: 'up' | 'down', to: Socket) {
    this.#shape = shape;
    this.#direction = direction;
    this.#to = to;
  }

  carry(chunk: Buffer, from: Socket): void {
    const { silent } = this.#shape();
    if (silent === 'both' || silent === this.#direction) return;
    this.#from = from;
    for (let at = 0; at < chunk.length; at += segmentBytes) this.#push(chunk.subarray(at, at + segmentBytes));
    if (this.#queued > windowBytes) from.pause();
    this.#deliver();
  }

  end(): void {
    this.#push(undefined);
    this.#deliver();
  }

  /** The connection broke: what is on its way is lost. */
  close(): void {
    if (this.#queue.some(({ bytes }) => bytes === undefined)) return;
    clearTimeout(this.#timer);
    this.#to.destroy();
  }

  #push(bytes: Buffer | undefined): void {
    const { bytesPerSecond, delayMs = 0, loss = 0, chance = Math.random } = this.#shape();
    const nowMs = performance.now();
    const takesMs = bytesPerSecond && bytes ? ((bytes.length + 60) / bytesPerSecond) * 1000 : 0;
    this.#freeMs = Math.max(nowMs, this.#freeMs) + takesMs;
    for (let again = Math.max(retransmitMs, 2 * delayMs); bytes && chance() < loss; again = Math.min(again * 2, 10_000))
      this.#freeMs += again;
    this.#queue.push({ bytes, atMs: this.#freeMs + delayMs });
    this.#queued += bytes?.length ?? 0;
  }

  #deliver(): void {
    clearTimeout(this.#timer);
    for (let next = this.#queue[0]; next; next = this.#queue[0]) {
      const waitMs = next.atMs - performance.now();
      if (waitMs > 1) {
        this.#timer = setTimeout(() => this.#deliver(), waitMs);
        break;
      }
      this.#queue.shift();
      this.#queued -= next.bytes?.length ?? 0;
      if (next.bytes) this.#to.write(next.bytes);
      else this.#to.end();
    }
    if (this.#queued <= windowBytes) this.#from?.resume();
  }
}
