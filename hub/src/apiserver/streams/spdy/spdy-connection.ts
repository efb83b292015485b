import type { Duplex } from 'node:stream';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import {
  FrameParser,
  goawayFrame,
  initialWindowSetting,
  pingFrame,
  rstStatus,
  rstStreamFrame,
  type SpdyFrame,
  synReplyFrame,
  windowUpdateFrame,
} from './frames.ts';
import { emptyHeaderBlock, HeaderReader } from './header-block.ts';
import { SpdyError } from './spdy-error.ts';
import { SpdyStream } from './spdy-stream.ts';
import { defaultWindowBytes, ReceiveWindow, SendWindow } from './window.ts';

export interface SpdyConnectionOptions {
  readonly socket: Duplex;
  readonly clock: Clock;
  /** A new stream of the client. @throws Error to refuse it */
  opened(stream: SpdyStream): void;
  /** The client broke a rule or a bound: the connection ends. */
  broke(why: string): void;
}

/** Streams at once; one more is refused. */
const maxStreams = 512;
/** What may wait unread on all streams together. Beyond, the connection is not read: kubectl's library knows no windows. */
const maxWaitingBytes = 1024 * 1024;
/** A client that hung up while we did not read is noticed by writing to it. */
const pingEveryMs = 60_000;
/** How long a client may take to hang up after the last word. */
const lingerMs = 10_000;
const maxWindowBytes = 0x7fff_ffff;
const session = 0;

/**
 * The server's end of SPDY/3.1, as much of it as Kubernetes uses: streams that the client opens, in both directions.
 *
 * kubectl's library (moby/spdystream) neither keeps nor grants windows. So what we send is held to the client's windows only after it
 * has shown that it keeps some, by SETTINGS or a WINDOW_UPDATE; what we take is granted always.
 *
 * INVARIANT: frames are handled in order, one at a time; header blocks above all, for they share one stream of zlib.
 */
export class SpdyConnection {
  readonly #options: SpdyConnectionOptions;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #headers = new HeaderReader();
  readonly #parser = new FrameParser();
  readonly #gone = new AbortController();
  #lastId = 0;
  #replied = false;
  #waiting = 0;
  #room: (() => void) | undefined;
  readonly #sessionWindow = new SendWindow();
  readonly #granted = new ReceiveWindow((bytes) => this.#grant(session, bytes));
  /** What the client lets us send on a new stream; undefined while it has not shown that it keeps windows. */
  #initialWindow: number | undefined;
  #heard = true;
  #reading = true;

  constructor(options: SpdyConnectionOptions) {
    this.#options = options;
  }

  /** Aborted when the client is gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Reads until the client is gone or breaks the rules. Never rejects. */
  async run(): Promise<void> {
    const { socket } = this.#options;
    socket.once('close', () => this.#end());
    socket.on('error', () => socket.destroy());
    if (socket.destroyed) return this.#end();
    this.#watch();
    try {
      for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
        this.#heard = true;
        for (const frame of this.#parser.push(chunk as Buffer)) await this.#handle(frame);
      }
    } catch (error) {
      if (error instanceof SpdyError) {
        this.#options.broke(error.message);
        await this.#lastWord();
      }
    } finally {
      socket.destroy();
      this.#end();
    }
  }

  /** No more streams; resolves when the client has hung up, which it is made to after a while. */
  async close(): Promise<void> {
    const { socket, clock } = this.#options;
    for (const stream of this.#streams.values()) stream.end();
    if (this.gone.aborted) return;
    // Not before it has read all that was sent: kubectl's library throws away what it has queued when the connection ends.
    await clock.sleep('spdy-linger', lingerMs, this.gone).catch(() => {});
    socket.destroy();
  }

  #lastWord(): Promise<void> {
    const { socket } = this.#options;
    return new Promise((resolve) => {
      socket.once('close', () => resolve());
      socket.end(goawayFrame(this.#lastId, rstStatus.protocolError), () => resolve());
    });
  }

  async #handle(frame: SpdyFrame): Promise<void> {
    switch (frame.type) {
      case 'data':
        return this.#data(frame.id, frame.data, frame.fin);
      case 'syn-stream':
        return this.#synStream(frame.id, frame.fin, frame.block);
      case 'headers':
        await this.#headers.read(frame.block);
        if (frame.fin) this.#streams.get(frame.id)?.finished();
        return;
      case 'rst-stream':
        this.#streams.get(frame.id)?.fail(new Error('the client reset the stream'));
        return;
      case 'settings':
        return this.#settings(frame.values);
      case 'window-update':
        return this.#windowUpdate(frame.id, frame.delta);
      case 'ping':
        // Those with an odd number are the client's; the others are answers to ours.
        if (frame.id % 2 === 1) await this.#send(pingFrame(frame.id));
        return;
      case 'goaway':
      case 'unknown':
        return;
      default:
        frame satisfies never;
    }
  }

  async #synStream(id: number, fin: boolean, block: Buffer): Promise<void> {
    const headers = await this.#headers.read(block);
    if (id % 2 === 0 || id <= this.#lastId) throw new SpdyError('a stream has a number that it may not have');
    this.#lastId = id;
    if (this.#streams.size >= maxStreams) return this.#send(rstStreamFrame(id, rstStatus.refusedStream));
    const stream = new SpdyStream({
      id,
      headers,
      sessionWindow: this.#sessionWindow,
      send: (frame) => this.#send(frame),
      taken: (bytes) => this.#taken(bytes),
      grant: (bytes) => this.#grant(id, bytes),
      over: () => void this.#streams.delete(id),
    });
    if (this.#initialWindow !== undefined) stream.window.begin(this.#initialWindow);
    this.#streams.set(id, stream);
    try {
      this.#options.opened(stream);
    } catch {
      stream.fail(new Error('the stream was refused'));
      return this.#send(rstStreamFrame(id, rstStatus.protocolError));
    }
    const first = !this.#replied;
    this.#replied = true;
    await this.#send(synReplyFrame(id, emptyHeaderBlock(first)));
    if (fin) stream.finished();
  }

  async #data(id: number, data: Buffer, fin: boolean): Promise<void> {
    const stream = this.#streams.get(id);
    if (!stream) {
      if (id > this.#lastId) await this.#send(rstStreamFrame(id, rstStatus.invalidStream));
      return;
    }
    this.#waiting += data.length;
    stream.received(data, fin);
    while (this.#waiting > maxWaitingBytes && !this.gone.aborted) {
      this.#reading = false;
      await new Promise<void>((resolve) => {
        this.#room = resolve;
      });
    }
    this.#reading = true;
  }

  #taken(bytes: number): void {
    this.#waiting -= bytes;
    this.#room?.();
    this.#granted.taken(bytes);
  }

  #grant(id: number, bytes: number): void {
    if (!this.gone.aborted) this.#send(windowUpdateFrame(id, bytes)).catch(() => {});
  }

  #settings(values: ReadonlyMap<number, number>): void {
    const before = this.#keepWindows();
    const window = Math.min(values.get(initialWindowSetting) ?? before, maxWindowBytes);
    this.#initialWindow = window;
    for (const stream of this.#streams.values()) {
      stream.window.grant(window - before);
      stream.wake();
    }
  }

  #windowUpdate(id: number, delta: number): void {
    this.#keepWindows();
    if (id === session) this.#sessionWindow.grant(delta);
    else this.#streams.get(id)?.window.grant(delta);
    for (const stream of this.#streams.values()) stream.wake();
  }

  /** The client keeps windows: from here on so do we. Gives what each stream begins with. */
  #keepWindows(): number {
    if (this.#initialWindow === undefined) {
      this.#initialWindow = defaultWindowBytes;
      this.#sessionWindow.begin(defaultWindowBytes);
      for (const stream of this.#streams.values()) stream.window.begin(defaultWindowBytes);
    }
    return this.#initialWindow;
  }

  #send(frame: Buffer): Promise<void> {
    const { socket } = this.#options;
    return new Promise((resolve, reject) => {
      if (this.gone.aborted || socket.destroyed) return reject(new Error('the client went away'));
      if (socket.write(frame)) return resolve();
      const settle = (): void => {
        socket.off('drain', settle);
        this.gone.removeEventListener('abort', settle);
        if (this.gone.aborted) reject(new Error('the client went away'));
        else resolve();
      };
      socket.once('drain', settle);
      this.gone.addEventListener('abort', settle, { once: true });
    });
  }

  #watch(): void {
    const { socket, clock } = this.#options;
    const timer = clock.after('spdy-ping', pingEveryMs, () => {
      if (!this.#heard && this.#reading) return void socket.destroy();
      this.#heard = false;
      this.#send(pingFrame(2)).catch(() => {});
      this.#watch();
    });
    this.gone.addEventListener('abort', () => timer.cancel(), { once: true });
  }

  #end(): void {
    if (this.gone.aborted) return;
    this.#gone.abort();
    this.#headers.close();
    for (const stream of this.#streams.values()) stream.fail(new Error('the client went away'));
    this.#streams.clear();
    this.#room?.();
  }
}
