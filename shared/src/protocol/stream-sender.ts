import type { DataFrame } from './frame.ts';
import { linkLimits } from './limits.ts';

/** The sending end of a stream: cuts data into frames and sends only what the receiver gave credit for. */
export class StreamSender {
  readonly #id: number;
  readonly #send: (frame: DataFrame) => Promise<void>;
  readonly #signal: AbortSignal;
  /** All that may have been sent since the beginning. */
  #allowed: number;
  #offset = 0;
  #wake: (() => void) | undefined;

  constructor(options: { id: number; credit: number; signal: AbortSignal; send: (frame: DataFrame) => Promise<void> }) {
    this.#id = options.id;
    this.#allowed = Math.min(options.credit, linkLimits.streamWindowBytes);
    this.#signal = options.signal;
    this.#send = options.send;
    this.#signal.addEventListener('abort', () => this.#wake?.(), { once: true });
  }

  /** How much was sent in all. */
  get length(): number {
    return this.#offset;
  }

  /** @param total all that was ever allowed, where the receiver says it: a copy, or one that comes late, then changes nothing */
  credit(bytes: number, total = this.#allowed + bytes): void {
    this.#allowed = Math.max(this.#allowed, Math.min(total, this.#offset + linkLimits.streamWindowBytes));
    this.#wake?.();
  }

  /** Resolves when the last byte was handed to the connection. One at a time. @throws the signal's reason */
  async write(channel: number, data: Buffer): Promise<void> {
    for (let at = 0; at < data.length; ) {
      await this.#creditLeft();
      const size = Math.min(data.length - at, this.#allowed - this.#offset, linkLimits.streamFrameBytes);
      const offset = this.#offset;
      this.#offset += size;
      await this.#send({ stream: this.#id, channel, offset, data: data.subarray(at, at + size) });
      at += size;
    }
  }

  async #creditLeft(): Promise<void> {
    this.#signal.throwIfAborted();
    while (this.#allowed <= this.#offset) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
      this.#signal.throwIfAborted();
    }
  }
}
