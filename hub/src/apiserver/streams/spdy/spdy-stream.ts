import { ByteQueue } from '../byte-queue.ts';
import { dataFrame } from './frames.ts';
import type { SpdyHeaders } from './header-block.ts';
import { ReceiveWindow, SendWindow } from './window.ts';

export interface SpdyStreamOptions {
  readonly id: number;
  readonly headers: SpdyHeaders;
  /** Shared by the streams of a connection. */
  readonly sessionWindow: SendWindow;
  /** Puts bytes on the connection; resolves when there is room for more, rejects when the connection is over. */
  send(frame: Buffer): Promise<void>;
  /** The reader took so much; `grant` when the client may send as much again on this stream. */
  taken(bytes: number): void;
  grant(bytes: number): void;
  /** Both directions have ended. */
  over(): void;
}

const frameBytes = 32 * 1024;

/** One stream of a SPDY connection, made by the client. */
export class SpdyStream {
  readonly id: number;
  readonly headers: SpdyHeaders;
  /** What the client sends; ends with its FIN, fails when it resets the stream or the connection is lost. One reader. */
  readonly input: ByteQueue;
  readonly #options: SpdyStreamOptions;
  readonly window = new SendWindow();
  #wakeWriter: (() => void) | undefined;
  #localEnd = false;
  #remoteEnd = false;

  constructor(options: SpdyStreamOptions) {
    this.#options = options;
    this.id = options.id;
    this.headers = options.headers;
    const granted = new ReceiveWindow((bytes) => {
      if (!this.#remoteEnd) options.grant(bytes);
    });
    this.input = new ByteQueue((bytes) => {
      options.taken(bytes);
      granted.taken(bytes);
    });
  }

  /** Resolves when there is room for more; one writer at a time. Rejects when the stream is over. */
  async write(data: Buffer): Promise<void> {
    const { sessionWindow } = this.#options;
    for (let rest = data; rest.length > 0; ) {
      const room = (): number => Math.min(frameBytes, this.window.left, sessionWindow.left);
      while (room() <= 0 && !this.#localEnd) {
        await new Promise<void>((resolve) => {
          this.#wakeWriter = resolve;
        });
      }
      if (this.#localEnd) throw new Error('the stream is over');
      const piece = rest.subarray(0, room());
      rest = rest.subarray(piece.length);
      this.window.spend(piece.length);
      sessionWindow.spend(piece.length);
      await this.#options.send(dataFrame(this.id, piece, false));
    }
  }

  /** No more output. */
  end(): void {
    if (this.#localEnd) return;
    this.#localEnd = true;
    this.#options.send(dataFrame(this.id, Buffer.alloc(0), true)).catch(() => {});
    this.wake();
    this.#settle();
  }

  /** Told by the connection: what the client sent. */
  received(data: Buffer, fin: boolean): void {
    if (this.#remoteEnd) this.#options.taken(data.length);
    else this.input.push(data);
    if (fin) this.finished();
  }

  /** Told by the connection: the client sends no more. */
  finished(): void {
    this.#remoteEnd = true;
    this.input.end();
    this.#settle();
  }

  /** Told by the connection: there may be room for more. */
  wake(): void {
    this.#wakeWriter?.();
    this.#wakeWriter = undefined;
  }

  /** Told by the connection: the stream was reset, or the connection is lost. */
  fail(error: Error): void {
    this.#localEnd = true;
    this.#remoteEnd = true;
    this.input.fail(error);
    this.wake();
    this.#settle();
  }

  #settle(): void {
    if (this.#localEnd && this.#remoteEnd) this.#options.over();
  }
}
