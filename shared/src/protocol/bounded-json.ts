import { isUtf8 } from 'node:buffer';
import { linkLimits } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openings: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const closings: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/**
 * JSON of somebody who may be hostile: in UTF-8, no deeper and with no more values than any message of this protocol needs, and
 * without a field `__proto__`. A kilobyte may inflate to a megabyte of brackets, and those to fifty of lists: depth and number are
 * looked at before anything is made of them. @throws ProtocolError
 */
export function parseBoundedJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new ProtocolError('Malformed', 'the message is not UTF-8');
  measure(bytes);
  const text = bytes.toString('utf8');
  try {
    // Written plainly or with an escape; what only looks like it costs the slow way.
    if (!text.includes('__proto__') && !/\\u00(5f|7[0-9a-f]|6[0-9a-f])/i.test(text)) return JSON.parse(text);
    return JSON.parse(text, (name, value: unknown) => {
      if (name === '__proto__') throw new ProtocolError('Malformed', 'the message has a field __proto__');
      return value;
    });
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    throw new ProtocolError('Malformed', 'the message is not JSON', { cause: error });
  }
}

function measure(bytes: Buffer): void {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === quote) {
      at = endOfText(bytes, at + 1);
      continue;
    }
    if (byte === comma) values++;
    else if (openings.has(byte)) {
      values++;
      if (++depth > linkLimits.jsonDepth) throw new ProtocolError('Malformed', `the message is deeper than ${linkLimits.jsonDepth}`);
    } else if (closings.has(byte)) depth--;
    if (values > linkLimits.jsonValues) throw new ProtocolError('TooLarge', `the message has more than ${linkLimits.jsonValues} values`);
  }
}

/** Where the string that is open at `from` has its closing quote. */
function endOfText(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(quote, from); at >= 0; at = bytes.indexOf(quote, at + 1)) {
    let escapes = 0;
    while (bytes[at - 1 - escapes] === backslash && at - 1 - escapes >= from) escapes++;
    if (escapes % 2 === 0) return at;
  }
  return bytes.length;
}
