import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changeText, compare } from './compare.ts';
import { encodeFieldSet } from './field-set.ts';
import { mergeTypeOf } from './merge-type.ts';

const type = mergeTypeOf('io.k8s.api.core.v1.Pod');
const small = fc.constantFrom('', 'a', '1', 'b 1');
const pods = fc.record(
  {
    metadata: fc.record({ name: small, labels: fc.dictionary(fc.constantFrom('a', 'b', '1 a', 'x+'), small) }, { requiredKeys: [] }),
    spec: fc.record(
      {
        nodeName: small,
        containers: fc.array(fc.record({ name: small, image: small }, { requiredKeys: [] }), { maxLength: 2 }),
        tolerations: fc.array(fc.record({ key: small }), { maxLength: 2 }),
      },
      { requiredKeys: [] },
    ),
    status: fc.record({ phase: small }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);

test('the text of a change tells apart what the sets tell apart', () => {
  const seen = new Map<string, string>();
  fc.assert(
    fc.property(pods, pods, (before, after) => {
      const { added, modified, removed } = compare(before, after, type);
      const sets = JSON.stringify([added, modified, removed].map(encodeFieldSet));
      const text = changeText(before, after, type);
      expect(seen.get(text) ?? sets).toBe(sets);
      seen.set(text, sets);
      expect(text === '').toBe(added.empty && modified.empty && removed.empty);
    }),
    { numRuns: 500 },
  );
});

test('names that hold what stands between names are told apart', () => {
  const labels = (...names: string[]): object => ({ metadata: { labels: Object.fromEntries(names.map((name) => [name, ''])) } });
  const texts = [labels('a', 'b'), labels('a+10 f:metadata'), labels('ab'), labels('a 1b')].map((after) => changeText({}, after, type));
  expect(new Set(texts).size).toBe(texts.length);
});
