import { hash } from 'node:crypto';

/** What is read, written and verified in one piece. */
export const blockBytes = 1 << 20;
/** Lengths and positions past the page cache are multiples of this. */
const alignBytes = 4096;

export interface Block {
  readonly index: number;
  /** In a buffer of the pool; padded with zeros to what a device takes. */
  readonly data: Buffer;
  /** Gives the buffer back. */
  release(): void;
}

/** A fixed number of buffers that go round: who reads waits for who writes. */
export class BufferPool {
  readonly #free: Buffer[];
  readonly #waiting: ((buffer: Buffer) => void)[] = [];

  constructor(buffers: readonly Buffer[]) {
    this.#free = [...buffers];
  }

  async take(): Promise<Buffer> {
    return this.#free.pop() ?? (await new Promise<Buffer>((resolve) => this.#waiting.push(resolve)));
  }

  give(buffer: Buffer): void {
    const next = this.#waiting.shift();
    if (next) next(buffer);
    else this.#free.push(buffer);
  }
}

/** Cuts a stream of any pieces into blocks in buffers of the pool. */
export async function* inBlocks(pieces: AsyncIterable<Uint8Array>, pool: BufferPool): AsyncGenerator<Block> {
  let buffer: Buffer | undefined;
  let [filled, index] = [0, 0];
  const blockOf = (full: Buffer, length: number): Block => {
    const padded = Math.ceil(length / alignBytes) * alignBytes;
    full.fill(0, length, padded);
    return { index: index++, data: full.subarray(0, padded), release: () => pool.give(full) };
  };
  try {
    for await (const piece of pieces) {
      for (let done = 0; done < piece.length; ) {
        buffer ??= await pool.take();
        const part = piece.subarray(done, done + blockBytes - filled);
        buffer.set(part, filled);
        filled += part.length;
        done += part.length;
        if (filled < blockBytes) continue;
        const full = blockOf(buffer, filled);
        [buffer, filled] = [undefined, 0];
        yield full;
      }
    }
    if (buffer && filled > 0) {
      const last = blockOf(buffer, filled);
      buffer = undefined;
      yield last;
    }
  } finally {
    if (buffer) pool.give(buffer);
  }
}

export function digestOf(data: Uint8Array): Buffer {
  return hash('sha256', data, 'buffer');
}

/** One digest for all blocks: what a manifest says of an image. Hex. */
export function digestOfBlocks(digests: readonly Buffer[]): string {
  return digestOf(Buffer.concat(digests)).toString('hex');
}
