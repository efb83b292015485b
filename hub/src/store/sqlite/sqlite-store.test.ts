import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { createLogger } from '@flotilla/shared/log/logger.js';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CompactedError, type Store, type ValueTransformer, type WriteResult, written } from '../contract.ts';
import { MemoryStore } from '../memory/memory-store.ts';
import { EventLog, storeContract } from '../store.contract.ts';
import { StoreLockedError } from './errors.ts';
import { restoreSqlite } from './restore.ts';
import { openDatabase } from './schema.ts';
import { SqliteStore, type SqliteStoreOptions } from './sqlite-store.ts';

const logger = createLogger({ level: 'error', wallMs: () => 0, write: () => {} });

storeContract(
  'SqliteStore',
  async () => {
    const place = await mkdtemp(join(tmpdir(), 'flotilla-store-'));
    const clock = new FakeClock();
    return {
      open: () => SqliteStore.open({ file: join(place, 'store.db'), clock, logger, reserveBytes: 4096 }),
      passSeconds: (seconds) => clock.advance(seconds * 1000),
      remove: () => rm(place, { recursive: true }),
    };
  },
  { durable: true, groups: true },
);

let dir: string;
let clock: FakeClock;
const open: Store[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-sqlite-'));
  clock = new FakeClock();
});
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
  await rm(dir, { recursive: true });
});

async function start(options: Partial<SqliteStoreOptions> = {}): Promise<SqliteStore> {
  const store = await SqliteStore.open({ file: join(dir, 'store.db'), clock, logger, reserveBytes: 4096, ...options });
  open.push(store);
  return store;
}

test('the files are the owner’s alone', async () => {
  const store = await start();
  await store.put('/a', 'secret');
  for (const name of ['store.db', 'store.db-wal', 'store.db.reserve']) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
});

test('a second owner is told who is in the way, and leaves the first alone', async () => {
  const store = await start();
  await expect(start()).rejects.toThrow(StoreLockedError);
  await expect(start()).rejects.toThrow(/store\.db is in use by another hub/);
  await written(store.put('/a', '1'));
  await store.close();
  const next = await start();
  expect(await next.get('/a')).toMatchObject({ value: '1' });
});

test('a file of a newer version, a damaged file and a foreign file are refused with a reason', async () => {
  const file = join(dir, 'store.db');
  const store = await start();
  for (let at = 0; at < 200; at++) await store.put(`/${at}`, 'x'.repeat(500));
  await store.close();
  const whole = readFileSync(file);
  const handle = openSync(file, 'r+');
  for (let page = 4; page < 20; page++) writeSync(handle, Buffer.alloc(4096, 0xa5), 0, 4096, page * 4096);
  closeSync(handle);
  await expect(start()).rejects.toThrow(/malformed/);
  writeFileSync(file, whole);
  const db = openDatabase(file, 'FULL');
  db.exec("UPDATE meta SET value = 99 WHERE name = 'format'");
  db.close();
  await expect(start()).rejects.toThrow(/newer version \(format 99/);
  writeFileSync(file, 'this is no database, this is a letter to the hub '.repeat(100));
  await expect(start()).rejects.toThrow(/not a database/);
});

test('a restored backup goes on far ahead, in a new epoch, with everything before compacted', async () => {
  const store = await start();
  const first = await written(store.put('/a', '1'));
  await written(store.put('/a', '2'));
  await store.backup(join(dir, 'backup.db'));
  const lost = await written(store.put('/a', 'lost'));
  await store.close();
  expect(() => restoreSqlite({ backup: join(dir, 'backup.db'), file: join(dir, 'store.db') })).toThrow('exists');
  restoreSqlite({ backup: join(dir, 'backup.db'), file: join(dir, 'other.db') });
  const other = await start({ file: join(dir, 'other.db') });
  expect(other.epoch).toBe(store.epoch + 1);
  expect([store.restoredFrom, other.restoredFrom]).toEqual([undefined, { epoch: store.epoch, revision: lost - 1 }]);
  expect(await other.get('/a')).toMatchObject({ value: '2', createRevision: first });
  expect(await other.currentRevision()).toBeGreaterThan(lost + 1000);
  await expect(other.watch('/', lost, new EventLog())).rejects.toThrow(CompactedError);
  const next = await written(other.put('/a', '3'));
  await other.close();
  const again = await start({ file: join(dir, 'other.db') });
  expect(await again.currentRevision()).toBe(next);
  expect(again.epoch).toBe(other.epoch);
});

test('a restore, and a file that is made anew, begin above what the cluster gave out before', async () => {
  const store = await start();
  await written(store.put('/a', '1'));
  await store.backup(join(dir, 'backup.db'));
  restoreSqlite({ backup: join(dir, 'backup.db'), file: join(dir, 'other.db'), above: 5e12 });
  expect(await (await start({ file: join(dir, 'other.db') })).currentRevision()).toBe(5e12);
  expect(() => restoreSqlite({ backup: join(dir, 'backup.db'), file: join(dir, 'no.db'), above: Number.MAX_SAFE_INTEGER })).toThrow(
    'no revisions',
  );
  const fresh = { file: join(dir, 'fresh.db'), firstRevision: 7e12 };
  const first = await start(fresh);
  expect(await written(first.put('/b', '1'))).toBe(7e12 + 1);
  await expect(first.watch('/', 1, new EventLog())).rejects.toThrow(CompactedError);
  await first.close();
  // Only a file that is new begins there.
  expect(await (await start({ ...fresh, firstRevision: 9e12 })).currentRevision()).toBe(7e12 + 1);
});

test('values are sealed in the file and open for everybody who reads', async () => {
  const transformer: ValueTransformer = {
    seal: (key, text) => Buffer.from(`${key}|${text}`).reverse(),
    open: (key, sealed) => {
      const text = Buffer.from(sealed).reverse().toString();
      if (!text.startsWith(`${key}|`)) throw new Error('moved');
      return text.slice(key.length + 1);
    },
  };
  let store = await start({ transformer });
  const begin = await store.currentRevision();
  await written(store.put('/a', 'treasure'));
  expect(await store.put('/a', 'treasure 2')).toMatchObject({ previous: { value: 'treasure' } });
  await store.close();
  expect(readFileSync(join(dir, 'store.db')).includes('treasure')).toBe(false);
  store = await start({ transformer });
  expect((await store.list('/')).items).toMatchObject([{ value: 'treasure 2' }]);
  const log = new EventLog();
  await store.watch('/', begin, log);
  expect(log.all).toMatchObject([{ value: 'treasure' }, { value: 'treasure 2', previous: { value: 'treasure' } }]);
});

test('who comes when too many wait is sent away, and the others are served', async () => {
  const store = await start({ limits: { writes: 10, bytes: 1 << 20 } });
  const results = await Promise.allSettled(Array.from({ length: 12 }, (_, at) => store.put('/a', String(at))));
  expect(results.filter((result) => result.status === 'rejected')).toHaveLength(2);
  expect(await store.get('/a')).toMatchObject({ value: '9' });
  const big = await Promise.allSettled(Array.from({ length: 3 }, () => store.put('/b', 'x'.repeat(600_000))));
  expect(big.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'rejected']);
});

test('a time to live outlasts a restart', async () => {
  const store = await start();
  await written(store.put('/a', '1', { ttlSeconds: 60 }));
  await written(store.put('/b', '1', { ttlSeconds: 60 }));
  await written(store.put('/b', '2'));
  await store.close();
  const again = await start();
  const log = new EventLog();
  await again.watch('/', await again.currentRevision(), log);
  await clock.advance(59_000);
  expect(await again.get('/a')).toBeDefined();
  await clock.advance(1000);
  await log.count(1);
  expect(log.all).toMatchObject([{ type: 'delete', key: '/a' }]);
  expect(await again.get('/b')).toMatchObject({ value: '2' });
});

test('history older than both limits is compacted by itself', async () => {
  const store = await start({ keepHistory: { ms: 100_000, revisions: 20 } });
  const first = await written(store.put('/a', '1'));
  await clock.advance(10_000);
  await written(store.put('/a', '2'));
  await clock.advance(90_000);
  expect(await store.list('/', { revision: first })).toMatchObject({ items: [{ value: '1' }] });
  await compactedAsTimePasses(store, first);
  const before = await store.currentRevision();
  for (let at = 0; at < 40; at++) await store.put('/b', String(at));
  await compactedAsTimePasses(store, before);
});

/** The thread works in real time while the clock is a fake: some turns may pass it by. */
function compactedAsTimePasses(store: Store, revision: number): Promise<void> {
  return vi.waitFor(
    async () => {
      await clock.advance(10_000);
      await expect(store.list('/', { revision })).rejects.toThrow(CompactedError);
    },
    { timeout: 10_000 },
  );
}

test('a watch from far back gets it all, over many pages, while writes go on', async () => {
  const store = await start();
  const begin = await store.currentRevision();
  await Promise.all(Array.from({ length: 2500 }, (_, at) => store.put(`/k/${at % 7}`, String(at))));
  const log = new EventLog();
  const more = Array.from({ length: 500 }, (_, at) => store.put(`/k/${at % 7}`, `more ${at}`));
  await store.watch('/k/', begin, log);
  await Promise.all(more);
  expect(log.all.map((event) => event.revision)).toEqual(Array.from({ length: 3000 }, (_, at) => begin + 1 + at));
  const last = new Map<string, number>();
  for (const event of log.all) {
    expect(event.previous?.revision).toBe(last.get(event.key));
    last.set(event.key, event.revision);
  }
});

type Step =
  | { do: 'put'; key: string; expected: 'none' | 'right' | 'wrong' | 'zero'; fence: boolean }
  | { do: 'delete'; key: string; expected: 'none' | 'right' | 'wrong' }
  | { do: 'compact'; back: number }
  | { do: 'reopen' };

const key = fc.constantFrom('/a/1', '/a/2', '/a/3', '/b/1', '/\u{1F600}');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      key,
      expected: fc.constantFrom('none', 'right', 'wrong', 'zero'),
      fence: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('delete' as const), key, expected: fc.constantFrom('none', 'right', 'wrong') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), back: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
);

test('any sequence of steps gives the same history as in memory', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const file = join(dir, `${open.length}.db`);
      const memory = new MemoryStore({ clock });
      let sqlite = await start({ file });
      let compacted = 0;
      const both = async (ask: (store: Store) => Promise<unknown>): Promise<void> => {
        const answer = (store: Store): Promise<unknown> => ask(store).catch((error: Error) => `${error.name}: ${error.message}`);
        expect(await answer(sqlite)).toEqual(await answer(memory));
      };
      const write = async (what: Step, store: Store): Promise<WriteResult | undefined> => {
        if (what.do !== 'put' && what.do !== 'delete') return undefined;
        const current = (await store.get(what.key))?.revision ?? 0;
        const expectedRevision = { none: undefined, right: current, wrong: current + 1, zero: 0 }[what.expected];
        if (what.do === 'delete') return store.delete(what.key, { expectedRevision });
        const lock = (await store.get('/a/1'))?.revision ?? 0;
        const fence = what.fence ? { key: '/a/1', revision: lock } : { key: '/b/1', revision: (await store.get('/b/1'))?.revision ?? 0 };
        return store.put(what.key, `${what.key} ${current}`, { expectedRevision, fence });
      };
      for (const what of steps) {
        if (what.do === 'reopen') {
          await sqlite.close();
          sqlite = await start({ file });
        } else if (what.do === 'compact') {
          const target = Math.max(0, (await memory.currentRevision()) - what.back);
          compacted = Math.max(compacted, target);
          await both((store) => store.compact(target));
        } else await both((store) => write(what, store));
      }
      const current = await memory.currentRevision();
      await both((store) => store.currentRevision());
      for (let revision = Math.max(0, compacted - 1); revision <= current + 1; revision++) {
        await both((store) => store.list('/', { revision }));
        await both((store) => store.list('/a/', { revision, limit: 2, after: '/a/1' }));
        await both(async (store) => {
          const log = new EventLog();
          await store.watch('/a/', revision, log);
          return log.all;
        });
      }
      await sqlite.close();
    }),
    { numRuns: 12 },
  );
});
