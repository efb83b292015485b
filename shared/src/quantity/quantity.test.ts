import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  milliUnitsOf,
  milliValue,
  parseQuantity,
  subtractQuantities,
  value,
} from './quantity.ts';

describe('canonical form', () => {
  test.each([
    ['0', '0'],
    ['0Mi', '0'],
    ['1000m', '1'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['1.', '1'],
    ['1024Mi', '1Gi'],
    ['1536Mi', '1536Mi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Gi', '512Mi'],
    ['512Ki', '512Ki'],
    ['0.5Ki', '512'],
    ['100000', '100k'],
    ['1500', '1500'],
    ['1e3', '1e3'],
    ['12e6', '12e6'],
    ['1E', '1E'],
    ['1000E', '1000E'],
    ['-1500m', '-1500m'],
    ['+5', '5'],
    ['0.0000000001', '1n'],
    ['1.0000000001', '1000000001n'],
    ['100n', '100n'],
    ['9223372036854775808', '9223372036854775808'],
    ['16Ei', '9223372036854775807'],
    ['0.1Ki', '102400m'],
    ['0.0001Ki', '102400u'],
  ])('%s is written %s', (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical);
  });

  test('is stable, and keeps the amount', () => {
    const suffixes = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'e-3', 'E2');
    const whole = fc.integer({ min: -1_000_000, max: 1_000_000 });
    fc.assert(
      fc.property(whole, fc.option(fc.nat(999)), suffixes, (units, fraction, suffix) => {
        const text = `${units}${fraction === null ? '' : `.${fraction}`}${suffix}`;
        const quantity = parseQuantity(text);
        const canonical = formatQuantity(quantity);
        expect(formatQuantity(parseQuantity(canonical))).toBe(canonical);
        expect(compareQuantities(parseQuantity(canonical), quantity)).toBe(0);
      }),
    );
  });
});

describe('faults', () => {
  test.each(['', 'abc', '1.2.3', '1 Gi', '1Gb', '0x10', '1Gi '])('%j is no quantity', (text) => {
    expect(() => parseQuantity(text)).toThrow(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  });

  test.each(['--1', '1K', '1mm', '1Mii', '1e', '1e9999'])('%j has no such suffix', (text) => {
    expect(() => parseQuantity(text)).toThrow("unable to parse quantity's suffix");
  });

  test.each(['.', 'Mi', '-', '+.m'])('%j has no number', (text) => {
    expect(() => parseQuantity(text)).toThrow('unable to parse numeric part of quantity');
  });

  test('an endless text is refused before it costs anything', () => {
    expect(() => parseQuantity('1'.repeat(1025))).toThrow('quantities must match');
    expect(parseQuantity('1'.repeat(1024)).nano).toBeGreaterThan(0n);
  });
});

describe('numbers', () => {
  test('are rounded up', () => {
    expect(value('64Mi')).toBe(67_108_864);
    expect(value('100m')).toBe(1);
    expect(value('-100m')).toBe(-1);
    expect(milliValue('250m')).toBe(250);
    expect(milliValue('1u')).toBe(1);
    expect(milliValue('2')).toBe(2000);
    expect(value(undefined)).toBe(0);
    expect(milliValue('2')).toBe(2000);
  });

  test('sums keep the format of the first that is not zero', () => {
    expect(formatQuantity(addQuantities(parseQuantity('0'), parseQuantity('1Gi')))).toBe('1Gi');
    expect(formatQuantity(addQuantities(parseQuantity('512Mi'), parseQuantity('536870912')))).toBe('1Gi');
    expect(formatQuantity(subtractQuantities(parseQuantity('1'), parseQuantity('1500m')))).toBe('-500m');
    expect(milliUnitsOf(subtractQuantities(parseQuantity('1'), parseQuantity('250m')))).toBe(750);
  });

  test('compare across formats', () => {
    expect(compareQuantities(parseQuantity('1Gi'), parseQuantity('1G'))).toBe(1);
    expect(compareQuantities(parseQuantity('1024'), parseQuantity('1Ki'))).toBe(0);
    expect(compareQuantities(parseQuantity('-1'), parseQuantity('0'))).toBe(-1);
  });
});
