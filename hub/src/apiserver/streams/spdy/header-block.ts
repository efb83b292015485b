import { constants, createInflate } from 'node:zlib';
import { spdyDictionary } from './dictionary.ts';
import { SpdyError } from './spdy-error.ts';

export type SpdyHeaders = ReadonlyMap<string, string>;

const maxBlockBytes = 16 * 1024;
const maxPairs = 64;

/** Reads the header blocks of one direction of one connection: they share one stream of zlib and must come in order, one at a time. */
export class HeaderReader {
  readonly #inflate = createInflate({ dictionary: spdyDictionary, flush: constants.Z_SYNC_FLUSH });

  constructor() {
    this.#inflate.on('error', () => {});
  }

  /** @throws SpdyError when it is no header block, or a large one; nothing can be read after that */
  async read(block: Buffer): Promise<SpdyHeaders> {
    return parsePairs(await this.#inflated(block));
  }

  close(): void {
    this.#inflate.destroy();
  }

  #inflated(block: Buffer): Promise<Buffer> {
    const inflate = this.#inflate;
    return new Promise((resolve, reject) => {
      const settle = (error: Error | undefined, plain: Buffer = Buffer.alloc(0)): void => {
        inflate.off('error', broken);
        inflate.off('readable', check);
        if (error) reject(error);
        else resolve(plain);
      };
      const broken = (): void => settle(new SpdyError('a header block cannot be inflated'));
      const check = (): void => {
        if (inflate.readableLength <= maxBlockBytes) return;
        inflate.destroy();
        settle(new SpdyError('a header block is too large'));
      };
      if (inflate.destroyed) return broken();
      inflate.once('error', broken);
      inflate.on('readable', check);
      inflate.write(block, (error) => {
        if (error) return broken();
        check();
        if (!inflate.destroyed) settle(undefined, (inflate.read() as Buffer | null) ?? undefined);
      });
    });
  }
}

function parsePairs(plain: Buffer): SpdyHeaders {
  let at = 0;
  const number = (): number => {
    if (at + 4 > plain.length) throw new SpdyError('a header block is cut short');
    at += 4;
    return plain.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (length > plain.length - at) throw new SpdyError('a header block is cut short');
    at += length;
    return plain.toString('latin1', at - length, at);
  };
  const count = number();
  if (count > maxPairs) throw new SpdyError('a header block has too many headers');
  const headers = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const name = text().toLowerCase();
    if (name === '' || headers.has(name)) throw new SpdyError('a header has no name, or comes twice');
    headers.set(name, text());
  }
  if (at !== plain.length) throw new SpdyError('a header block goes on after its end');
  return headers;
}

/** No headers at all, stored without compression: a block of zlib's own and an empty one that flushes it, so no state is needed. */
const emptyBlock = Buffer.from([0x00, 0x04, 0x00, 0xfb, 0xff, 0, 0, 0, 0, 0x00, 0x00, 0x00, 0xff, 0xff]);
const zlibHeader = Buffer.from([0x78, 0x01]);

/** The block of an answer: it never carries a header. @param first whether it is the first in its direction */
export const emptyHeaderBlock = (first: boolean): Buffer => (first ? Buffer.concat([zlibHeader, emptyBlock]) : emptyBlock);
