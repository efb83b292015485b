import { expect, test } from 'vitest';
import { SeededRandom } from '#platform/random.ts';
import { encodeData, encodeJson, FrameReader } from './frame.ts';
import { linkLimits } from './limits.ts';

test('a small message is one payload of plain JSON, a larger one is deflated', () => {
  const [small] = encodeJson({ a: 1 });
  expect(small?.[0]).toBe(1);
  const [large] = encodeJson({ text: 'x'.repeat(2000) });
  expect(large?.[0]).toBe(2);
  expect(large?.length).toBeLessThan(100);
  const reader = new FrameReader();
  expect(reader.read(small ?? Buffer.of())).toEqual({ type: 'json', value: { a: 1 } });
  expect(reader.read(large ?? Buffer.of())).toEqual({ type: 'json', value: { text: 'x'.repeat(2000) } });
});

test('chunks may come in any order and more than once', () => {
  const value = { noise: new SeededRandom(1).bytes(300_000).toString('base64') };
  const chunks = encodeJson(value);
  expect(chunks.length).toBeGreaterThan(2);
  for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(linkLimits.packetBytes);
  const reader = new FrameReader();
  const [first, ...rest] = chunks.toReversed();
  expect(reader.read(first ?? Buffer.of())).toBeUndefined();
  expect(reader.read(first ?? Buffer.of())).toBeUndefined();
  expect(rest.map((chunk) => reader.read(chunk)).at(-1)).toEqual({ type: 'json', value });
});

test('a chunk that was changed on the way is found out', () => {
  const chunks = encodeJson({ noise: new SeededRandom(2).bytes(200_000).toString('base64') });
  const last = chunks.at(-1) ?? Buffer.of();
  last[last.length - 1] = (last.at(-1) ?? 0) ^ 1;
  const reader = new FrameReader();
  expect(() => chunks.map((chunk) => reader.read(chunk))).toThrow('content hash');
});

test('more unfinished messages than allowed push out the oldest, and the others still complete', () => {
  const messages = [3, 4, 5].map((seed) => encodeJson({ noise: new SeededRandom(seed).bytes(150_000).toString('base64') }));
  const reader = new FrameReader();
  for (const chunks of messages) expect(reader.read(chunks[0] ?? Buffer.of())).toBeUndefined();
  const outcomes = messages.toReversed().map(
    (chunks) =>
      chunks
        .slice(1)
        .map((chunk) => reader.read(chunk))
        .at(-1)?.type,
  );
  expect(outcomes).toEqual(['json', 'json', undefined]);
});

test('limits hold on both sides of the bound', () => {
  const reader = new FrameReader();
  expect(() => reader.read(Buffer.alloc(linkLimits.packetBytes + 1, 1))).toThrow('the limit is 131072');
  expect(() => reader.read(Buffer.concat([Buffer.of(1), Buffer.alloc(linkLimits.packetBytes - 3, 0x20), Buffer.from('{}')]))).not.toThrow();
  expect(() => encodeJson('x'.repeat(linkLimits.inflatedBytes))).toThrow('the limit is');
  const bomb = encodeJson('x'.repeat(linkLimits.inflatedBytes - 2));
  expect(reader.read(bomb[0] ?? Buffer.of())?.type).toBe('json');
});

test('what is no frame is refused with a reason', () => {
  const reader = new FrameReader();
  expect(() => reader.read(Buffer.of())).toThrow('frame format missing');
  expect(() => reader.read(Buffer.of(9, 1))).toThrow('frame format 9');
  expect(() => reader.read(Buffer.of(1, 0x7b))).toThrow('not JSON');
  expect(() => reader.read(Buffer.of(2, 1, 2, 3))).toThrow('does not inflate');
  expect(() => reader.read(Buffer.of(3, 1))).toThrow('a chunk without content');
  expect(() => reader.read(Buffer.of(4, 1))).toThrow('too short');
});

test('stream frames keep stream, channel, offset and bytes', () => {
  const frame = { stream: 7, channel: 1, offset: 2 ** 40, data: Buffer.from('log line\n') };
  expect(new FrameReader().read(encodeData(frame))).toEqual({ type: 'data', frame });
});
