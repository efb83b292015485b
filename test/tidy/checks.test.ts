import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const bin = (name: string): string => join(root, 'node_modules/.bin', name);

/** Runs a checker; what it printed when it found something, else an empty string. */
function check(command: string, ...args: string[]): string {
  return checkIn(root, command, ...args);
}

function checkIn(cwd: string, command: string, ...args: string[]): string {
  const result = spawnSync(bin(command), args, { cwd, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return result.status === 0 ? '' : `${result.stdout}${result.stderr}`.slice(0, 20_000) || `${command} failed`;
}

/** Lets something look at planted files, below `parent`. */
function planted<T>(parent: string, files: Readonly<Record<string, string>>, look: (folder: string) => T): T {
  const folder = mkdtempSync(join(parent, 'planted-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    return look(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('types', () => {
  it('are right', () => {
    expect(check('tsc', '-p', '.')).toBe('');
  });

  it.each([
    ['a wrong type', 'export const x: number = "1";', /TS2322/],
    ['an element that may be missing', 'export const first = (list: string[]): string => list[0];', /TS2322/],
    ['an implicit any', 'export const f = (x) => x;', /TS7006/],
    ['something unused', 'const unused = 1;\nexport const x = 1;', /TS6133/],
    ['what Node cannot strip', 'export enum Kind {\n  one,\n}', /TS1294/],
  ])('are found wrong: %s', (_, text, message) => {
    const project = JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions: { types: [] }, include: ['*.ts'] });
    expect(planted(tmpdir(), { 'planted.ts': text, 'tsconfig.json': project }, (folder) => check('tsc', '-p', folder))).toMatch(message);
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
    const look = (folder: string): string => check('biome', 'check', folder);
    expect(planted(join(root, 'test/tidy'), { 'planted.ts': text }, look)).toMatch(message);
  });
});

describe('dead code', () => {
  it('is not there', () => {
    expect(check('knip', '--no-progress')).toBe('');
  });

  // A package of the real form under the real configuration: what is imported by path counts as used only where somebody does.
  const used = {
    'package.json': '{ "name": "planted", "private": true, "type": "module", "workspaces": ["shared"] }',
    'shared/src/used.ts': 'export const used = 1;\n',
    'shared/src/used.test.ts': "import { used } from './used.ts';\n\nused.toFixed();\n",
  };
  it.each([
    ['nothing', {}, /^$/],
    ['an export', { 'shared/src/dead.ts': 'export const dead = 1;\n' }, /dead .*shared\/src\/dead\.ts/],
    ['a dependency', { 'package.json': used['package.json'].replace('}', ', "dependencies": { "left": "1" } }') }, /left/],
  ])('is found: %s', (_, dead, message) => {
    const look = (folder: string): string => {
      for (const file of ['knip.json', 'shared/package.json']) cpSync(join(root, file), join(folder, file));
      return checkIn(folder, 'knip', '--no-progress', '--no-config-hints');
    };
    expect(planted(tmpdir(), { ...used, ...dead }, look)).toMatch(message);
  });
});
