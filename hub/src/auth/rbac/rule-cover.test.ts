import type { PolicyRule } from '@flotilla/shared/api/generated/types.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Attributes } from '../authz/types.ts';
import { compactRules, describeRule, uncovered } from './rule-cover.ts';
import { RuleMatch } from './rule-match.ts';

const rule = (verbs: string, resources: string, names?: string): PolicyRule => ({
  verbs: verbs.split(' '),
  apiGroups: [''],
  resources: resources.split(' '),
  ...(names === undefined ? {} : { resourceNames: names.split(' ') }),
});
const told = (held: PolicyRule[], wanted: PolicyRule[]): string[] => compactRules(uncovered(held, wanted)).map(describeRule);

test('what is missing is told by resource, in one line each', () => {
  expect(told([rule('get', 'pods')], [rule('get list watch', 'pods nodes')])).toEqual([
    '{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}',
    '{APIGroups:[""], Resources:["nodes"], Verbs:["get" "list" "watch"]}',
  ]);
  expect(told([rule('get', 'pods', 'a')], [rule('get', 'pods', 'a b')])).toEqual([
    '{APIGroups:[""], Resources:["pods"], ResourceNames:["b"], Verbs:["get"]}',
  ]);
  expect(told([], [{ verbs: ['get', 'post'], nonResourceURLs: ['/x'] }])).toEqual([
    '{NonResourceURLs:["/x"], Verbs:["get"]}',
    '{NonResourceURLs:["/x"], Verbs:["post"]}',
  ]);
});

test('rights come together from several rules', () => {
  expect(told([rule('get', 'pods'), rule('list', 'pods'), rule('*', 'nodes')], [rule('get list', 'pods nodes')])).toEqual([]);
  expect(told([rule('get', 'pods')], [rule('get', 'pods', 'a')])).toEqual([]);
  expect(told([rule('get', '*/scale')], [rule('get', 'a/scale b/scale')])).toEqual([]);
  expect(told([rule('get', 'pods')], [rule('*', 'pods')])).toHaveLength(1);
  expect(told([rule('get', 'pods')], [{ verbs: [], apiGroups: [''], resources: ['secrets'] }])).toEqual([]);
});

test('a rule that gives more single rights than can be told apart is refused, however they are held', () => {
  const names = (count: number): string => Array.from({ length: count }, (_, index) => `n${index}`).join(' ');
  expect(told([rule('get', 'pods', names(100))], [rule('get', 'pods', names(101))])).toHaveLength(1);
  expect(() => uncovered([], [rule(names(150), names(150))])).toThrow(expect.objectContaining({ code: 403 }));
  expect(told([rule('*', '*')], [rule(names(150), names(150))])).toEqual([]);
});

const few = (...words: string[]) => fc.uniqueArray(fc.constantFrom(...words), { minLength: 1, maxLength: 2 });
const anyRule = fc.record(
  {
    verbs: few('get', 'list', '*'),
    apiGroups: few('', 'apps', '*'),
    resources: few('pods', 'pods/log', '*/log', '*'),
    resourceNames: few('a', 'b'),
  },
  { requiredKeys: ['verbs', 'apiGroups', 'resources'] },
) as fc.Arbitrary<PolicyRule>;
const anyRequest = fc.record({
  verb: fc.constantFrom('get', 'list', 'watch'),
  group: fc.constantFrom('', 'apps', 'x'),
  resource: fc.constantFrom('pods', 'nodes'),
  subresource: fc.constantFrom('', 'log', 'exec'),
  name: fc.constantFrom('', 'a', 'c'),
});

test('who is said to have all rights of a role may do all that the role allows', () => {
  fc.assert(
    fc.property(
      fc.array(anyRule, { maxLength: 4 }),
      anyRule,
      fc.array(anyRequest, { minLength: 8, maxLength: 8 }),
      (held, wanted, requests) => {
        if (uncovered(held, [wanted]).length > 0) return;
        const [has, gives] = [new RuleMatch(held), new RuleMatch([wanted])];
        for (const { verb, ...resource } of requests) {
          const asked: Attributes = {
            user: { name: 'x', groups: [] },
            verb,
            path: '',
            resource: { version: 'v1', namespace: '', ...resource },
          };
          if (gives.allows(asked)) expect(has.allows(asked), JSON.stringify({ held, wanted, asked })).toBe(true);
        }
      },
    ),
    { numRuns: 500 },
  );
});
