import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { missingConceptOf } from './concepts.ts';
import { conformanceDocument } from './document.ts';
import { readResults } from './results.ts';

test('hub/docs/conformance.md says what the suite said', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../../hub/docs/conformance.md'), 'utf8');
  expect(page).toBe(conformanceDocument(readResults()));
});

test('no test that passes is excused', () => {
  const excused = readResults().tests.filter(({ test, outcome }) => outcome === 'passed' && missingConceptOf(test) !== undefined);
  expect(excused.map(({ test }) => test)).toEqual([]);
});
