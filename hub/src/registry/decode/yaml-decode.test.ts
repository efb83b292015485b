import { describe, expect, test } from 'vitest';
import { decodeYaml } from './yaml-decode.ts';

describe('decodeYaml', () => {
  test('reads a manifest', () => {
    const text = 'apiVersion: v1\nkind: ConfigMap\ndata:\n  a: "1"\n  b: |\n    two\n  list: [1, 2.5, null, true]\n';
    expect(decodeYaml(text)).toEqual({
      value: { apiVersion: 'v1', kind: 'ConfigMap', data: { a: '1', b: 'two\n', list: [1, 2.5, null, true] } },
      faults: [],
    });
  });

  test('scalars as kubectl reads them', () => {
    expect(decodeYaml('a: yes\nb: off\nc: 2020-01-01\nd: 1:30\ne: 0x10\nf: 9223372036854775807\ng: 0o17').value).toEqual({
      a: true,
      b: false,
      c: '2020-01-01',
      d: '1:30',
      e: 16,
      f: 9223372036854775807n,
      g: '0o17',
    });
  });

  test('reports keys that come twice with their lines', () => {
    const { value, faults } = decodeYaml('a: 1\nspec:\n  replicas: 1\n  replicas: 2\n');
    expect(value).toEqual({ a: 1, spec: { replicas: 2 } });
    expect(faults).toEqual(['line 4: key "replicas" already set in map']);
  });

  test('resolves aliases and merges, and shares nothing', () => {
    const { value } = decodeYaml('base: &b {x: [1]}\nother: *b\nmerged:\n  <<: *b\n  y: 2\n');
    const object = value as Record<string, Record<string, unknown>>;
    expect(object['other']).toEqual({ x: [1] });
    expect(object['merged']).toEqual({ x: [1], y: 2 });
    expect(object['base']?.['x']).not.toBe(object['other']?.['x']);
  });

  test('a bomb of aliases does not go off', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 12; level++) {
      lines.push(`a${level}: &a${level} [${Array.from({ length: 9 }, () => `*a${level - 1}`).join(', ')}]`);
    }
    expect(() => decodeYaml(lines.join('\n'))).toThrow('yaml: document contains excessive aliasing');
  });

  test('bounds depth', () => {
    expect(() => decodeYaml(`${'['.repeat(400)}${']'.repeat(400)}`)).not.toThrow();
    expect(() => decodeYaml(`${'['.repeat(501)}${']'.repeat(501)}`)).toThrow('exceeded max depth');
  });

  test('__proto__ is a field', () => {
    const { value } = decodeYaml('__proto__:\n  polluted: true\nx: 1\n');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value as object)).toEqual(['__proto__', 'x']);
  });

  test('faults of syntax name the line', () => {
    expect(() => decodeYaml('a: [1\nb: 2')).toThrow(/^yaml: line \d+: /);
    expect(() => decodeYaml('a: .nan')).toThrow('has no form in JSON');
    expect(decodeYaml('a: 1\n---\nb: 2\n').value).toEqual({ a: 1 });
  });
});
