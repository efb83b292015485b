import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { labelSelector, labelsSelector, parseLabelSelector } from './selector.ts';

const labels = { app: 'web', tier: 'front', 'example.com/zone': 'a', weight: '7', empty: '' };

describe('parseLabelSelector', () => {
  test.each([
    ['', true],
    ['app=web', true],
    ['app==web', true],
    [' app = web , tier != back ', true],
    ['app=db', false],
    ['app!=web', false],
    ['missing!=web', true],
    ['app in (web,db)', true],
    ['app in ( db )', false],
    ['app notin (db)', true],
    ['missing notin (db)', true],
    ['app notin (web)', false],
    ['app', true],
    ['!app', false],
    ['!missing', true],
    ['missing', false],
    ['example.com/zone=a,app', true],
    ['weight>5', true],
    ['weight>7', false],
    ['weight<8', true],
    ['app<8', false],
    ['empty=', true],
    ['empty=,app=web', true],
    ['app in (,web)', true],
    ['empty in (,)', true],
    ['in=x', false],
    ['constructor', false],
  ])('%j matches: %s', (text, expected) => {
    expect(parseLabelSelector(text).matches(labels)).toBe(expected);
  });

  test.each([
    ['app in web', "unable to parse requirement: found 'web' expected: '('"],
    ['app in (web', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['app ~ web', "unable to parse requirement: found '~', expected: in, notin, =, ==, !=, gt, lt"],
    ['app=web,', "found '', expected: identifier after ','"],
    ['app=web tier=x', "found 'tier', expected: ',' or 'end of string'"],
    ['=web', "found '=', expected: !, identifier, or 'end of string'"],
    ['a=(', "unable to parse requirement: found '(', expected: identifier"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['a>x', "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"],
    ['a/b/c=x', 'unable to parse requirement: <nil>: Invalid value: "a/b/c": a qualified name must consist of alphanumeric characters'],
    ['app=b@d', 'unable to parse requirement: values[0][app]: Invalid value: "b@d": a valid label must be an empty string or'],
  ])('%j is refused: %s', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message);
    expect(() => parseLabelSelector(text)).toThrow(expect.objectContaining({ code: 400, reason: 'BadRequest' }));
  });

  test('writes itself so that it reads back the same', () => {
    const key = fc.constantFrom('a', 'b', 'x.io/c', 'in', 'notin');
    const value = fc.constantFrom('', 'v', 'w.x', '12');
    const item = fc.constantFrom('v', 'w.x', '12');
    const term = fc.oneof(
      fc.tuple(key, fc.constantFrom('=', '==', '!='), value).map((parts) => parts.join('')),
      fc
        .tuple(key, fc.constantFrom('in', 'notin'), fc.array(item, { minLength: 1, maxLength: 3 }))
        .map(([k, o, v]) => `${k} ${o} (${v.join(',')})`),
      key,
      key.map((name) => `!${name}`),
    );
    fc.assert(
      fc.property(fc.array(term, { maxLength: 4 }), fc.dictionary(key, value), (terms, some) => {
        const selector = parseLabelSelector(terms.join(','));
        const again = parseLabelSelector(selector.toString());
        expect(again.toString()).toBe(selector.toString());
        expect(again.matches(some)).toBe(selector.matches(some));
      }),
    );
  });
});

describe('labelSelector', () => {
  test('nothing for what is left out, everything for what is empty', () => {
    expect(labelSelector(undefined).matches(labels)).toBe(false);
    expect(labelSelector(undefined).nothing).toBe(true);
    expect(labelSelector({}).matches(labels)).toBe(true);
    expect(labelSelector({}).everything).toBe(true);
  });

  test('joins labels and expressions', () => {
    const selector = labelSelector({
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['front', 'back'] },
        { key: 'gone', operator: 'DoesNotExist' },
      ],
    });
    expect(selector.matches(labels)).toBe(true);
    expect(selector.matches({ ...labels, gone: 'x' })).toBe(false);
    expect(selector.toString()).toBe('app=web,!gone,tier in (back,front)');
  });

  test.each([
    ['In', ['x'], { a: 'x' }, { a: 'y' }],
    ['NotIn', ['x'], {}, { a: 'x' }],
    ['Exists', [], { a: '' }, { b: '' }],
    ['DoesNotExist', [], { b: '' }, { a: '' }],
  ])('%s', (operator, values, yes, no) => {
    const selector = labelSelector({ matchExpressions: [{ key: 'a', operator, values }] });
    expect([selector.matches(yes), selector.matches(no)]).toEqual([true, false]);
  });

  test('refuses an operator it does not know', () => {
    expect(() => labelSelector({ matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] })).toThrow(
      '"Gt" is not a valid label selector operator',
    );
  });

  test('plain maps select by equality', () => {
    expect(labelsSelector({ app: 'web' }).matches(labels)).toBe(true);
    expect(labelsSelector({ app: 'db' }).matches(labels)).toBe(false);
  });
});
