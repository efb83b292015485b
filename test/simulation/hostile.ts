import { deflateSync } from 'node:zlib';
import type { Random } from '@flotilla/shared/platform/random.js';
import { encodeData, encodeJson, FrameReader } from '@flotilla/shared/protocol/frame.js';
import { parseJoinToken } from '@flotilla/shared/protocol/join.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import { downKindOf, upKindOf } from '@flotilla/shared/protocol/topics.js';
import { parsers, scope } from './hostile-parsers.ts';

/** What an enemy makes of good inputs. */

const poisons: readonly ((random: Random) => unknown)[] = [
  () => null,
  () => undefined,
  () => [],
  () => ({}),
  () => Number.NaN,
  () => -1,
  () => 1.5,
  () => 2 ** 53,
  () => 1e308,
  () => '',
  () => '__proto__',
  () => '\u0000\ud800\uffff',
  () => '../../../etc/passwd',
  () => JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}') as unknown,
  (random) => random.next() < 0.5,
  (random) => Math.floor(random.next() * 1e6),
];

/** These take their time, and come seldom, so that there can be many of all. */
const large = ['x'.repeat(100_000), deep(5_000), Array.from({ length: 30_000 }, () => 0)];

function poison(random: Random): unknown {
  return random.next() < 0.01 ? pick(random, large) : pick(random, poisons)(random);
}

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 ? [value] : { a: value };
  return value;
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random.next() * list.length)] as T;
}

/** The value with one of its parts, however deep, poisoned, doubled or taken away. */
export function poisoned(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random.next() < 0.15) return poison(random);
  if (Array.isArray(value)) {
    if (value.length === 0 || random.next() < 0.2) return [...(value as unknown[]), ...(value as unknown[]), poison(random)];
    const at = Math.floor(random.next() * value.length);
    return (value as unknown[]).map((item, index) => (index === at ? poisoned(item, random) : item));
  }
  const entries = Object.entries(value);
  const at = Math.floor(random.next() * entries.length);
  if (random.next() < 0.1) return Object.fromEntries(entries.filter((_, index) => index !== at));
  if (random.next() < 0.1) return Object.fromEntries([...entries, ['__proto__', { polluted: true }]]);
  return Object.fromEntries(entries.map(([name, item], index) => [name, index === at ? poisoned(item, random) : item]));
}

/** Bytes as they could come over the line. */
export function bytes(value: unknown, random: Random): Buffer {
  const way = random.next();
  if (way < 0.3) return encodeSafely(value);
  if (way < 0.4) return random.bytes(Math.floor(random.next() * 300));
  const whole = encodeSafely(value);
  if (way < 0.55) return whole.subarray(0, Math.floor(random.next() * whole.length));
  if (way < 0.7) {
    const flipped = Buffer.from(whole);
    for (let count = 0; count < 4 && flipped.length > 0; count++) {
      const at = Math.floor(random.next() * flipped.length);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
    }
    return flipped;
  }
  if (way < 0.75) return Buffer.concat([Buffer.of(1), Buffer.from('{"a":"'), Buffer.of(0xff, 0xc0, 0x80), Buffer.from('"}')]);
  if (way < 0.8) return Buffer.concat([Buffer.of(1), Buffer.from('['.repeat(60_000))]);
  if (way < 0.802) return Buffer.concat([Buffer.of(2), bombs[Math.floor(random.next() * bombs.length)] as Buffer]);
  if (way < 0.85) return encodeData({ stream: 7, channel: 255, offset: 2 ** 52, data: random.bytes(40) });
  const chunk = Buffer.concat([Buffer.of(3), random.bytes(32), Buffer.alloc(8), random.bytes(20)]);
  chunk.writeUInt32BE(Math.floor(random.next() * 2 ** 32), 33);
  chunk.writeUInt32BE(Math.floor(random.next() * 2 ** 32), 37);
  return chunk;
}

/** Small ones that become large. */
const bombs = ['[', '[],', '{"a":', '0,', ' '].map((part) => deflateSync(Buffer.from(`[${part.repeat(2_000_000)}`)));

function encodeSafely(value: unknown): Buffer {
  if (value === undefined) return Buffer.of(1);
  try {
    return encodeJson(value)[0] ?? Buffer.of();
  } catch {
    return Buffer.of(1, 0x7b);
  }
}

const topicTails = [
  'up/report',
  'down/manifest',
  'up/hello',
  'up/__proto__',
  'up/constructor',
  'up/',
  '',
  '#',
  '+/report',
  'up/report/x',
  'up/token',
];

/** A topic that is somebody else's, or nobody's. */
export function foreignTopic(random: Random): string {
  const node = pick(random, ['board-2', 'board-1/../board-2', '+', '', 'board-1 ', 'BOARD-1', 'board-10', '__proto__']);
  return (
    pick(random, [`f1/cluster-1/${node}/`, `f1/cluster-2/board-1/`, `f2/cluster-1/board-1/`, '', '/', '$SYS/']) + pick(random, topicTails)
  );
}

export interface Fed {
  readonly taken: number;
  readonly refused: number;
}

/**
 * So many inputs for each of the parsers. @throws Error for an input that is neither taken nor refused in the protocol's own words, that
 * reached what is not its own, or that changed what all objects have
 */
export function feed(random: Random, inputs: number): Fed {
  let taken = 0;
  let refused = 0;
  const reader = new FrameReader();
  const attempt = (what: string, run: () => unknown): void => {
    try {
      run();
      taken++;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw new Error(`${what}: ${String(error)}`, { cause: error });
      refused++;
    }
  };
  for (const parser of parsers) {
    for (let count = 0; count < inputs; count++) {
      const good = pick(random, parser.good);
      const value = random.next() < 0.02 ? good : poisoned(good, random);
      if (random.next() < 0.5) {
        attempt(parser.name, () => parser.parse(value));
        continue;
      }
      const payload = bytes(value, random);
      attempt(`frame for ${parser.name}`, () => {
        const decoded = reader.read(payload);
        if (decoded?.type === 'json') parser.parse(decoded.value);
      });
    }
  }
  for (let count = 0; count < inputs; count++) {
    attempt('join token', () => parseJoinToken(random.bytes(40).toString('latin1')));
    const topic = foreignTopic(random);
    for (const kindOf of [upKindOf, downKindOf]) {
      let reached: string | undefined;
      attempt('topic', () => {
        reached = kindOf(scope, topic);
      });
      if (reached !== undefined) throw new Error(`the topic ${topic} was taken for ${reached}`);
    }
  }
  if (Object.hasOwn(Object.prototype, 'polluted') || 'polluted' in {}) throw new Error('an input changed what all objects have');
  return { taken, refused };
}
