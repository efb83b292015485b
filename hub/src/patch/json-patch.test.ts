import fc from 'fast-check';
import { applyPatch, createPatch } from 'rfc6902';
import { describe, expect, test } from 'vitest';
import { applyJsonPatch, maxOperations } from './json-patch.ts';

const document = Object.freeze({ a: { b: [1, 2, 3] }, 'x/y': 1, 'm~n': 2, n: null });

describe('applyJsonPatch', () => {
  test.each([
    [[{ op: 'add', path: '/a/c', value: 1 }], { a: { b: [1, 2, 3], c: 1 } }],
    [[{ op: 'add', path: '/a/b/1', value: 9 }], { a: { b: [1, 9, 2, 3] } }],
    [[{ op: 'add', path: '/a/b/-', value: 9 }], { a: { b: [1, 2, 3, 9] } }],
    [[{ op: 'add', path: '/a/b/3', value: 9 }], { a: { b: [1, 2, 3, 9] } }],
    [[{ op: 'remove', path: '/a/b/0' }], { a: { b: [2, 3] } }],
    [[{ op: 'replace', path: '/x~1y', value: 5 }], { 'x/y': 5 }],
    [[{ op: 'replace', path: '/m~0n', value: 5 }], { 'm~n': 5 }],
    [[{ op: 'move', from: '/a/b/0', path: '/first' }], { a: { b: [2, 3] }, first: 1 }],
    [[{ op: 'copy', from: '/a', path: '/z' }], { z: { b: [1, 2, 3] } }],
    [[{ op: 'test', path: '/a/b/2', value: 3 }], {}],
    [[{ op: 'test', path: '/n', value: null }], {}],
    [[{ op: 'test', path: '/missing', value: null }], {}],
  ])('%j', (patch, changed) => {
    expect(applyJsonPatch(document, patch)).toEqual({ ...document, ...changed });
  });

  test.each([
    [[{ op: 'test', path: '/a/b/0', value: 2 }], 'testing value /a/b/0 failed: test failed'],
    [[{ op: 'remove', path: '/q' }], 'remove operation does not apply: doc is missing path: "/q": missing value'],
    [[{ op: 'replace', path: '/q/r', value: 1 }], 'replace operation does not apply: doc is missing path: "/q/r": missing value'],
    [[{ op: 'add', path: '/q/r', value: 1 }], 'add operation does not apply: doc is missing path: "/q/r": missing value'],
    [[{ op: 'add', path: '/a/b/4', value: 1 }], 'Unable to access invalid index: 4'],
    [[{ op: 'add', path: '/a/b/01', value: 1 }], 'Unable to access invalid index: 01'],
    [[{ op: 'replace', path: '/a/b/00', value: 1 }], 'missing value'],
    [[{ op: 'remove', path: '/a/b/-' }], 'missing value'],
    [[{ op: 'remove', path: '/a/b/-9' }], 'missing value'],
    [[{ op: 'move', from: '/a', path: '/a/b/0' }], 'is inside'],
    [[{ op: 'jump', path: '/a' }], 'Unexpected kind: jump'],
    [[{ op: 'add', path: 'a', value: 1 }], 'does not begin with a slash'],
    [[{ op: 'add', value: 1 }], 'operation missing path field'],
    [[{ op: 'add', path: '/__proto__/polluted', value: 1 }], 'names __proto__'],
    [[{ op: 'copy', from: '/constructor/prototype', path: '/z' }], 'missing value'],
    [[{ op: 'remove', path: '' }], 'cannot be removed'],
  ])('%j is refused: %s', (patch, why) => {
    expect(() => applyJsonPatch(document, patch)).toThrow(
      expect.objectContaining({
        code: 422,
        reason: 'Invalid',
        message: 'the server rejected our request due to an error in our request',
        details: { causes: [{ reason: 'UnexpectedServerResponse', message: expect.stringContaining(why) as string, field: 'patch' }] },
      }),
    );
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('what is no patch is a bad request', () => {
    expect(() => applyJsonPatch(document, {})).toThrow(expect.objectContaining({ code: 400 }));
    expect(() => applyJsonPatch(document, [[]])).toThrow(expect.objectContaining({ code: 400 }));
  });

  test('bounds operations and copies', () => {
    const tests = (count: number): unknown[] => Array.from({ length: count }, () => ({ op: 'test', path: '/n', value: null }));
    expect(applyJsonPatch(document, tests(maxOperations))).toEqual(document);
    expect(() => applyJsonPatch(document, tests(maxOperations + 1))).toThrow(
      'The allowed maximum operations in a JSON patch is 10000, got 10001',
    );
    const doubling = Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '/a', path: `/a/${index}` }));
    expect(() => applyJsonPatch(document, doubling)).toThrow(expect.objectContaining({ code: 422 }));
    expect(applyJsonPatch(document, doubling.slice(0, 5))).toBeDefined();
  });

  test('does what the rfc6902 package does, and changes nothing in place', () => {
    const value = fc.letrec((tie) => ({
      node: fc.oneof({ maxDepth: 3 }, fc.integer(), fc.constantFrom('x', 'y', null, true), tie('list'), tie('map')),
      list: fc.array(tie('node'), { maxLength: 4 }),
      map: fc.dictionary(fc.constantFrom('a', 'b', 'c/d', '~e', '0'), tie('node')),
    })).map;
    fc.assert(
      fc.property(value, value, (before, after) => {
        const text = JSON.stringify(before);
        const patch = createPatch(before, after);
        expect(applyJsonPatch(before as object, patch)).toEqual(after);
        expect(JSON.stringify(before)).toBe(text);
        const theirs = JSON.parse(text) as object;
        applyPatch(theirs, patch);
        expect(applyJsonPatch(before as object, patch)).toEqual(theirs);
      }),
    );
  });

  test('an int64 equals itself in a test', () => {
    const big = { a: 9223372036854775807n };
    expect(applyJsonPatch(big, [{ op: 'test', path: '/a', value: 9223372036854775807n }])).toEqual(big);
    expect(() => applyJsonPatch(big, [{ op: 'test', path: '/a', value: 9223372036854775806n }])).toThrow(
      expect.objectContaining({ code: 422 }),
    );
  });
});
