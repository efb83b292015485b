import { afterEach, describe, expect, test } from 'vitest';
import {
  CompactedError,
  FutureRevisionError,
  type KeyValue,
  type Store,
  type StoreEvent,
  type Watch,
  type WatchHandler,
  written,
} from './contract.ts';

/** One place that outlives the stores opened on it. */
export interface StorePlace {
  open(): Promise<Store>;
  /** Lets time pass until what had this time to live is over. */
  passSeconds(seconds: number): Promise<void>;
  remove(): Promise<void>;
}

export interface StoreTraits {
  /** What was written is still there when the store is opened again. */
  readonly durable: boolean;
  /** Writes that were started together may come as one commit. */
  readonly groups: boolean;
}

export class EventLog implements WatchHandler {
  readonly calls: (readonly StoreEvent[])[] = [];
  error: Error | undefined;
  #waiting: (() => void)[] = [];

  events(events: readonly StoreEvent[]): void {
    this.calls.push(events);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  ended(error: Error): void {
    this.error = error;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  get all(): StoreEvent[] {
    return this.calls.flat();
  }

  async count(wanted: number): Promise<StoreEvent[]> {
    while (this.all.length < wanted && !this.error) await new Promise<void>((wake) => this.#waiting.push(wake));
    return this.all;
  }
}

/** What every store must do, whatever is behind it. */
export function storeContract(name: string, makePlace: () => Promise<StorePlace>, traits: StoreTraits): void {
  describe(`${name} keeps the store contract`, () => {
    let place: StorePlace | undefined;
    let open: Store[] = [];

    const start = async (): Promise<Store> => {
      place ??= await makePlace();
      const store = await place.open();
      open.push(store);
      return store;
    };
    const reopen = async (store: Store): Promise<Store> => {
      await store.close();
      open = open.filter((other) => other !== store);
      return start();
    };
    afterEach(async () => {
      for (const store of open.splice(0)) await store.close();
      await place?.remove();
      place = undefined;
    });

    test('a new store is empty at revision 1 or later, and has an epoch', async () => {
      const store = await start();
      expect(await store.currentRevision()).toBeGreaterThanOrEqual(1);
      expect(store.epoch).toBeGreaterThanOrEqual(1);
      expect(await store.list('/')).toMatchObject({ items: [], remaining: 0 });
      expect(await store.get('/a')).toBeUndefined();
    });

    test('what was put is there when the put resolves', async () => {
      const store = await start();
      const first = await written(store.put('/a', 'one'));
      const second = await written(store.put('/a', 'two'));
      expect(second).toBeGreaterThan(first);
      expect(await store.get('/a')).toEqual({ key: '/a', value: 'two', revision: second, createRevision: first });
      expect(await store.currentRevision()).toBe(second);
      await store.waitFor(second);
    });

    test('create-only, compare-and-swap, and what stands there on a conflict', async () => {
      const store = await start();
      const first = await written(store.put('/a', 'one', { expectedRevision: 0 }));
      const there: KeyValue = { key: '/a', value: 'one', revision: first, createRevision: first };
      expect(await store.put('/a', 'x', { expectedRevision: 0 })).toEqual({ ok: false, reason: 'conflict', current: there });
      expect(await store.put('/a', 'x', { expectedRevision: first + 1 })).toEqual({ ok: false, reason: 'conflict', current: there });
      expect(await store.put('/b', 'x', { expectedRevision: first })).toEqual({ ok: false, reason: 'conflict', current: undefined });
      expect(await store.delete('/a', { expectedRevision: first + 1 })).toEqual({ ok: false, reason: 'conflict', current: there });
      expect(await store.delete('/b')).toEqual({ ok: false, reason: 'conflict', current: undefined });
      expect(await store.currentRevision()).toBe(first);
      expect(await store.put('/a', 'two', { expectedRevision: first })).toEqual({ ok: true, revision: first + 1, previous: there });
    });

    test('a delete has a revision of its own, and what comes after is created anew', async () => {
      const store = await start();
      const first = await written(store.put('/a', 'one'));
      const gone = await written(store.delete('/a', { expectedRevision: first }));
      expect(gone).toBeGreaterThan(first);
      expect(await store.get('/a')).toBeUndefined();
      const again = await written(store.put('/a', 'two', { expectedRevision: 0 }));
      expect(await store.get('/a')).toMatchObject({ revision: again, createRevision: again });
    });

    test('a fence refuses whoever lost the lock', async () => {
      const store = await start();
      const lock = await written(store.put('/lock', 'me'));
      const fence = { key: '/lock', revision: lock };
      const first = await written(store.put('/a', 'one', { fence, expectedRevision: 0 }));
      await written(store.put('/lock', 'other'));
      expect(await store.put('/a', 'two', { fence })).toEqual({ ok: false, reason: 'fenced' });
      expect(await store.put('/a', 'two', { fence, expectedRevision: first })).toEqual({ ok: false, reason: 'fenced' });
      expect(await store.delete('/a', { fence })).toEqual({ ok: false, reason: 'fenced' });
      expect(await store.put('/b', 'x', { fence: { key: '/none', revision: 5 } })).toEqual({ ok: false, reason: 'fenced' });
      await written(store.put('/b', 'x', { fence: { key: '/none', revision: 0 } }));
      expect(await store.get('/a')).toMatchObject({ value: 'one' });
    });

    test('a watch from a revision hears everything later under its prefix, in order, and each previous value', async () => {
      const store = await start();
      const start1 = await written(store.put('/p/a', '1'));
      await written(store.put('/p/a', '2'));
      await written(store.put('/q/a', 'not mine'));
      await written(store.put('/p/b', '3'));
      const log = new EventLog();
      await store.watch('/p/', start1, log);
      expect(log.all).toHaveLength(2);
      await written(store.delete('/p/a'));
      await written(store.put('/q/b', 'not mine'));
      const last = await written(store.put('/p/c', '4'));
      const events = await log.count(4);
      expect(events.map(({ type, key, value }) => [type, key, value])).toEqual([
        ['put', '/p/a', '2'],
        ['put', '/p/b', '3'],
        ['delete', '/p/a', undefined],
        ['put', '/p/c', '4'],
      ]);
      expect(events.map((event) => event.previous?.value)).toEqual(['1', undefined, '2', undefined]);
      expect(events[0]?.previous).toEqual({ key: '/p/a', value: '1', revision: start1, createRevision: start1 });
      expect(events[2]?.previous).toMatchObject({ revision: start1 + 1, createRevision: start1 });
      expect(events.at(-1)?.revision).toBe(last);
    });

    test('a watch from the very beginning, or from what has not happened yet, starts at once', async () => {
      const store = await start();
      const log = new EventLog();
      const later = new EventLog();
      await store.watch('/', 0, log);
      await store.watch('/', (await store.currentRevision()) + 1, later);
      await written(store.put('/a', '1'));
      await written(store.put('/a', '2'));
      expect((await log.count(2)).map((event) => event.value)).toEqual(['1', '2']);
      expect((await later.count(1)).map((event) => event.value)).toEqual(['2']);
    });

    test('a stopped watch hears nothing more', async () => {
      const store = await start();
      const log = new EventLog();
      const other = new EventLog();
      const watch = await store.watch('/', await store.currentRevision(), log);
      await store.watch('/', await store.currentRevision(), other);
      await written(store.put('/a', '1'));
      await log.count(1);
      watch.stop();
      await written(store.put('/a', '2'));
      await other.count(2);
      expect(log.all).toHaveLength(1);
    });

    test('a write resolves after its event was handed out', async () => {
      const store = await start();
      const log = new EventLog();
      await store.watch('/', await store.currentRevision(), log);
      for (let n = 0; n < 20; n++) {
        const revision = await written(store.put('/a', String(n)));
        if (!store.shared) expect(log.all.at(-1)?.revision).toBe(revision);
        else await store.waitFor(revision);
        expect(log.all.at(-1)?.revision).toBe(revision);
      }
    });

    test('writers who write while others are told see everything in order', async () => {
      const store = await start();
      const log = new EventLog();
      const follow: Promise<unknown>[] = [];
      await store.watch('/', await store.currentRevision(), {
        events: (events) => {
          for (const event of events) if (event.key === '/a') follow.push(store.put('/b', `after ${event.value}`));
        },
        ended: () => {},
      });
      await store.watch('/', await store.currentRevision(), log);
      for (let n = 0; n < 10; n++) await written(store.put('/a', String(n)));
      const revisions = (await log.count(20)).map((event) => event.revision);
      await Promise.all(follow);
      expect(revisions).toEqual([...revisions].sort((one, other) => one - other));
      expect(new Set(revisions).size).toBe(20);
    });

    test('of many who write one revision exactly one wins, and no event is missing', async () => {
      const store = await start();
      const log = new EventLog();
      await store.watch('/', await store.currentRevision(), log);
      const writers = 16;
      const rounds = 8;
      let revision = 0;
      for (let round = 0; round < rounds; round++) {
        const results = await Promise.all(
          Array.from({ length: writers }, (_, writer) => store.put('/a', `${round} ${writer}`, { expectedRevision: revision })),
        );
        const winners = results.filter((result) => result.ok);
        expect(winners).toHaveLength(1);
        revision = winners[0]?.revision ?? 0;
        for (const result of results) if (!result.ok && result.reason === 'conflict') expect(result.current?.revision).toBe(revision);
      }
      expect(await log.count(rounds)).toHaveLength(rounds);
    });

    test('many writers of many keys: every event once, revisions without repetition, calls in order', async () => {
      const store = await start();
      const log = new EventLog();
      await store.watch('/', await store.currentRevision(), log);
      const revisions = await Promise.all(Array.from({ length: 200 }, (_, at) => written(store.put(`/k/${at % 50}`, String(at)))));
      const events = await log.count(200);
      expect(new Set(revisions).size).toBe(200);
      expect(events.map((event) => event.revision)).toEqual([...revisions].sort((one, other) => one - other));
      expect(log.calls.every((call) => call.length > 0)).toBe(true);
      if (traits.groups) expect(log.calls.length).toBeLessThan(200);
    });

    test('lists are in the order of UTF-8 bytes, by prefix, with what remains', async () => {
      const store = await start();
      const keys = ['/p/\u{1F600}', '/p/\uFFFD', '/p/z', '/p/a', '/p/B', '/p/é', '/p/a/b', '/p/a-b', '/p0', '/o/a', '/p'];
      for (const key of keys) await written(store.put(key, key));
      const sorted = keys.filter((key) => key.startsWith('/p/')).sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
      const all = await store.list('/p/');
      expect(all.items.map((item) => item.key)).toEqual(sorted);
      expect(all.remaining).toBe(0);
      expect(all.revision).toBe(await store.currentRevision());
      const pages: string[] = [];
      let after: string | undefined;
      for (let remaining = Infinity; remaining > 0; ) {
        const page = await store.list('/p/', { limit: 3, after, revision: all.revision });
        pages.push(...page.items.map((item) => item.key));
        remaining = page.remaining;
        expect(remaining).toBe(sorted.length - pages.length);
        after = page.items.at(-1)?.key;
      }
      expect(pages).toEqual(sorted);
      expect((await store.list('')).items).toHaveLength(keys.length);
    });

    test('a list at a revision shows what stood there, page by page, while everything changes', async () => {
      const store = await start();
      for (let n = 0; n < 10; n++) await written(store.put(`/p/${n}`, 'old'));
      const then = await store.list('/p/');
      for (let n = 0; n < 10; n += 2) await written(store.put(`/p/${n}`, 'new'));
      await written(store.delete('/p/3'));
      await written(store.put('/p/3', 'created anew'));
      await written(store.delete('/p/5'));
      await written(store.put('/p/55', 'added'));
      const pages: KeyValue[] = [];
      for (let remaining = 1; remaining > 0; ) {
        const page = await store.list('/p/', { limit: 4, after: pages.at(-1)?.key, revision: then.revision });
        expect(page.revision).toBe(then.revision);
        pages.push(...page.items);
        remaining = page.remaining;
        await written(store.put('/p/1', `between ${remaining}`));
      }
      expect(pages).toEqual(then.items);
      await expect(store.list('/p/', { revision: (await store.currentRevision()) + 1000 })).rejects.toThrow(FutureRevisionError);
    });

    test('a compaction forgets what was, not what is', async () => {
      const store = await start();
      const first = await written(store.put('/a', '1'));
      await written(store.put('/a', '2'));
      await written(store.put('/gone', 'x'));
      await written(store.delete('/gone'));
      const kept = await written(store.put('/b', '1'));
      const last = await written(store.put('/a', '3'));
      await store.compact(kept);
      expect((await store.list('/')).items.map(({ key, value }) => [key, value])).toEqual([
        ['/a', '3'],
        ['/b', '1'],
      ]);
      expect((await store.list('/', { revision: kept })).items.map((item) => item.value)).toEqual(['2', '1']);
      await expect(store.list('/', { revision: first })).rejects.toThrow(CompactedError);
      await expect(store.watch('/', first - 1, new EventLog())).rejects.toMatchObject({ name: 'CompactedError', compactRevision: kept });
      const log = new EventLog();
      await store.watch('/', kept, log);
      expect(await log.count(1)).toMatchObject([{ key: '/a', value: '3', revision: last, previous: { value: '2' } }]);
      // Again, and for what lies further back: nothing to do.
      await store.compact(kept);
      await store.compact(first);
      await expect(store.compact(last + 1000)).rejects.toThrow(FutureRevisionError);
      expect(await store.get('/a')).toMatchObject({ createRevision: first, revision: last });
    });

    test('no revision is given twice: not after deleting the newest, compacting it away and opening again', async () => {
      let store = await start();
      await written(store.put('/a', '1'));
      const last = await written(store.delete('/a'));
      await store.compact(last);
      expect(await store.currentRevision()).toBeGreaterThanOrEqual(last);
      if (traits.durable) {
        const { epoch } = store;
        store = await reopen(store);
        expect(store.epoch).toBe(epoch);
        expect(await store.currentRevision()).toBeGreaterThanOrEqual(last);
      }
      expect(await written(store.put('/a', '2'))).toBeGreaterThan(last);
    });

    if (traits.durable) {
      test('opened again it holds the same, history included', async () => {
        let store = await start();
        const first = await written(store.put('/a', '1'));
        await written(store.put('/b', '1'));
        await written(store.put('/a', '2'));
        await written(store.delete('/b'));
        const before = await store.list('/');
        const then = await store.list('/', { revision: first + 1 });
        store = await reopen(store);
        expect(await store.list('/')).toEqual(before);
        expect(await store.list('/', { revision: first + 1 })).toEqual(then);
        const log = new EventLog();
        await store.watch('/', first, log);
        expect((await log.count(3)).map((event) => [event.type, event.key, event.previous?.value])).toEqual([
          ['put', '/b', undefined],
          ['put', '/a', '1'],
          ['delete', '/b', '1'],
        ]);
      });
    }

    test('what has a time to live goes with an event, unless it was written again', async () => {
      const store = await start();
      const log = new EventLog();
      const begin = await store.currentRevision();
      await written(store.put('/short', 'x', { ttlSeconds: 1 }));
      await written(store.put('/kept', 'x', { ttlSeconds: 1 }));
      await written(store.put('/kept', 'y'));
      await written(store.put('/long', 'x', { ttlSeconds: 3600 }));
      await store.watch('/', begin, log);
      await place?.passSeconds(1);
      const events = await log.count(5);
      expect(events.at(-1)).toMatchObject({ type: 'delete', key: '/short', previous: { value: 'x' } });
      expect(await store.get('/short')).toBeUndefined();
      expect(await store.get('/kept')).toMatchObject({ value: 'y' });
      expect(await store.get('/long')).toMatchObject({ value: 'x' });
    });

    test('values are kept to the byte: big ones, empty ones, any text', async () => {
      const store = await start();
      const log = new EventLog();
      await store.watch('/', await store.currentRevision(), log);
      const values = ['', '\u0000', 'ü \u{1F600} \uFFFD', `"${'é'.repeat(512)}`, 'x'.repeat(1_500_000)];
      for (const [at, value] of values.entries()) await written(store.put(`/${at}`, value));
      expect((await store.list('/')).items.map((item) => item.value)).toEqual(values);
      expect((await log.count(values.length)).map((event) => event.value)).toEqual(values);
    });

    test('a list far bigger than one message arrives whole', async () => {
      const store = await start();
      const value = 'x'.repeat(400_000);
      for (let at = 0; at < 24; at++) await written(store.put(`/big/${String(at).padStart(2, '0')}`, value));
      const { items, remaining } = await store.list('/big/');
      expect(items).toHaveLength(24);
      expect(remaining).toBe(0);
      expect((await store.list('/big/', { limit: 23 })).remaining).toBe(1);
    });

    test('who waits for a revision is woken by it, by the abort and by the end', async () => {
      const store = await start();
      const now = await store.currentRevision();
      const woken = store.waitFor(now + 1);
      const abort = new AbortController();
      const aborted = expect(store.waitFor(now + 1000, abort.signal)).rejects.toThrow('enough');
      await written(store.put('/a', '1'));
      await woken;
      abort.abort(new Error('enough'));
      await aborted;
      const ended = expect(store.waitFor(now + 1000)).rejects.toThrow('closed');
      await store.close();
      await ended;
    });

    test('a closed store ends its watches and refuses everything else', async () => {
      const store = await start();
      const log = new EventLog();
      const watch: Watch = await store.watch('/', await store.currentRevision(), log);
      const last = store.put('/a', '1');
      await store.close();
      expect(log.error).toBeDefined();
      await last.catch(() => {});
      watch.stop();
      await expect(store.put('/a', '1')).rejects.toThrow('closed');
      await expect(store.get('/a')).rejects.toThrow('closed');
      await expect(store.list('/')).rejects.toThrow('closed');
      await expect(store.watch('/', 1, log)).rejects.toThrow('closed');
      await store.close();
    });
  });
}
