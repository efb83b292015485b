import type { DataFrame } from './frame.ts';
import { linkLimits } from './limits.ts';

/** The sending end of a stream: cuts data into frames and sends only what the receiver gave credit for. */
export class StreamSender {
  readonly #id: number;
  readonly #send: (frame: DataFrame) => Promise<void>;
  readonly #signal: AbortSignal;
  #credit: number;
  #offset = 0;
  #wake: (() => void) | undefined;

  constructor(options: { id: number; credit: number; signal: AbortSignal; send: (frame: DataFrame) => Promise<void> }) {
    this.#id = options.id;
    this.#credit = options.credit;
    this.#signal = options.signal;
    this.#send = options.send;
    this.#signal.addEventListener('abort', () => this.#wake?.(), { once: true });
  }

  /** How much was sent in all. */
  get length(): number {
    return this.#offset;
  }

  credit(bytes: number): void {
    this.#credit = Math.min(this.#credit + bytes, linkLimits.streamWindowBytes);
    this.#wake?.();
  }

  /** Resolves when the last byte was handed to the connection. @throws the signal's reason */
  async write(channel: number, data: Buffer): Promise<void> {
    for (let at = 0; at < data.length; ) {
      await this.#creditLeft();
      const size = Math.min(data.length - at, this.#credit, linkLimits.streamFrameBytes);
      const offset = this.#offset;
      this.#credit -= size;
      this.#offset += size;
      await this.#send({ stream: this.#id, channel, offset, data: data.subarray(at, at + size) });
      at += size;
    }
  }

  async #creditLeft(): Promise<void> {
    this.#signal.throwIfAborted();
    while (this.#credit <= 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
      this.#signal.throwIfAborted();
    }
  }
}
