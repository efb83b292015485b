import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { expect, it } from 'vitest';
import { CountingFiles } from './counting-files.ts';

it('counts bytes and syncs on flash, and none in memory', async () => {
  const inner = new FakeFiles();
  await inner.mkdir('/data');
  await inner.mkdir('/run/flotilla');
  const files = new CountingFiles(inner, { inMemory: ['/run/flotilla'] });
  await files.writeAtomic('/data/a', 'four');
  await files.write('/data/b', Buffer.alloc(10));
  await files.sync('/data/b');
  await files.writeAtomic('/run/flotilla/c', 'secret');
  await files.write('/run/flotilla/d', 'secret');
  expect(files.counts).toEqual({ bytes: 14, syncs: 3 });
  expect(await inner.readText('/data/a')).toBe('four');
  expect(await files.readText('/run/flotilla/c')).toBe('secret');
  expect(await files.list('/data')).toEqual(['a', 'b']);
});
