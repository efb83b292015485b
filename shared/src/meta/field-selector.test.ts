import { describe, expect, test } from 'vitest';
import { parseFieldSelector, unsupportedField } from './field-selector.ts';

const fields: Record<string, string> = { 'metadata.name': 'a', 'status.phase': 'Running', 'spec.nodeName': '' };
const value = (field: string): string => fields[field] ?? '';

describe('parseFieldSelector', () => {
  test.each([
    ['', true],
    ['metadata.name=a', true],
    ['metadata.name==a,status.phase!=Pending', true],
    ['spec.nodeName=', true],
    ['spec.nodeName!=', false],
    ['metadata.name=b', false],
    [',metadata.name=a,', true],
  ])('%j matches: %s', (text, expected) => {
    expect(parseFieldSelector(text).matches(value)).toBe(expected);
  });

  test('reads and writes escapes', () => {
    const selector = parseFieldSelector('a=x\\,y\\=z\\\\');
    expect(selector.terms).toEqual([{ field: 'a', operator: '=', value: 'x,y=z\\' }]);
    expect(selector.toString()).toBe('a=x\\,y\\=z\\\\');
  });

  test('tells the one value a field must have', () => {
    expect(parseFieldSelector('metadata.name=a,x!=y').exactly('metadata.name')).toBe('a');
    expect(parseFieldSelector('metadata.name!=a').exactly('metadata.name')).toBeUndefined();
  });

  test.each([
    ['metadata.name', "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
    ['a=\\b', 'invalid field selector: invalid escape sequence: \\b'],
    ['a=b\\', 'invalid field selector: invalid escape sequence: \\'],
  ])('%j is refused: %s', (text, message) => {
    expect(() => parseFieldSelector(text)).toThrow(message);
  });

  test('names a field that cannot be selected', () => {
    expect(unsupportedField('spec.foo').message).toBe('field label not supported: spec.foo');
  });
});
