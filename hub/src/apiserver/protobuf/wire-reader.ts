/** Reads the Protocol Buffers wire format. @throws RangeError when the bytes end too early, Error when they are malformed */
export class WireReader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#at = 0;
    this.#end = bytes.length;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** The next field: its number and wire type. */
  tag(): { number: number; wire: number } {
    const tag = Number(this.varint());
    if (tag > 0xffff_ffff || tag < 8) throw new Error('a field has no number');
    return { number: tag >>> 3, wire: tag & 7 };
  }

  /** Up to 64 bits, as an unsigned number. */
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new Error('an integer is longer than ten bytes');
  }

  bytes(): Buffer {
    return this.#take(Number(this.varint()));
  }

  double(): number {
    return this.#take(8).readDoubleLE();
  }

  /** Reads past the value of a field that is not known: the format has it so, for messages of later releases. */
  passOver(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 1) this.#take(8);
    else if (wire === 2) this.bytes();
    else if (wire === 5) this.#take(4);
    else throw new Error(`wire type ${wire} is not known`);
  }

  #take(length: number): Buffer {
    if (length > this.#end - this.#at) throw new RangeError('the message ends in the middle of a field');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined || this.#at > this.#end) throw new RangeError('the message ends in the middle of a field');
    return byte;
  }
}
