import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { expect, test } from 'vitest';
import { Ledger } from '#auth/pki/ledger.ts';
import { MemoryStore } from '#store/memory/memory-store.ts';
import { endRecovery, findStartingPoint, nextFirstRevision } from './starting-point.ts';

const clock = new FakeClock();
const openLedger = (): Promise<Ledger> => Ledger.open({ files: new FakeFiles(), dir: '/ledger' });

async function used(): Promise<{ ledger: Ledger; store: MemoryStore }> {
  const [ledger, store] = [await openLedger(), new MemoryStore({ clock })];
  expect(await findStartingPoint({ store, ledger })).toEqual({ ledger, epoch: 1, recovery: undefined });
  await store.put('/registry/core/namespaces/default', '{}');
  return { ledger, store };
}

test('a new hub, and one that starts again, have nothing to recover', async () => {
  const { ledger, store } = await used();
  expect(await findStartingPoint({ store, ledger })).toEqual({ ledger, epoch: 1, recovery: undefined });
});

test('a store from a time before there was a ledger goes on with its epoch', async () => {
  const store = new MemoryStore({ clock });
  await store.put('/registry/core/namespaces/default', '{}');
  expect(await findStartingPoint({ store, ledger: await openLedger() })).toMatchObject({ epoch: 1, recovery: undefined });
});

test('an empty store with a used ledger recovers in a higher epoch, until that is over', async () => {
  const { ledger } = await used();
  expect(nextFirstRevision(ledger)).toBeGreaterThan(1e12);
  const store = new MemoryStore({ clock, firstRevision: nextFirstRevision(ledger) });
  const base = await store.currentRevision();
  const recovery = { reason: 'empty', known: { epoch: 0, revision: 0 }, base };
  expect(await findStartingPoint({ store, ledger })).toEqual({ ledger, epoch: 2, recovery });
  // The hub crashed in the middle of it.
  await store.put('/registry/core/namespaces/default', '{}');
  expect(await findStartingPoint({ store, ledger })).toEqual({ ledger, epoch: 2, recovery });
  await endRecovery(store, 2);
  expect(await findStartingPoint({ store, ledger })).toEqual({ ledger, epoch: 2, recovery: undefined });
  expect(nextFirstRevision(ledger)).toBeGreaterThan(base + 1e11);
});

test('a restored backup recovers in an epoch above every one before, also the second time', async () => {
  const { ledger, store } = await used();
  const backup = store.backup();
  await store.put('/registry/core/namespaces/later', '{}');
  const first = new MemoryStore({ clock, restored: backup, firstRevision: nextFirstRevision(ledger) });
  const start = await findStartingPoint({ store: first, ledger });
  expect(start).toMatchObject({ epoch: 2, recovery: { reason: 'restored', known: { epoch: 1, revision: backup.revision } } });
  await endRecovery(first, 2);
  const second = new MemoryStore({ clock, restored: backup, firstRevision: nextFirstRevision(ledger) });
  expect(await findStartingPoint({ store: second, ledger })).toMatchObject({ epoch: 3, recovery: { reason: 'restored' } });
  expect(await second.currentRevision()).toBeGreaterThan((await first.currentRevision()) + 1e11);
});

test('an older copy that somebody put back without a restore is found out once there was another epoch', async () => {
  const { ledger, store } = await used();
  await ledger.beginEpoch({ epoch: 2, revision: 1000 });
  expect(await findStartingPoint({ store, ledger })).toMatchObject({ epoch: 3, recovery: { reason: 'restored', known: { epoch: 1 } } });
});

test('a crash between ledger and store costs an epoch and nothing else', async () => {
  const { ledger, store } = await used();
  const lost = new MemoryStore({ clock, firstRevision: nextFirstRevision(ledger) });
  const failing = new Proxy(lost, {
    get: (of, name) =>
      name === 'put' ? () => Promise.reject(new Error('crash')) : (Reflect.get(of, name).bind?.(of) ?? Reflect.get(of, name)),
  });
  await expect(findStartingPoint({ store: failing, ledger })).rejects.toThrow('crash');
  expect(await findStartingPoint({ store: lost, ledger })).toMatchObject({ epoch: 3, recovery: { reason: 'empty' } });
  await store.close();
});

test('a backup of a hub without a ledger recovers too', async () => {
  const { store } = await used();
  const ledger = await openLedger();
  const restored = new MemoryStore({ clock, restored: store.backup() });
  expect(await findStartingPoint({ store: restored, ledger })).toMatchObject({ epoch: 2, recovery: { reason: 'restored' } });
});
