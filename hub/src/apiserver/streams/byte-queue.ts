/** Bytes from one producer to one reader, in order. Whoever fills it looks at `size` and stops at a bound of its own. */
export class ByteQueue implements AsyncIterable<Buffer> {
  readonly #chunks: Buffer[] = [];
  readonly #taken: ((bytes: number) => void) | undefined;
  #size = 0;
  #ended = false;
  #dropped = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  /** @param taken is told how much the reader took, or dropped */
  constructor(taken?: (bytes: number) => void) {
    this.#taken = taken;
  }

  /** Bytes that wait. */
  get size(): number {
    return this.#size;
  }

  push(data: Buffer): void {
    if (this.#ended || data.length === 0) return;
    if (this.#dropped) {
      this.#taken?.(data.length);
      return;
    }
    this.#chunks.push(data);
    this.#size += data.length;
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The reader gets this error, after what came before it. */
  fail(error: Error): void {
    if (this.#ended) return;
    this.#error = error;
    this.end();
  }

  /** Nobody reads any more: what waits and what comes is thrown away. */
  drop(): void {
    this.#dropped = true;
    const { size } = this;
    this.#chunks.length = 0;
    this.#size = 0;
    if (size > 0) this.#taken?.(size);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const next = this.#chunks.shift();
        if (next) {
          this.#size -= next.length;
          this.#taken?.(next.length);
          yield next;
        } else if (this.#ended) {
          if (this.#error) throw this.#error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#wake = undefined;
        }
      }
    } finally {
      this.drop();
    }
  }
}
