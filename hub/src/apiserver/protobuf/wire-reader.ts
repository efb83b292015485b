const max = 0xffff_ffff;

/** Bytes that are no message. */
export class ProtobufError extends Error {}

/** Reads the Protocol Buffers wire format. @throws ProtobufError with the words of Go's generated code for bytes that are no message */
export class WireReader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** The next field: its number and wire type. `of` is the message's name. */
  tag(of: string): { number: number; wire: number } {
    const tag = this.#varint();
    const isShort = typeof tag === 'number' && tag <= max;
    const number = isShort ? tag >>> 3 : Number(BigInt.asIntN(32, BigInt(tag) >> 3n));
    const wire = isShort ? tag & 7 : Number(BigInt(tag) & 7n);
    if (wire === 4) throw new ProtobufError(`proto: ${of}: wiretype end group for non-group`);
    if (number <= 0) throw new ProtobufError(`proto: ${of}: illegal tag ${number} (wire type ${wire})`);
    return { number, wire };
  }

  /** Up to 64 bits, with their sign; a bigint where a number could not hold it. */
  integer(): number | bigint {
    const value = this.#varint();
    if (typeof value === 'number') return value;
    const signed = BigInt.asIntN(64, value);
    return signed >= Number.MIN_SAFE_INTEGER && signed <= Number.MAX_SAFE_INTEGER ? Number(signed) : signed;
  }

  /** The lower 32 bits, with their sign. */
  int32(): number {
    const value = this.#varint();
    return typeof value === 'number' && value <= 0x7fff_ffff ? value : Number(BigInt.asIntN(32, BigInt(value)));
  }

  boolean(): boolean {
    return this.int32() !== 0;
  }

  bytes(): Buffer {
    const { start, end } = this.#part();
    return this.#bytes.subarray(start, end);
  }

  /** What is not UTF-8 in it becomes U+FFFD, as in Kubernetes' JSON. */
  text(): string {
    const { start, end } = this.#part();
    for (let at = start; at < end; at++) if ((this.#bytes[at] ?? 0) > 0x7f) return this.#bytes.toString('utf8', start, end);
    return this.#bytes.toString('latin1', start, end);
  }

  /** A message of its own within this one. */
  part(): WireReader {
    const { start, end } = this.#part();
    return new WireReader(this.#bytes, start, end);
  }

  /** Reads past the value of a field that is not known: the format has it so, for messages of later releases. */
  passOver(wire: number): void {
    let groups = 0;
    let next = wire;
    for (;;) {
      if (next === 0) this.#varint();
      else if (next === 1) this.#take(8);
      else if (next === 2) this.#part();
      else if (next === 3) groups++;
      else if (next === 4) {
        if (groups === 0) throw new ProtobufError('proto: unexpected end of group');
        groups--;
      } else if (next === 5) this.#take(4);
      else throw new ProtobufError(`proto: illegal wireType ${next}`);
      if (groups === 0) return;
      next = Number(BigInt(this.#varint()) & 7n);
    }
  }

  #part(): { start: number; end: number } {
    const length = this.integer();
    if (length < 0) throw new ProtobufError('proto: negative length found during unmarshaling');
    const start = this.#take(Number(length));
    return { start, end: this.#at };
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.#end - start) throw new ProtobufError('unexpected EOF');
    this.#at = start + length;
    return start;
  }

  /** A number where it is safe, else an unsigned bigint. */
  #varint(): number | bigint {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 7; count++) {
      const byte = this.#byte();
      if (byte < 0x80) return value + byte * scale;
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
    let long = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      long |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, long);
    }
    throw new ProtobufError('proto: integer overflow');
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new ProtobufError('unexpected EOF');
    return this.#bytes[this.#at++] ?? 0;
  }
}
