import { describe, expect, it } from 'vitest';
import { compileLabelSelector } from './label-selector.ts';

describe('label selector', () => {
  it('selects nothing when absent and everything when empty', () => {
    expect(compileLabelSelector(undefined)({ a: 'b' })).toBe(false);
    expect(compileLabelSelector({})(undefined)).toBe(true);
  });

  it.each([
    ['In', ['x'], { a: 'x' }, { a: 'y' }],
    ['NotIn', ['x'], {}, { a: 'x' }],
    ['Exists', [], { a: '' }, { b: '' }],
    ['DoesNotExist', [], { b: '' }, { a: '' }],
  ])('%s', (operator, values, yes, no) => {
    const selects = compileLabelSelector({ matchExpressions: [{ key: 'a', operator, values }] });
    expect([selects(yes), selects(no)]).toEqual([true, false]);
  });

  it('wants all of it', () => {
    const selects = compileLabelSelector({ matchLabels: { a: '1', b: '2' } });
    expect([selects({ a: '1', b: '2', c: '3' }), selects({ a: '1' })]).toEqual([true, false]);
    expect(() => compileLabelSelector({ matchExpressions: [{ key: 'a', operator: 'Near' }] })).toThrow('not a valid');
  });
});
