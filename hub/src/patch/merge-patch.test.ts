import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isObject, type JsonObject } from './json-value.ts';
import { applyMergePatch } from './merge-patch.ts';

describe('applyMergePatch', () => {
  test.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j is %j (RFC 7386, appendix A)', (object, patch, result) => {
    expect(applyMergePatch(object, patch)).toEqual(result);
  });

  test('is an object', () => {
    for (const patch of [null, [], 'a', 1]) expect(() => applyMergePatch({}, patch)).toThrow(expect.objectContaining({ code: 400 }));
  });

  test('__proto__ never gets in', () => {
    const result = applyMergePatch(
      { a: {} },
      JSON.parse('{"__proto__":{"polluted":1},"a":{"__proto__":{"polluted":1},"constructor":{"b":1}}}'),
    );
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
    expect(result).toEqual({ a: { constructor: { b: 1 } } });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('turns one object into another, changing neither', () => {
    const value = fc.letrec((tie) => ({
      node: fc.oneof({ maxDepth: 3 }, fc.integer(), fc.constantFrom('x', true), fc.array(fc.integer(), { maxLength: 3 }), tie('map')),
      map: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'constructor'), tie('node')),
    })).map;
    fc.assert(
      fc.property(value, value, (before, after) => {
        const patch = difference(before as JsonObject, after as JsonObject);
        const texts = JSON.stringify([before, patch]);
        expect(applyMergePatch(before as object, patch)).toEqual(after);
        expect(JSON.stringify([before, patch])).toBe(texts);
      }),
    );
  });
});

function difference(before: JsonObject, after: JsonObject): JsonObject {
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const old = Object.hasOwn(before, key) ? before[key] : undefined;
    patch[key] = isObject(old) && isObject(value) ? difference(old, value) : value;
  }
  return patch;
}
