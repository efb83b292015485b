import type { DataFrame } from './frame.ts';
import { linkLimits } from './limits.ts';

/**
 * The receiving end of a stream. Puts frames in order by their offset, drops what comes twice, gives new credit as the consumer
 * takes data away, and never holds more than the window. One consumer iterates over it, once.
 */
export class StreamReceiver implements AsyncIterable<Buffer> {
  readonly #grant: (bytes: number) => void;
  readonly #early = new Map<number, Buffer>();
  readonly #ready: Buffer[] = [];
  /** The next byte that is missing. */
  #received = 0;
  #consumed = 0;
  #granted: number = linkLimits.streamWindowBytes;
  #length: number | undefined;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  /** @param grant tells the sender that it may send so many bytes more; the first window is granted by opening. */
  constructor(grant: (bytes: number) => void) {
    this.#grant = grant;
  }

  data({ offset, data }: DataFrame): void {
    if (this.#over() || offset < this.#received || data.length === 0) return;
    if (offset + data.length > this.#granted) {
      this.fail(new Error('the sender exceeded its credit'));
      return;
    }
    this.#early.set(offset, data);
    for (let next = this.#early.get(this.#received); next; next = this.#early.get(this.#received)) {
      this.#early.delete(this.#received);
      this.#ready.push(next);
      this.#received += next.length;
    }
    this.#wake?.();
  }

  /** No more than `length` bytes will come. */
  end(length: number): void {
    this.#length ??= length;
    this.#wake?.();
  }

  /** What has arrived in order is still given out; then the consumer gets the error. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      const next = this.#ready.shift();
      if (next) {
        yield next;
        this.#take(next.length);
        continue;
      }
      if (this.#failure) throw this.#failure;
      if (this.#length !== undefined && this.#received >= this.#length) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  #over(): boolean {
    return this.#failure !== undefined || (this.#length !== undefined && this.#received >= this.#length);
  }

  #take(bytes: number): void {
    this.#consumed += bytes;
    const due = this.#consumed + linkLimits.streamWindowBytes - this.#granted;
    if (due < linkLimits.streamWindowBytes / 2 || this.#over()) return;
    this.#granted += due;
    this.#grant(due);
  }
}
