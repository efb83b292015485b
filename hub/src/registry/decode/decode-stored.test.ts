import { expect, it } from 'vitest';
import { decodeStored } from './decode-stored.ts';
import { decodeJson } from './json-decode.ts';
import { encodeJson } from './json-encode.ts';

const values: readonly [string, unknown][] = [
  ['the largest safe integer', { n: Number.MAX_SAFE_INTEGER }],
  ['an integer beyond it', { n: 9_223_372_036_854_775_807n, m: -9_007_199_254_740_993n }],
  ['fractions and exponents', { n: [0.1, 1e21, -2.5e-7, 123456789012345] }],
  ['digits in a string', { digest: '1234567890123456789', text: 'a "quote" \\ é \u2028' }],
  ['null and empty things', { a: null, b: [], c: {}, d: '' }],
];

it.each(values)('reads %s as the exact reader does', (_, value) => {
  const text = encodeJson(value);
  expect(decodeStored(text)).toEqual(value);
  expect(decodeStored(text)).toEqual(decodeJson(text).value);
});

it('takes a field called __proto__ for a field', () => {
  const decoded = decodeStored('{"__proto__":{"admin":true},"a":1}') as { admin?: boolean };
  expect(decoded.admin).toBeUndefined();
  expect(Object.keys(decoded)).toEqual(['__proto__', 'a']);
});
