import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const bin = (name: string): string => join(root, 'node_modules/.bin', name);

/** Runs a checker; what it printed when it found something, else an empty string. */
function check(command: string, ...args: string[]): string {
  const result = spawnSync(bin(command), args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return result.status === 0 ? '' : `${result.stdout}${result.stderr}`.slice(0, 20_000) || `${command} failed`;
}

/** The same checker over one planted file; it has to find something. */
function planted(name: string, text: string, command: string, ...args: string[]): string {
  const folder = mkdtempSync(join(root, 'test/tidy/planted-'));
  try {
    writeFileSync(join(folder, name), text);
    return check(command, ...args, join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('types', () => {
  it('are right', () => {
    expect(check('tsc', '-p', '.')).toBe('');
  });
});

describe('lint and format', () => {
  it('find nothing', () => {
    expect(check('biome', 'ci', '--max-diagnostics=30', '.')).toBe('');
  });

  it.each([
    ['an any', 'export const x: any = 1;\n', /noExplicitAny/],
    ['a floating promise', 'async function f(): Promise<void> {}\nexport function g(): void {\n  f();\n}\n', /noFloatingPromises/],
    ['a non-null assertion', 'export const x = (y?: string): string => y!;\n', /noNonNullAssertion/],
    ['a default export', 'export default 1;\n', /noDefaultExport/],
    ['bad form', 'export const x = {a:1}\n', /ormat/],
  ])('find %s', (_, text, message) => {
    expect(planted('planted.ts', text, 'biome', 'check')).toMatch(message);
  });
});

describe('dead code', () => {
  it('is not there', () => {
    expect(check('knip', '--no-progress')).toBe('');
  });
});
