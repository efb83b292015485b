import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { expect, test } from 'vitest';
import { givenNames } from './given-names.ts';

test('names given once hold at later starts, until others are given', async () => {
  const files = new FakeFiles();
  expect(await givenNames(files, '/pki', undefined)).toEqual([]);
  expect(await givenNames(files, '/pki', ['hub.example', '10.0.0.1'])).toEqual(['hub.example', '10.0.0.1']);
  expect(await givenNames(files, '/pki', undefined)).toEqual(['hub.example', '10.0.0.1']);
  expect(await givenNames(files, '/pki', ['other.example'])).toEqual(['other.example']);
  expect(await givenNames(files, '/pki', undefined)).toEqual(['other.example']);
  expect(await givenNames(files, '/pki', [])).toEqual([]);
  expect(await givenNames(files, '/pki', undefined)).toEqual([]);
});
