import { type Duplex, duplexPair } from 'node:stream';
import { constants, createDeflate } from 'node:zlib';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { spdyDictionary } from './dictionary.ts';
import { dataFrame, FrameParser, pingFrame, rstStreamFrame, type SpdyFrame, windowUpdateFrame } from './frames.ts';
import { SpdyConnection } from './spdy-connection.ts';
import type { SpdyStream } from './spdy-stream.ts';

/** The client's end of SPDY, for tests: it writes what it is told and keeps what comes. */
export class SpdyClient {
  readonly socket: Duplex;
  readonly frames: SpdyFrame[] = [];
  closed = false;
  readonly #deflate = createDeflate({ dictionary: spdyDictionary, flush: constants.Z_SYNC_FLUSH });
  readonly #parser = new FrameParser();

  constructor(socket: Duplex) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.frames.push(...this.#parser.push(chunk)));
    socket.on('end', () => {
      this.closed = true;
    });
    socket.on('error', () => {});
  }

  async synStream(id: number, headers: Readonly<Record<string, string>>, flags = 0): Promise<void> {
    const body = Buffer.concat([numbers(id, 0), Buffer.of(0, 0), await this.block(headers)]);
    this.control(1, body, flags);
  }

  data(id: number, data: string | Buffer, fin = false): void {
    this.socket.write(dataFrame(id, Buffer.from(data), fin));
  }

  reset(id: number): void {
    this.socket.write(rstStreamFrame(id, 5));
  }

  windowUpdate(id: number, delta: number): void {
    this.socket.write(windowUpdateFrame(id, delta));
  }

  settings(initialWindow: number): void {
    this.control(4, numbers(1, 7, initialWindow));
  }

  ping(id: number): void {
    this.socket.write(pingFrame(id));
  }

  control(type: number, body: Buffer, flags = 0): void {
    const head = Buffer.from([0x80, 3, 0, type, flags, 0, 0, 0]);
    head.writeUIntBE(body.length, 5, 3);
    this.socket.write(Buffer.concat([head, body]));
  }

  block(headers: Readonly<Record<string, string>>): Promise<Buffer> {
    const text = (value: string): Buffer => Buffer.concat([numbers(value.length), Buffer.from(value)]);
    const pairs = Object.entries(headers);
    const plain = Buffer.concat([numbers(pairs.length), ...pairs.flatMap(([name, value]) => [text(name), text(value)])]);
    return new Promise((resolve) => this.#deflate.write(plain, () => resolve(this.#deflate.read() as Buffer)));
  }

  /** What came on a stream so far. */
  text(id: number): string {
    return this.frames.map((frame) => (frame.type === 'data' && frame.id === id ? frame.data.toString() : '')).join('');
  }

  received(id: number): number {
    return this.text(id).length;
  }

  has(type: SpdyFrame['type'], id?: number): boolean {
    return this.frames.some((frame) => frame.type === type && (id === undefined || ('id' in frame && frame.id === id)));
  }
}

function numbers(...values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => {
    buffer.writeUInt32BE(value >>> 0, 4 * index);
  });
  return buffer;
}

export interface SpdyPair {
  readonly client: SpdyClient;
  readonly connection: SpdyConnection;
  readonly streams: SpdyStream[];
  readonly clock: FakeClock;
  readonly broken: string[];
  readonly ran: Promise<void>;
}

/** A connection and its client in memory; streams with the header `refuse` are refused. */
export function spdyPair(): SpdyPair {
  const [ours, theirs] = duplexPair();
  const streams: SpdyStream[] = [];
  const clock = new FakeClock();
  const broken: string[] = [];
  const connection = new SpdyConnection({
    socket: ours,
    clock,
    opened(stream) {
      if (stream.headers.has('refuse')) throw new Error('as asked');
      streams.push(stream);
    },
    broke: (why) => broken.push(why),
  });
  return { client: new SpdyClient(theirs), connection, streams, clock, broken, ran: connection.run() };
}
