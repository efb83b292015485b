import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { namedTests, wrongNames } from './named-tests.ts';

const root = resolve(import.meta.dirname, '../..');
const paths = (pattern: string): string[] => globSync(pattern, { cwd: root, exclude: (path) => path.includes('node_modules') });
const files = new Map(
  ['agent', 'hub', 'shared', 'test', 'firmware-images'].flatMap((folder) =>
    paths(`${folder}/**/*.test.ts`).map((path) => [path, readFileSync(join(root, path), 'utf8')] as const),
  ),
);
const documents = ['agent', 'hub', 'shared', 'firmware-images'].flatMap((folder) => paths(`${folder}/docs/**/*.md`));

describe('tests that documents name', () => {
  it.each(documents)('are there: %s', (path) => {
    expect(wrongNames(namedTests(readFileSync(join(root, path), 'utf8')), files)).toEqual([]);
  });

  it('are in every row of the failure tables of a board without its hub', () => {
    const tables = readFileSync(join(root, 'agent/docs/offline.md'), 'utf8').split('\n## Failures\n')[1] ?? '';
    const rows = tables.split('\n').filter((line) => line.startsWith('|') && !/^\| (---|Fault|Nobody)/.test(line));
    expect(rows.length).toBeGreaterThan(40);
    expect(rows.filter((row) => namedTests(row).length === 0)).toEqual([]);
  });

  it('are found wrong when they are not there', () => {
    const known = new Map([
      ['a/src/one.test.ts', "it('doesn\\'t', () => {});"],
      ['b/src/one.test.ts', ''],
      ['b/src/two.test.ts', "it('reads', () => {});"],
    ]);
    const row = "| x | `a/src/one.test.ts`: “doesn't”, `one.test.ts`, `two.test.ts`: “reads”, “writes”, `three.test.ts` |";
    expect(wrongNames(namedTests(`${row}\n\`four.test.ts\` is in no table`), known)).toEqual([
      'one.test.ts: which of a/src/one.test.ts, b/src/one.test.ts?',
      'two.test.ts: no test is called “writes”',
      'three.test.ts: there is no such file',
    ]);
  });
});
