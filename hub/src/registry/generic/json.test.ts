import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clone, deepFreeze, jsonEqual, semanticEqual, sharing } from './json.ts';

it('copies deeply, so that a frozen object can be changed in its copy', () => {
  const frozen = deepFreeze({ metadata: { labels: { a: '1' } }, list: [{ n: 1 }] });
  const copy = clone(frozen) as { metadata: { labels: Record<string, string> }; list: { n: number }[] };
  copy.metadata.labels['b'] = '2';
  copy.list.push({ n: 2 });
  expect(frozen).toEqual({ metadata: { labels: { a: '1' } }, list: [{ n: 1 }] });
});

it('never creates a prototype', () => {
  const copy = clone(JSON.parse('{"a":1,"__proto__":{"polluted":true}}') as Record<string, unknown>);
  expect(copy['polluted']).toBeUndefined();
  expect(Object.keys(copy)).toEqual(['a']);
});

it('holds any JSON equal to its copy, and what changed unequal', () => {
  const trees = fc.jsonValue().filter((tree) => !JSON.stringify(tree).includes('__proto__'));
  fc.assert(fc.property(trees, (value) => jsonEqual(value, clone(value)) && semanticEqual(value, clone(value))));
  expect(jsonEqual({ a: 1 }, { a: 2 })).toBe(false);
  expect(jsonEqual([1], [1, 2])).toBe(false);
  expect(jsonEqual({ a: [] }, {})).toBe(false);
});

it('takes zero values for absent only in the semantic comparison', () => {
  expect(semanticEqual({ hostNetwork: false, list: [], text: '', map: {} }, {})).toBe(true);
  expect(semanticEqual({}, { replicas: 0 })).toBe(true);
  expect(semanticEqual({ replicas: 1 }, {})).toBe(false);
  expect(semanticEqual({ a: [{}] }, {})).toBe(false);
});

describe('sharing', () => {
  const before = deepFreeze({
    metadata: { name: 'a', labels: { x: '1' } },
    spec: { list: [{ n: 1 }, { n: 2 }] },
    status: { phase: 'Pending' },
  });

  it('gives back what was there before where nothing differs', () => {
    expect(sharing(clone(before), before)).toBe(before);
    const unset = { ...clone(before), more: undefined };
    expect(sharing(unset, before)).toBe(before);
  });

  it('keeps the very parts that are as they were, and all that differs', () => {
    const changed = { ...clone(before), status: { phase: 'Running' } };
    changed.spec.list[1] = { n: 3 };
    const result = sharing(changed, before);
    expect(result).toEqual({ ...before, spec: { list: [{ n: 1 }, { n: 3 }] }, status: { phase: 'Running' } });
    expect(result.metadata).toBe(before.metadata);
    expect(result.spec.list[0]).toBe(before.spec.list[0]);
    expect(sharing({ a: { toString: 1 } } as object, { a: {} })).toEqual({ a: { toString: 1 } });
    expect(sharing({ a: {} } as object, { a: { constructor: 'x' } })).toEqual({ a: {} });
    expect(sharing([1, 2], [1, 2, 3])).toEqual([1, 2]);
    expect(sharing([1] as unknown, { 0: 1 })).toEqual([1]);
  });

  it('always says the same as before', () => {
    // A zero has no sign in JSON.
    const trees = fc
      .jsonValue()
      .filter((tree) => !JSON.stringify(tree).includes('__proto__'))
      .map((tree) => JSON.parse(JSON.stringify(tree)) as unknown);
    fc.assert(
      fc.property(trees, trees, (value, other) => {
        const expected = clone(value);
        expect(sharing(value, deepFreeze(other))).toEqual(expected);
      }),
    );
  });
});
