import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError, decodeJson } from './json-decode.ts';
import { encodeJson, stringify } from './json-encode.ts';

describe('decodeJson', () => {
  test('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        expect(asNumbers(decodeJson(text).value)).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  test('refuses what JSON.parse refuses', () => {
    const mangled = fc
      .tuple(fc.json({ maxDepth: 3 }), fc.nat(), fc.constantFrom('', ',', '}', '"', '0', '-', '\\', 'x'))
      .map(([text, at, piece]) => {
        const position = at % (text.length + 1);
        return text.slice(0, position) + piece + text.slice(position + 1);
      });
    fc.assert(
      fc.property(mangled, (text) => {
        const native = attempt(() => JSON.parse(text, finite) as unknown);
        const ours = attempt(() => decodeJson(text).value);
        expect(ours.failed, text).toBe(native.failed);
        // Where a key comes twice the order is nobody's business.
        if (!native.failed) expect(JSON.parse(asNumbers(ours.value))).toEqual(JSON.parse(JSON.stringify(native.value)));
      }),
      { numRuns: 500 },
    );
  });

  test('keeps integers beyond 2^53, through the encoder too', () => {
    const text = '{"a":9223372036854775807,"b":-9223372036854775808,"c":9007199254740991,"d":[18446744073709551616],"e":1.5}';
    const { value } = decodeJson(text);
    expect(value).toEqual({ a: 9223372036854775807n, b: -9223372036854775808n, c: 9007199254740991, d: [18446744073709551616n], e: 1.5 });
    expect(encodeJson(value)).toBe(text);
    expect(JSON.parse(stringify(value, 2))).toEqual(JSON.parse(text));
  });

  test('reports fields that come twice, each once, and the last one counts', () => {
    const { value, duplicates } = decodeJson('{"a":1,"a":2,"a":3,"b":{"c":[{"d":1,"d":2}]}}');
    expect(value).toEqual({ a: 3, b: { c: [{ d: 2 }] } });
    expect(duplicates).toEqual(['a', 'b.c[0].d']);
    expect(decodeJson('[{"a":1},{"a":1}]').duplicates).toEqual([]);
  });

  test('__proto__ and constructor are fields, not prototypes', () => {
    const value = decodeJson(
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"x":{"__proto__":1,"__proto__":2}}',
    );
    const object = value.value as Record<string, unknown>;
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
    expect(Object.keys(object)).toEqual(['__proto__', 'constructor', 'x']);
    expect(object['polluted']).toBeUndefined();
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(value.duplicates).toEqual(['x.__proto__']);
  });

  test('bounds depth from both sides', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(() => decodeJson(nested(500))).not.toThrow();
    expect(() => decodeJson(nested(501))).toThrow('exceeded max depth');
    expect(() => decodeJson('{"a":'.repeat(100_000))).toThrow('exceeded max depth');
  });

  test.each([
    ['', 'unexpected end of JSON input'],
    ['{"a":', 'unexpected end of JSON input'],
    ['"abc', 'unexpected end of JSON input'],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair"],
    ['[1 2]', "invalid character '2' after array element"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{} x', "invalid character 'x' after top-level value"],
    ['tru3', "invalid character '3' in literal true (expecting 'e')"],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['"\\x"', "invalid character 'x' in string escape code"],
    ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
    ['-a', "invalid character 'a' in numeric literal"],
    ['1.a', "invalid character 'a' after decimal point in numeric literal"],
    ['1ea', "invalid character 'a' in exponent of numeric literal"],
    ['01', "invalid character '1' after top-level value"],
    ['1e999', 'json: cannot unmarshal number 1e999 into Go value of type float64'],
  ])('%j: %s', (text, message) => {
    expect(() => decodeJson(text)).toThrow(new DecodeError(message));
  });
});

const asNumbers = (value: unknown): string => JSON.stringify(JSON.parse(stringify(value)));

function finite(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error('too large');
  return value;
}

function attempt(run: () => unknown): { failed: boolean; value?: unknown } {
  try {
    return { failed: false, value: run() };
  } catch {
    return { failed: true };
  }
}
