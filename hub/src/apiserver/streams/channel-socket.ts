import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { RawData, WebSocket } from 'ws';

export interface ChannelSocketOptions {
  readonly socket: WebSocket;
  /** Messages are text: a digit for the channel, then base64. Otherwise binary: a byte for the channel, then the data. */
  readonly base64: boolean;
  readonly clock: Clock;
  /** What came on a channel. @throws Error to close the connection as unacceptable */
  received(channel: number, data: Buffer): void;
  /** The client broke a rule or a bound: the connection ends. */
  broke(why: string): void;
}

/** From here on a writer waits. */
const maxUnsentBytes = 256 * 1024;
/** A client that answers no ping for so long is gone. */
const pingEveryMs = 60_000;
/** kubectl gives up a connection whose other end has not answered its pings for a minute. */
const pongEveryMs = 15_000;

/** A WebSocket whose messages name a channel (apimachinery, `wsstream`). */
export class ChannelSocket {
  readonly #options: ChannelSocketOptions;
  readonly #gone = new AbortController();
  #heard = true;
  /** It was paused since the last pong. */
  #held = false;
  #pongs: Timer | undefined;

  constructor(options: ChannelSocketOptions) {
    this.#options = options;
    const { socket } = options;
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('pong', () => {
      this.#heard = true;
    });
    // A frame that breaks a rule or a bound: `ws` has closed with its code already. Others are of the network.
    socket.on('error', (error: Error & { code?: string }) => {
      if (error.code?.startsWith('WS_ERR')) options.broke(error.message);
    });
    socket.once('close', () => {
      this.#pongs?.cancel();
      this.#gone.abort();
    });
    this.#watch();
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Resolves when there is room for more. Rejects when the client is gone. */
  send(channel: number, data: Buffer): Promise<void> {
    const { socket, base64 } = this.#options;
    const message = base64 ? `${channel}${data.toString('base64')}` : Buffer.concat([Buffer.of(channel), data]);
    return new Promise((resolve, reject) => {
      if (this.#gone.signal.aborted) return reject(new Error('the client went away'));
      const roomy = socket.bufferedAmount + message.length <= maxUnsentBytes;
      socket.send(message, { binary: !base64 }, (error) => (error ? reject(error) : resolve()));
      if (roomy) resolve();
    });
  }

  pause(): void {
    this.#options.socket.pause();
    this.#held = true;
    this.#answerUnasked();
  }

  resume(): void {
    this.#heard = true;
    this.#options.socket.resume();
  }

  /** Resolves when the connection is closed, by force after the library's own delay. */
  close(code = 1000, reason = ''): Promise<void> {
    const { socket } = this.#options;
    if (this.#gone.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      socket.once('close', () => resolve());
      socket.resume();
      socket.close(code, reason);
    });
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#heard = true;
    const { socket, base64, received } = this.#options;
    try {
      const message = data as Buffer;
      if (isBinary === base64) throw new Error(`messages must be ${base64 ? 'text' : 'binary'}`);
      if (message.length === 0) throw new Error('a message names no channel');
      const [first = 0] = message;
      if (!base64) received(first, message.subarray(1));
      else received(first - 0x30, Buffer.from(message.toString('latin1', 1), 'base64'));
    } catch (error) {
      const why = error instanceof Error ? error.message.slice(0, 100) : '';
      this.#options.broke(why);
      socket.close(1003, why);
    }
  }

  /**
   * A client's pings wait behind its data. Where that goes to a slow line they wait for longer than kubectl does, so it gets answers to what it
   * has not asked yet: that the connection stands is what they say.
   */
  #answerUnasked(): void {
    const { socket, clock } = this.#options;
    this.#pongs ??= clock.after('web-socket-pong', pongEveryMs, () => {
      this.#pongs = undefined;
      if (this.#gone.signal.aborted) return;
      socket.pong();
      if (this.#held) this.#answerUnasked();
      this.#held = socket.isPaused;
    });
  }

  #watch(): void {
    const { socket, clock } = this.#options;
    const timer = clock.after('web-socket-ping', pingEveryMs, () => {
      // Of one that we do not read from, nothing can be heard.
      if (!this.#heard && !socket.isPaused) return socket.terminate();
      this.#heard = false;
      socket.ping();
      this.#watch();
    });
    this.#gone.signal.addEventListener('abort', () => timer.cancel(), { once: true });
  }
}
