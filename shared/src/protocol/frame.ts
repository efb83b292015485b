import { createHash } from 'node:crypto';
import { deflateSync, inflateSync } from 'node:zlib';
import { parseBoundedJson } from './bounded-json.ts';
import { linkLimits } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';

/**
 * The first byte of every MQTT payload says how to read the rest (shared/docs/protocol.md, "Frames"):
 * 1 JSON in UTF-8 · 2 the same, deflated (RFC 1950) · 3 one chunk of a larger frame · 4 bytes of a stream.
 */
const format = { json: 1, deflated: 2, chunk: 3, data: 4 } as const;

const chunkHeader = 1 + 32 + 4 + 4;
const dataHeader = 1 + 4 + 1 + 8;

/** Bytes of one stream, at their place in it. */
export interface DataFrame {
  readonly stream: number;
  /** 0 standard input, 1 output, 2 error, 3 error status; 1 for logs. */
  readonly channel: number;
  readonly offset: number;
  readonly data: Buffer;
}

/** The payloads that carry `value`, in the order to send them: one, or chunks where it is large. @throws ProtocolError TooLarge */
export function encodeJson(value: unknown): Buffer[] {
  const json = Buffer.from(JSON.stringify(value), 'utf8');
  if (json.length > linkLimits.inflatedBytes) throw tooLarge(json.length, linkLimits.inflatedBytes);
  const deflate = json.length > linkLimits.deflateAboveBytes;
  const body = deflate ? deflateSync(json) : json;
  const whole = Buffer.concat([Buffer.of(deflate ? format.deflated : format.json), body]);
  if (whole.length > linkLimits.messageBytes) throw tooLarge(whole.length, linkLimits.messageBytes);
  return whole.length <= linkLimits.chunkBytes ? [whole] : chunks(whole);
}

export function encodeData(frame: DataFrame): Buffer {
  const header = Buffer.alloc(dataHeader);
  header.writeUInt8(format.data, 0);
  header.writeUInt32BE(frame.stream, 1);
  header.writeUInt8(frame.channel, 5);
  header.writeBigUInt64BE(BigInt(frame.offset), 6);
  return Buffer.concat([header, frame.data]);
}

function chunks(whole: Buffer): Buffer[] {
  const hash = createHash('sha256').update(whole).digest();
  const list: Buffer[] = [];
  for (let offset = 0; offset < whole.length; offset += linkLimits.chunkBytes) {
    const header = Buffer.alloc(chunkHeader);
    header.writeUInt8(format.chunk, 0);
    hash.copy(header, 1);
    header.writeUInt32BE(whole.length, 33);
    header.writeUInt32BE(offset, 37);
    list.push(Buffer.concat([header, whole.subarray(offset, offset + linkLimits.chunkBytes)]));
  }
  return list;
}

export type Decoded = { readonly type: 'json'; readonly value: unknown } | { readonly type: 'data'; readonly frame: DataFrame };

interface Assembly {
  readonly hash: string;
  readonly whole: Buffer;
  readonly missing: Set<number>;
}

/**
 * Reads the payloads of one sender. Chunks may come twice and in any order; a message is given out once it is complete and its
 * content hash is right. At most `linkLimits.assemblies` messages are put together at one time: the oldest gives way.
 */
export class FrameReader {
  #assemblies: Assembly[] = [];

  /** What the payload completes, or undefined while chunks are missing. @throws ProtocolError */
  read(payload: Buffer): Decoded | undefined {
    if (payload.length > linkLimits.packetBytes) throw tooLarge(payload.length, linkLimits.packetBytes);
    if (payload[0] === format.chunk) return this.#chunk(payload);
    if (payload[0] === format.data) return { type: 'data', frame: readData(payload) };
    return { type: 'json', value: readWhole(payload) };
  }

  #chunk(payload: Buffer): Decoded | undefined {
    if (payload.length <= chunkHeader) throw malformed('a chunk without content');
    const hash = payload.toString('base64', 1, 33);
    const total = payload.readUInt32BE(33);
    const offset = payload.readUInt32BE(37);
    const data = payload.subarray(chunkHeader);
    if (total > linkLimits.messageBytes) throw tooLarge(total, linkLimits.messageBytes);
    const expected = Math.min(linkLimits.chunkBytes, total - offset);
    if (offset % linkLimits.chunkBytes !== 0 || data.length !== expected) throw malformed('a chunk that is not where it belongs');
    const assembly = this.#assembly(hash, total);
    if (!assembly.missing.delete(offset)) return undefined;
    data.copy(assembly.whole, offset);
    if (assembly.missing.size > 0) return undefined;
    this.#assemblies = this.#assemblies.filter((other) => other !== assembly);
    if (createHash('sha256').update(assembly.whole).digest('base64') !== hash)
      throw malformed('chunks that do not add up to their content hash');
    return { type: 'json', value: readWhole(assembly.whole) };
  }

  #assembly(hash: string, total: number): Assembly {
    const found = this.#assemblies.find((other) => other.hash === hash && other.whole.length === total);
    if (found) return found;
    const missing = new Set<number>();
    for (let offset = 0; offset < total; offset += linkLimits.chunkBytes) missing.add(offset);
    const made = { hash, whole: Buffer.alloc(total), missing };
    this.#assemblies.push(made);
    if (this.#assemblies.length > linkLimits.assemblies) this.#assemblies.shift();
    return made;
  }
}

function readData(payload: Buffer): DataFrame {
  if (payload.length < dataHeader) throw malformed('a stream frame that is too short');
  const offset = Number(payload.readBigUInt64BE(6));
  if (!Number.isSafeInteger(offset)) throw malformed('a stream offset out of range');
  return { stream: payload.readUInt32BE(1), channel: payload.readUInt8(5), offset, data: payload.subarray(dataHeader) };
}

function readWhole(whole: Buffer): unknown {
  const body = whole.subarray(1);
  if (whole[0] === format.json) return parseBoundedJson(body);
  if (whole[0] !== format.deflated) throw malformed(`frame format ${whole[0] ?? 'missing'}`);
  let json: Buffer;
  try {
    json = inflateSync(body, { maxOutputLength: linkLimits.inflatedBytes });
  } catch (error) {
    if (error instanceof RangeError)
      throw new ProtocolError('TooLarge', `the message inflates to more than ${linkLimits.inflatedBytes} bytes`);
    throw new ProtocolError('Malformed', 'the message does not inflate', { cause: error });
  }
  return parseBoundedJson(json);
}

function malformed(what: string): ProtocolError {
  return new ProtocolError('Malformed', `received ${what}`);
}

function tooLarge(bytes: number, limit: number): ProtocolError {
  return new ProtocolError('TooLarge', `the message has ${bytes} bytes; the limit is ${limit}`);
}
