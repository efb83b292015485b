import { SpdyError } from './spdy-error.ts';

/** SPDY/3.1 frames (draft-mbelshe-httpbis-spdy-00 §2.2 and §2.6). */
export type SpdyFrame =
  /** A part of a data frame, `fin` with its last. */
  | { readonly type: 'data'; readonly id: number; readonly data: Buffer; readonly fin: boolean }
  | { readonly type: 'syn-stream'; readonly id: number; readonly fin: boolean; readonly block: Buffer }
  | { readonly type: 'rst-stream'; readonly id: number; readonly status: number }
  | { readonly type: 'settings'; readonly values: ReadonlyMap<number, number> }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'goaway' }
  /** Compressed like the others: it must be read even where nobody cares. */
  | { readonly type: 'headers'; readonly id: number; readonly fin: boolean; readonly block: Buffer }
  | { readonly type: 'window-update'; readonly id: number; readonly delta: number }
  | { readonly type: 'unknown' };

export const rstStatus = { protocolError: 1, invalidStream: 2, refusedStream: 3, cancel: 5 } as const;
export const initialWindowSetting = 7;

const version = 3;
const types = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goaway: 7, headers: 8, windowUpdate: 9 } as const;
const finFlag = 1;
const headBytes = 8;
/** A control frame is held as a whole; those of data pass through in the pieces they come in. */
const maxControlBytes = 16 * 1024;
const maxSettings = 64;
const id31 = 0x7fff_ffff;

/** Cuts what comes into frames. */
export class FrameParser {
  #rest: Buffer = Buffer.alloc(0);
  #data: { readonly id: number; readonly fin: boolean; left: number } | undefined;

  /** @throws SpdyError */
  *push(chunk: Buffer): Generator<SpdyFrame> {
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (;;) {
      const frame = this.#data ? this.#more(this.#data) : this.#next();
      if (!frame) return;
      yield frame;
    }
  }

  #more(data: { readonly id: number; readonly fin: boolean; left: number }): SpdyFrame | undefined {
    if (this.#rest.length === 0 && data.left > 0) return undefined;
    const piece = this.#take(Math.min(data.left, this.#rest.length));
    data.left -= piece.length;
    if (data.left === 0) this.#data = undefined;
    return { type: 'data', id: data.id, data: piece, fin: data.fin && data.left === 0 };
  }

  #next(): SpdyFrame | undefined {
    if (this.#rest.length < headBytes) return undefined;
    const first = this.#rest.readUInt32BE(0);
    const flags = this.#rest.readUInt8(4);
    const length = this.#rest.readUIntBE(5, 3);
    if (first >>> 31 === 0) {
      if (first === 0) throw new SpdyError('data for no stream');
      this.#take(headBytes);
      this.#data = { id: first, fin: (flags & finFlag) !== 0, left: length };
      return this.#more(this.#data);
    }
    if (((first >>> 16) & 0x7fff) !== version) throw new SpdyError('a control frame of another version');
    if (length > maxControlBytes) throw new SpdyError('a control frame is too large');
    if (this.#rest.length < headBytes + length) return undefined;
    this.#take(headBytes);
    return readControl(first & 0xffff, flags, this.#take(length));
  }

  #take(bytes: number): Buffer {
    const taken = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(bytes);
    return taken;
  }
}

function readControl(type: number, flags: number, body: Buffer): SpdyFrame {
  const need = (bytes: number, exactly = true): void => {
    if (body.length < bytes || (exactly && body.length !== bytes))
      throw new SpdyError(`a control frame of type ${type} has a wrong length`);
  };
  const fin = (flags & finFlag) !== 0;
  switch (type) {
    case types.synStream:
      need(10, false);
      return { type: 'syn-stream', id: body.readUInt32BE(0) & id31, fin, block: body.subarray(10) };
    case types.synReply:
    case types.headers:
      need(4, false);
      return { type: 'headers', id: body.readUInt32BE(0) & id31, fin, block: body.subarray(4) };
    case types.rstStream:
      need(8);
      return { type: 'rst-stream', id: body.readUInt32BE(0) & id31, status: body.readUInt32BE(4) };
    case types.settings:
      return { type: 'settings', values: readSettings(body) };
    case types.ping:
      need(4);
      return { type: 'ping', id: body.readUInt32BE(0) };
    case types.goaway:
      need(8);
      return { type: 'goaway' };
    case types.windowUpdate:
      need(8);
      return { type: 'window-update', id: body.readUInt32BE(0) & id31, delta: body.readUInt32BE(4) & id31 };
    default:
      return { type: 'unknown' };
  }
}

function readSettings(body: Buffer): ReadonlyMap<number, number> {
  const count = body.length >= 4 ? body.readUInt32BE(0) : -1;
  if (count < 0 || count > maxSettings || body.length !== 4 + 8 * count) throw new SpdyError('settings have a wrong length');
  const values = new Map<number, number>();
  for (let at = 4; at < body.length; at += 8) values.set(body.readUIntBE(at + 1, 3), body.readUInt32BE(at + 4));
  return values;
}

export function dataFrame(id: number, data: Buffer, fin: boolean): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(id, 0);
  head.writeUInt8(fin ? finFlag : 0, 4);
  head.writeUIntBE(data.length, 5, 3);
  return Buffer.concat([head, data]);
}

function controlFrame(type: number, numbers: readonly number[], block: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(headBytes + 4 * numbers.length);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(type, 2);
  head.writeUIntBE(4 * numbers.length + block.length, 5, 3);
  numbers.forEach((number, index) => {
    head.writeUInt32BE(number >>> 0, headBytes + 4 * index);
  });
  return Buffer.concat([head, block]);
}

export const synReplyFrame = (id: number, block: Buffer): Buffer => controlFrame(types.synReply, [id], block);
export const rstStreamFrame = (id: number, status: number): Buffer => controlFrame(types.rstStream, [id, status]);
export const pingFrame = (id: number): Buffer => controlFrame(types.ping, [id]);
export const goawayFrame = (lastId: number, status: number): Buffer => controlFrame(types.goaway, [lastId, status]);
export const windowUpdateFrame = (id: number, delta: number): Buffer => controlFrame(types.windowUpdate, [id, delta]);
