import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { expect, test } from 'vitest';
import { CompactedError, StoreBusyError, written } from '../contract.ts';
import { EventLog, storeContract } from '../store.contract.ts';
import { MemoryStore } from './memory-store.ts';

storeContract(
  'MemoryStore',
  async () => {
    const clock = new FakeClock();
    return {
      open: async () => new MemoryStore({ clock }),
      passSeconds: (seconds) => clock.advance(seconds * 1000),
      remove: async () => {},
    };
  },
  { durable: false, groups: true },
);

test('revisions start at 2 and count by one', async () => {
  const store = new MemoryStore({ clock: new FakeClock() });
  expect(await store.currentRevision()).toBe(1);
  expect(await written(store.put('/a', '1'))).toBe(2);
  expect(await written(store.delete('/a'))).toBe(3);
});

test('the history is bounded', async () => {
  const store = new MemoryStore({ clock: new FakeClock(), historyLimit: 10 });
  for (let at = 0; at < 10; at++) await store.put('/a', String(at));
  await store.watch('/', 1, new EventLog());
  for (let at = 0; at < 10; at++) await store.put('/a', String(at));
  await expect(store.watch('/', 1, new EventLog())).rejects.toThrow(CompactedError);
  expect((await store.list('/')).items).toHaveLength(1);
});

test('too many writes at once are refused', async () => {
  const store = new MemoryStore({ clock: new FakeClock() });
  const results = await Promise.allSettled(Array.from({ length: 10_001 }, () => store.put('/a', '1')));
  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused).toHaveLength(1);
  expect(refused[0]?.reason).toBeInstanceOf(StoreBusyError);
});
