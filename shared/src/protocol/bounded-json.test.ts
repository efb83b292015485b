import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseBoundedJson } from './bounded-json.ts';
import { linkLimits } from './limits.ts';

const parse = (text: string): unknown => parseBoundedJson(Buffer.from(text, 'utf8'));
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

test('reads what JSON.parse reads', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      if (!text.includes('__proto__')) expect(parse(text)).toEqual(JSON.parse(text));
    }),
  );
  expect(parse('{"a":"\\\\","b":"\\"[[[","c":"\\u0070x"}')).toEqual({ a: '\\', b: '"[[[', c: 'px' });
});

test('at its limits, and one beyond', () => {
  expect(parse(nested(linkLimits.jsonDepth))).toBeInstanceOf(Array);
  expect(() => parse(nested(linkLimits.jsonDepth + 1))).toThrow('deeper than');
  expect(parse(JSON.stringify('['.repeat(10_000)))).toHaveLength(10_000);
  expect(parse(`[${'0,'.repeat(linkLimits.jsonValues - 1)}0]`)).toHaveLength(linkLimits.jsonValues);
  expect(() => parse(`[${'0,'.repeat(linkLimits.jsonValues)}0]`)).toThrow('more than');
});

test.for([
  '{"__proto__":{}}',
  '{"a":[{"__proto__":1}]}',
  '{"\\u005f_proto__":{}}',
  '{"__pr\\u006fto__":{}}',
  '{"\\u005F\\u005fproto__":1}',
])('no field is called __proto__: %s', (text) => {
  expect(() => parse(text)).toThrow('__proto__');
});

test('a text may say what it likes', () => {
  expect(parse('{"message":"__proto__ \\u005f"}')).toEqual({ message: '__proto__ _' });
});

test.for(['', '{', '"', '"\\', '[1,]', '{"a":1}}', '\u0000', 'nul', '[[[[', ']]]]'])('what is no JSON: %j', (text) => {
  expect(() => parse(text)).toThrow('not JSON');
});

test('what is no UTF-8', () => {
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0x22, 0xc3, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
  ])
    expect(() => parseBoundedJson(Buffer.from(bytes))).toThrow('not UTF-8');
});
