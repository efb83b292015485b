import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompactedError, type Store, written } from '@flotilla/hub/store/contract.js';
import { EtcdStore } from '@flotilla/hub/store/etcd/etcd-store.js';
import { EventLog, storeContract } from '@flotilla/hub/store/store.contract.js';
import { WatchCache } from '@flotilla/hub/store/watch-cache.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { createLogger } from '@flotilla/shared/log/logger.js';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Etcd } from '../harness/etcd.ts';

const clock = new SystemClock();
const logger = createLogger({ level: 'error', wallMs: () => 0, write: () => {} });

let etcd: Etcd;
let dir: string;
let places = 0;
const open: Store[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-etcd-'));
  etcd = await Etcd.start(dir);
});
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
});
afterAll(async () => {
  await etcd.kill();
  await rm(dir, { recursive: true });
});

storeContract(
  'EtcdStore',
  async () => {
    const name = `/place-${++places}`;
    return {
      open: () => EtcdStore.open({ endpoints: [etcd.endpoint], name, clock, logger }),
      // etcd's leases live by a clock of its own: the suite waits for the event.
      passSeconds: async () => {},
      remove: async () => {},
    };
  },
  { durable: true, groups: false },
);

async function start(name: string): Promise<EtcdStore> {
  const store = await EtcdStore.open({ endpoints: [etcd.endpoint], name, clock, logger });
  open.push(store);
  return store;
}

test('two hubs on one etcd see each other, and each the newest after readable()', async () => {
  const caches = await Promise.all(['one', 'two'].map(async () => new WatchCache({ store: await start('/shared'), logger })));
  for (const cache of caches) await cache.start();
  const [one, two] = caches;
  for (let round = 0; round < 20; round++) {
    const made = await one?.update('/registry/core/pods/ns/a', undefined, { metadata: { name: 'a', labels: { round: String(round) } } });
    await two?.readable();
    expect(two?.get('/registry/core/pods/ns/a')?.object).toEqual(made?.object);
  }
  for (const cache of caches) cache.stop();
});

test('revisions that strangers make do not keep anybody waiting', async () => {
  const store = await start('/mine');
  const stranger = await start('/strange');
  for (let round = 0; round < 3; round++) {
    const revision = await written(stranger.put('/x', String(round)));
    expect(await store.currentRevision()).toBeGreaterThanOrEqual(revision);
    await store.waitFor(revision);
  }
});

test('killed and started again, the watch goes on without a gap and what was acknowledged is there', async () => {
  const store = await start('/killed');
  const log = new EventLog();
  await store.watch('/', await store.currentRevision(), log);
  const acknowledged: number[] = [];
  let stopped = false;
  const writer = (async () => {
    for (let n = 0; !stopped; n++) {
      try {
        acknowledged.push(await written(store.put(`/k/${n}`, String(n))));
      } catch {
        await clock.sleep('retry', 20);
      }
    }
  })();
  for (let round = 1; round <= 2; round++) {
    const before = acknowledged.length;
    await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(before + 20), { timeout: 60_000 });
    await etcd.kill();
    await etcd.start();
  }
  const before = acknowledged.length;
  await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(before + 20), { timeout: 60_000 });
  stopped = true;
  await writer;
  await store.waitFor(await store.currentRevision());
  const seen = log.all.map((event) => event.revision);
  expect(seen).toEqual([...new Set(seen)].sort((one, other) => one - other));
  expect(new Set(seen)).toEqual(new Set([...seen, ...acknowledged]));
  const { items } = await store.list('/k/');
  expect(items.map((item) => item.revision).sort((one, other) => one - other)).toEqual(seen);
});

test('a hub that was away for longer than the history is told, and goes on', async () => {
  const store = await start('/away');
  const log = new EventLog();
  await store.watch('/', await store.currentRevision(), log);
  // Nothing listens meanwhile: the stream breaks with the server, and the history is compacted before it comes back.
  await etcd.kill();
  await etcd.start();
  const other = await start('/away');
  for (let n = 0; n < 5; n++) await written(other.put('/a', String(n)));
  await other.compact(await other.currentRevision());
  await vi.waitFor(
    async () => expect(log.error ?? log.all.length).toSatisfy((state: unknown) => state instanceof CompactedError || state === 5),
    { timeout: 60_000 },
  );
  const again = new EventLog();
  await store.watch('/', await store.currentRevision(), again);
  const revision = await written(store.put('/a', 'after'));
  expect((await again.count(1)).map((event) => event.revision)).toEqual([revision]);
});
