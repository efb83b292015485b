import fc from 'fast-check';
import { expect, it } from 'vitest';
import { clone, deepFreeze, jsonEqual, semanticEqual } from './json.ts';

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
