import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { ObjectPart } from '@flotilla/shared/protocol/manifest-messages.js';

/** The one object that arrives in pieces. It outlives the connection; the power takes it. */
export class PartialObject {
  #digest = '';
  #size = 0;
  #pieces: Buffer[] = [];
  #have = 0;

  /** From where on the object is still missing. */
  offset(digest: string): number {
    return digest === this.#digest ? this.#have : 0;
  }

  /** Adds a piece; the whole text once it is complete. A piece that does not follow is left alone. */
  add({ digest, offset, size, text }: ObjectPart): string | undefined {
    const piece = Buffer.from(text, 'utf8');
    if (offset === 0 && piece.length >= size) return text;
    if (offset !== this.offset(digest)) return undefined;
    if (offset === 0) {
      this.drop();
      this.#digest = digest;
      this.#size = Math.min(size, linkLimits.objectBytes);
    }
    this.#pieces.push(piece);
    this.#have += piece.length;
    if (this.#have < this.#size) return undefined;
    const whole = Buffer.concat(this.#pieces).toString('utf8');
    this.drop();
    return whole;
  }

  drop(): void {
    this.#digest = '';
    this.#size = 0;
    this.#pieces = [];
    this.#have = 0;
  }
}
