const firstSize = 4096;
/** Texts up to this length are written here, one character after the other, if they are ASCII: quicker than a call. */
const shortText = 32;

/**
 * Writes the Protocol Buffers wire format from its end to its beginning, so that the length of a message is known when it has
 * to be written: last field first, and of each field the value before its tag.
 */
export class WireWriter {
  #bytes = Buffer.allocUnsafe(firstSize);
  #at = firstSize;

  /** How much was written: the mark at which a message ends. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  /** What was written; the writer is to be used no more. */
  finish(): Buffer {
    return this.#bytes.subarray(this.#at);
  }

  tag(number: number, wire: number): void {
    this.varint(number * 8 + wire);
  }

  /** The tag and length before what was written since the mark. */
  closePart(number: number, mark: number): void {
    this.varint(this.length - mark);
    this.tag(number, 2);
  }

  varint(value: number | bigint): void {
    if (typeof value === 'bigint' || value < 0 || value > 0x7fff_ffff) this.#longVarint(BigInt.asUintN(64, BigInt(value)));
    else this.#shortVarint(value);
  }

  #shortVarint(value: number): void {
    const size = value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
    this.#reserve(size);
    let at = this.#at;
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[at] = rest;
  }

  boolean(value: boolean): void {
    this.#reserve(1);
    this.#bytes[this.#at] = value ? 1 : 0;
  }

  text(value: string): void {
    if (value.length <= shortText && this.#ascii(value)) return;
    const size = Buffer.byteLength(value);
    this.#reserve(size);
    this.#bytes.write(value, this.#at);
  }

  raw(bytes: Buffer): void {
    this.#reserve(bytes.length);
    bytes.copy(this.#bytes, this.#at);
  }

  #ascii(value: string): boolean {
    this.#reserve(value.length);
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) {
        this.#at += value.length;
        return false;
      }
      this.#bytes[this.#at + index] = code;
    }
    return true;
  }

  #longVarint(value: bigint): void {
    const bytes: number[] = [];
    let rest = value;
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.raw(Buffer.from(bytes));
  }

  #reserve(size: number): void {
    if (size > this.#at) this.#grow(size);
    this.#at -= size;
  }

  #grow(size: number): void {
    const written = this.length;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, written + size));
    this.#bytes.copy(larger, larger.length - written, this.#at);
    this.#at = larger.length - written;
    this.#bytes = larger;
  }
}
