/** As much of the protobuf wire format as writing a document takes: strings, booleans and nested messages. */
export class ProtobufWriter {
  readonly #parts: Buffer[] = [];

  string(field: number, value: unknown): this {
    return typeof value === 'string' && value !== '' ? this.#bytes(field, Buffer.from(value, 'utf8')) : this;
  }

  bool(field: number, value: unknown): this {
    if (value === true) this.#parts.push(varint(field << 3), varint(1));
    return this;
  }

  message(field: number, value: ProtobufWriter | undefined): this {
    return value ? this.#bytes(field, value.finish()) : this;
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #bytes(field: number, value: Buffer): this {
    this.#parts.push(varint((field << 3) | 2), varint(value.length), value);
    return this;
  }
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
