import type { Duplex } from 'node:stream';

/**
 * Ends a connection that announces an MQTT packet above `limit`, before its bytes pile up: aedes itself would buffer up to 256 MB.
 * Looks at what is read from the stream, whoever reads it, and follows the fixed headers (MQTT 3.1.1, section 2.2).
 * @param paced told of what was read; nothing more is read before the time it returns is over, and the other end's own line is full
 */
export function guardReads(
  stream: Duplex,
  limit: number,
  paced?: {
    readonly read: (bytes: number, messages: number) => number;
    readonly after: (delayMs: number, fire: () => void) => void;
    readonly tooLong: (message: string) => void;
  },
): void {
  const read = stream.read.bind(stream);
  const scanner = new HeaderScanner();
  let paused = false;
  let piece = leastPiece;
  const again = (delayMs: number): void =>
    paced?.after(delayMs, () => {
      paused = false;
      // Whoever reads waits for this word.
      if (!stream.destroyed) stream.emit('readable');
    });
  stream.read = (size?: number): unknown => {
    if (paused) return null;
    const inPieces = stream.readableLength > piece;
    const chunk: unknown = read(inPieces ? piece : size);
    if (!Buffer.isBuffer(chunk)) return chunk;
    const before = scanner.packets;
    const length = scanner.longest(chunk);
    if (length > limit) {
      const message = `a packet of ${length} bytes exceeds the limit of ${limit}`;
      paced?.tooLong(message);
      stream.destroy(new Error(message));
      return null;
    }
    const pauseMs = paced?.read(chunk.length, scanner.packets - before) ?? 0;
    piece = pauseMs > 0 ? leastPiece : Math.min(mostPiece, piece * 2);
    if (pauseMs > 0 || inPieces) {
      paused = pauseMs > 0;
      again(pauseMs);
    }
    return chunk;
  };
}

/**
 * How much is read at once: little of who is new or said too much, twice as much each time that was fine. What a flood has brought into
 * the connection's buffer must not be one turn of the event loop.
 */
const leastPiece = 4 * 1024;
const mostPiece = 64 * 1024;

/** Walks the packets of a byte stream; two numbers of state per connection. */
export class HeaderScanner {
  /** Bytes of the current packet's body that are still to come. */
  #body = 0;
  /** -1: the next byte is a packet type; else how many length bytes were read. */
  #digits = -1;
  #length = 0;
  #packets = 0;

  /** How many packets have begun. */
  get packets(): number {
    return this.#packets;
  }

  /** The length of the longest packet that this chunk begins; Infinity for a length that is none. */
  longest(chunk: Buffer): number {
    let longest = 0;
    for (let at = 0; at < chunk.length; ) {
      if (this.#body > 0) {
        const skipped = Math.min(this.#body, chunk.length - at);
        this.#body -= skipped;
        at += skipped;
        continue;
      }
      const byte = chunk[at++] ?? 0;
      if (this.#digits < 0) {
        this.#digits = 0;
        this.#length = 0;
        continue;
      }
      this.#length += (byte & 0x7f) * 128 ** this.#digits++;
      if (byte & 0x80) {
        if (this.#digits === 4) return Number.POSITIVE_INFINITY;
        continue;
      }
      this.#packets++;
      longest = Math.max(longest, this.#length);
      this.#body = this.#length;
      this.#digits = -1;
    }
    return longest;
  }
}
