import { getCompileCacheDir } from 'node:module';
import { expect, test } from 'vitest';
import { keepCompiled, writeCompiled } from './compile-cache.ts';

test('what is compiled of the sources is kept beside the packages', () => {
  keepCompiled();
  expect(getCompileCacheDir()).toBeDefined();
  expect(writeCompiled).not.toThrow();
});
