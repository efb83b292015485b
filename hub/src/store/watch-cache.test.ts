import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { createLogger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { afterEach, expect, test } from 'vitest';
import type { CacheEvent, CacheSink } from './cache-events.ts';
import { CompactedError, FutureRevisionError, type ListOptions, type Store, type Watch, type WatchHandler } from './contract.ts';
import { MemoryStore } from './memory/memory-store.ts';
import { WatchCache, type WatchCacheOptions } from './watch-cache.ts';
import { FencedError, RevisionConflictError } from './write-errors.ts';

const pods = '/registry/core/pods/';
const logger = createLogger({ level: 'error', wallMs: () => 0, write: () => {} });

interface Thing extends KubeObject {
  spec?: { n: number; nested?: { deep: boolean }; absent?: string | undefined };
}

const thing = (name: string, n: number): Thing => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name, labels: { app: 'x' } },
  spec: { n, nested: { deep: true } },
});

const running: { cache: WatchCache; store: Store }[] = [];
afterEach(async () => {
  for (const { cache, store } of running.splice(0)) {
    cache.stop();
    await store.close();
  }
});

async function started(options: Partial<WatchCacheOptions> = {}): Promise<{ cache: WatchCache; store: Store }> {
  const store = options.store ?? new MemoryStore({ clock: new FakeClock() });
  const cache = new WatchCache({ logger, ...options, store });
  await cache.start();
  running.push({ cache, store });
  return { cache, store };
}

class Recorder implements CacheSink {
  readonly batches: (readonly CacheEvent[])[] = [];
  error: Error | undefined;

  events(events: readonly CacheEvent[]): void {
    this.batches.push(events);
  }

  ended(error: Error): void {
    this.error = error;
  }

  get seen(): string[] {
    return this.batches.flat().map((event) => `${event.type} ${event.object.key.slice(pods.length)} ${event.revision}`);
  }
}

test('a write is visible, frozen and carries its revision when it resolves', async () => {
  const { cache } = await started();
  const draft = thing('a', 1);
  const made = await cache.create(`${pods}ns/a`, draft);
  expect(cache.get(`${pods}ns/a`)).toBe(made);
  expect(made.object.metadata?.resourceVersion).toBe(String(made.revision));
  expect(made.object.spec).toBe(draft.spec);
  expect(() => Object.assign(made.object.spec?.nested ?? {}, { deep: false })).toThrow(TypeError);
  expect(() => Object.assign(made.object.metadata ?? {}, { name: 'b' })).toThrow(TypeError);
  expect(cache.revision).toBe(made.revision);
});

test('the JSON is the object with its resourceVersion, made once', async () => {
  const { cache, store } = await started();
  const made = await cache.create<KubeObject>(`${pods}ns/a`, {
    ...thing('a', 1),
    metadata: { name: 'a', resourceVersion: '7', selfLink: '/x' },
    ...{ note: 'a "metadata":{ in a text' },
  });
  expect(JSON.parse(made.json())).toEqual(made.object);
  expect(made.json()).toBe(made.json());
  const stored = await store.get(`${pods}ns/a`);
  expect(stored?.value).not.toContain('resourceVersion');
  expect(stored?.value).not.toContain('selfLink');
  const bare = await cache.create<KubeObject>(`${pods}ns/bare`, { kind: 'Thing' });
  expect(JSON.parse(bare.json())).toEqual({ kind: 'Thing', metadata: { resourceVersion: String(bare.revision) } });
});

test("the JSON of a kind that nests metadata shows the object's own resourceVersion", async () => {
  const { cache } = await started();
  const made = await cache.create<KubeObject>(`${pods}ns/a`, {
    ...{ spec: { template: { metadata: { labels: {} } } } },
    metadata: { name: 'a' },
    kind: 'X',
  });
  expect(JSON.parse(made.json())).toEqual(made.object);
});

test('members that are undefined vanish, as they do in the stored text', async () => {
  const { cache } = await started();
  const made = await cache.create<Thing>(`${pods}ns/a`, { metadata: { name: 'a' }, spec: { n: 1, absent: undefined } });
  expect(Object.keys(made.object.spec ?? {})).toEqual(['n']);
});

test('integers beyond 2^53 survive with a codec that keeps them', async () => {
  const stringify = (value: unknown): string =>
    JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? `int:${member}` : member));
  const parse = (text: string): unknown =>
    JSON.parse(text, (_, member) => (typeof member === 'string' && member.startsWith('int:') ? BigInt(member.slice(4)) : member));
  const codec = { parse, stringify };
  const { cache, store } = await started({ codec });
  const object = { metadata: { name: 'a' }, big: 2n ** 62n } as KubeObject;
  await cache.create(`${pods}ns/a`, object);
  const again = await started({ codec, store });
  expect(again.cache.get(`${pods}ns/a`)?.object).toMatchObject({ big: 2n ** 62n });
  expect(parse(again.cache.get(`${pods}ns/a`)?.json() ?? '')).toMatchObject({ big: 2n ** 62n });
});

test('conflicts and fences are errors that name what stands there', async () => {
  const { cache } = await started();
  const first = await cache.create(`${pods}ns/a`, thing('a', 1));
  await expect(cache.create(`${pods}ns/a`, thing('a', 2))).rejects.toThrow(RevisionConflictError);
  const second = await cache.update(`${pods}ns/a`, first.revision, thing('a', 2));
  await expect(cache.update(`${pods}ns/a`, first.revision, thing('a', 3))).rejects.toMatchObject({ current: second.revision });
  await expect(cache.update(`${pods}ns/b`, 1, thing('b', 3))).rejects.toMatchObject({ current: 0 });
  await expect(cache.delete(`${pods}ns/b`, undefined)).rejects.toThrow(RevisionConflictError);
  const fence = { key: '/lock', revision: 99 };
  await expect(cache.update(`${pods}ns/a`, second.revision, thing('a', 3), { fence })).rejects.toThrow(FencedError);
  await expect(cache.delete(`${pods}ns/a`, second.revision, { fence })).rejects.toThrow(FencedError);
  const blind = await cache.update(`${pods}ns/a`, undefined, thing('a', 4));
  expect(blind.object.spec?.n).toBe(4);
});

test('a delete resolves with the last state at the revision of the delete', async () => {
  const { cache } = await started();
  const sink = new Recorder();
  const made = await cache.create(`${pods}ns/a`, thing('a', 1));
  cache.watch(pods, undefined, sink);
  const gone = await cache.delete<Thing>(`${pods}ns/a`, made.revision);
  expect(gone.revision).toBeGreaterThan(made.revision);
  expect(gone.object).toMatchObject({ spec: { n: 1 }, metadata: { resourceVersion: String(gone.revision) } });
  expect(JSON.parse(gone.json())).toEqual(gone.object);
  expect(cache.get(`${pods}ns/a`)).toBeUndefined();
  expect(cache.list(pods)).toEqual([]);
  expect(sink.batches.flat()).toEqual([{ type: 'DELETED', object: gone, previous: made, revision: gone.revision }]);
});

test('lists are in key order by resource, namespace and odd prefix, and never change afterwards', async () => {
  const { cache } = await started();
  const names = ['ns/b', 'ns/a', 'ns-2/x', 'ns-2/y', 'z/1'];
  for (const name of names) await cache.create(`${pods}${name}`, thing(name, 1));
  await cache.create('/registry/core/nodes/n1', thing('n1', 1));
  await cache.create('/registry/core/nodes/n0', thing('n0', 1));
  await cache.create('/other', thing('other', 1));
  const keys = (prefix: string): string[] => cache.list(prefix).map((entry) => entry.key);
  expect(keys(pods)).toEqual(['ns-2/x', 'ns-2/y', 'ns/a', 'ns/b', 'z/1'].map((name) => pods + name));
  expect(keys(`${pods}ns/`)).toEqual([`${pods}ns/a`, `${pods}ns/b`]);
  expect(keys(`${pods}ns`)).toHaveLength(4);
  expect(keys(`${pods}ns/a`)).toEqual([`${pods}ns/a`]);
  expect(keys(`${pods}none/`)).toEqual([]);
  expect(keys('/registry/core/nodes/')).toEqual(['/registry/core/nodes/n0', '/registry/core/nodes/n1']);
  expect(keys('/registry/core/')).toHaveLength(7);
  expect(keys('')).toHaveLength(8);
  const before = cache.list(pods);
  expect(cache.list(pods)).toBe(before);
  await cache.delete(`${pods}ns/a`, undefined);
  expect(before).toHaveLength(5);
  expect(cache.list(pods)).toHaveLength(4);
});

test('a watch replays what it missed, then follows, and hears only its prefix', async () => {
  const { cache } = await started();
  const a = await cache.create(`${pods}ns/a`, thing('a', 1));
  await cache.create(`${pods}other/a`, thing('a', 1));
  await cache.update(`${pods}ns/a`, a.revision, thing('a', 2));
  const sink = new Recorder();
  const watch = cache.watch(`${pods}ns/`, a.revision, sink);
  expect(sink.seen).toEqual(['MODIFIED ns/a 4']);
  await cache.create(`${pods}ns/b`, thing('b', 1));
  await cache.create(`${pods}other/b`, thing('b', 1));
  await cache.delete(`${pods}ns/a`, undefined);
  expect(sink.seen).toEqual(['MODIFIED ns/a 4', 'ADDED ns/b 5', 'DELETED ns/a 7']);
  watch.stop();
  await cache.create(`${pods}ns/c`, thing('c', 1));
  expect(sink.seen).toHaveLength(3);
});

test('events of one commit come in one call, the same array for every watcher of the prefix', async () => {
  const { cache } = await started();
  const sinks = [new Recorder(), new Recorder()];
  for (const sink of sinks) cache.watch(pods, undefined, sink);
  await Promise.all(['a', 'b', 'c'].map((name) => cache.create(`${pods}ns/${name}`, thing(name, 1))));
  expect(sinks[0]?.batches).toHaveLength(1);
  expect(sinks[0]?.batches[0]).toHaveLength(3);
  expect(sinks[1]?.batches[0]).toBe(sinks[0]?.batches[0]);
  expect(sinks[0]?.batches[0]?.[0]?.object).toBe(cache.get(`${pods}ns/a`));
});

test('a watcher that joins while others are being told does not hear the batch its list already shows', async () => {
  const { cache } = await started();
  const late = new Recorder();
  cache.watch(pods, undefined, {
    events: () => {
      if (cache.list(pods).length === 1) cache.watch(pods, undefined, late);
    },
    ended: () => {},
  });
  await cache.create(`${pods}ns/a`, thing('a', 1));
  expect(late.seen).toEqual([]);
  await cache.create(`${pods}ns/b`, thing('b', 1));
  expect(late.seen).toEqual(['ADDED ns/b 3']);
});

test('a watcher that throws loses its watch and nobody else anything', async () => {
  const { cache } = await started();
  let calls = 0;
  const sink = new Recorder();
  cache.watch(pods, undefined, {
    events: () => {
      calls++;
      throw new Error('broken');
    },
    ended: () => {},
  });
  cache.watch(pods, undefined, sink);
  await cache.create(`${pods}ns/a`, thing('a', 1));
  await cache.create(`${pods}ns/b`, thing('b', 1));
  expect(calls).toBe(1);
  expect(sink.seen).toHaveLength(2);
});

test('beyond its memory a watch is served from the store, and refused when that has compacted too', async () => {
  const { cache, store } = await started({ recentEvents: 4 });
  for (let n = 0; n < 20; n++) await cache.create(`${pods}ns/${n}`, thing(String(n), n));
  expect(() => cache.watch(pods, 3, new Recorder())).toThrow(CompactedError);
  const sink = new Recorder();
  await cache.watchFrom(pods, 3, sink);
  await cache.create(`${pods}ns/last`, thing('last', 1));
  expect(sink.batches.flat().map((event) => event.revision)).toEqual(Array.from({ length: 19 }, (_, at) => at + 4));
  await store.compact(10);
  await expect(cache.watchFrom(pods, 3, new Recorder())).rejects.toThrow(CompactedError);
});

test('pages hold together while objects change', async () => {
  const { cache, store } = await started();
  for (let n = 0; n < 5; n++) await cache.create(`${pods}ns/${n}`, thing(String(n), n));
  const first = await cache.listAt(pods, { limit: 2 });
  expect(first).toMatchObject({ remaining: 3, revision: cache.revision });
  await cache.delete(`${pods}ns/3`, undefined);
  await cache.create(`${pods}ns/2b`, thing('2b', 1));
  const second = await cache.listAt<Thing>(pods, { limit: 2, after: first.items.at(-1)?.key, revision: first.revision });
  expect(second.items.map((entry) => entry.object.spec?.n)).toEqual([2, 3]);
  expect(second).toMatchObject({ remaining: 1, revision: first.revision });
  expect(second.items[0]).toBe(cache.get(`${pods}ns/2`));
  await expect(cache.listAt(pods, { revision: cache.revision + 1 })).rejects.toThrow(FutureRevisionError);
  await store.compact(cache.revision);
  await expect(cache.listAt(pods, { revision: first.revision })).rejects.toThrow(CompactedError);
  // Nothing changed there since, and yet what is compacted is gone, as for every other reader.
  await cache.create('/registry/core/nodes/n', thing('n', 1));
  await expect(cache.listAt(pods, { revision: cache.revision - 1 })).resolves.toMatchObject({ remaining: 0 });
  await store.compact(cache.revision);
  await expect(cache.listAt(pods, { revision: cache.revision - 1 })).rejects.toThrow(CompactedError);
});

test('what others write to the store arrives too, and a cache started later shows the same', async () => {
  const { cache, store } = await started();
  await store.put(`${pods}ns/a`, '{"kind":"Thing","metadata":{"name":"a"},"spec":{"n":5}}');
  expect(cache.get<Thing>(`${pods}ns/a`)?.object.spec?.n).toBe(5);
  const later = await started({ store });
  expect(later.cache.get(`${pods}ns/a`)?.object).toEqual(cache.get(`${pods}ns/a`)?.object);
  expect(later.cache.get(`${pods}ns/a`)?.json()).toBe(cache.get(`${pods}ns/a`)?.json());
});

test('what is read at the start, and what is news no more, gives up its text once it was looked at', async () => {
  const made: unknown[] = [];
  const codec = { parse: JSON.parse, stringify: (value: unknown) => JSON.stringify(made.push(value) && value) };
  const { cache, store } = await started({ recentEvents: 4, codec });
  await cache.create(`${pods}ns/a`, thing('a', 0));
  const written = cache.get(`${pods}ns/a`)?.json();
  const later = await started({ store, codec, seldomRead: () => true });
  made.length = 0;
  expect(later.cache.get(`${pods}ns/a`)?.json()).toBe(written);
  expect(made).toHaveLength(0);
  const looked = await started({ store, codec });
  expect(looked.cache.get<Thing>(`${pods}ns/a`)?.object.spec?.n).toBe(0);
  for (let round = 0; round < 2; round++) expect(looked.cache.get(`${pods}ns/a`)?.json()).toBe(written);
  expect(made).toHaveLength(1);
  for (let n = 1; n < 20; n++) await cache.create(`${pods}ns/${n}`, thing(String(n), n));
  made.length = 0;
  expect(cache.get(`${pods}ns/19`)?.json()).toBe(later.cache.get(`${pods}ns/19`)?.json());
  expect(made).toHaveLength(0);
  expect(cache.get(`${pods}ns/a`)?.json()).toBe(written);
  expect(made).toHaveLength(1);
});

test('it is read page by page at the start, and anew as a whole when another hub compacts meanwhile', async () => {
  const store = new MemoryStore({ clock: new FakeClock() });
  const count = 2_300;
  for (let n = 0; n < count; n++) await store.put(`${pods}ns/${n}`, JSON.stringify(thing(String(n), n)));
  const asked: ListOptions[] = [];
  let compact = (): void => {};
  const list: Store['list'] = async (prefix, options = {}) => {
    asked.push(options);
    if (options.after !== undefined) compact();
    return MemoryStore.prototype.list.call(store, prefix, options);
  };
  Object.assign(store, { list });
  const whole = await started({ store });
  expect(asked.map(({ after }) => after !== undefined)).toEqual([false, true, true]);
  expect(whole.cache.list(pods)).toHaveLength(count);
  asked.length = 0;
  compact = () => {
    throw new CompactedError(5);
  };
  const again = await started({ store });
  expect(asked.at(-1)).toEqual({ limit: undefined });
  expect(again.cache.list(pods).map(({ key }) => key)).toEqual(whole.cache.list(pods).map(({ key }) => key));
});

test('what cannot be decoded keeps nothing from starting, and fails who asks for it', async () => {
  const store = new MemoryStore({ clock: new FakeClock() });
  await store.put(`${pods}ns/bad`, '{"kind":');
  await store.put(`${pods}ns/good`, JSON.stringify(thing('good', 1)));
  const { cache } = await started({ store });
  expect(cache.get<Thing>(`${pods}ns/good`)?.object.spec?.n).toBe(1);
  expect(() => cache.get(`${pods}ns/bad`)?.object).toThrow(SyntaxError);
});

test('what nobody looks at is text alone once it is news no more', async () => {
  const read: string[] = [];
  const parse = (text: string): unknown => {
    read.push(text);
    return JSON.parse(text);
  };
  const codec = { parse, stringify: JSON.stringify };
  const { cache } = await started({ recentEvents: 4, codec, seldomRead: (key) => key.startsWith(`${pods}ns/`) });
  await cache.create(`${pods}ns/a`, thing('a', 0));
  await cache.create(`${pods}other/a`, thing('a', 0));
  const [one, other] = [`${pods}ns/a`, `${pods}other/a`].map((key) => cache.get<Thing>(key)?.json());
  for (let n = 1; n < 20; n++) await cache.create(`${pods}ns/${n}`, thing(String(n), n));
  expect(cache.get<Thing>(`${pods}other/a`)?.object.spec?.n).toBe(0);
  expect(read).toEqual([]);
  expect(cache.get<Thing>(`${pods}ns/a`)?.object.spec?.n).toBe(0);
  expect(read).not.toEqual([]);
  expect([cache.get(`${pods}ns/a`)?.json(), cache.get(`${pods}other/a`)?.json()]).toEqual([one, other]);
});

test('managedFields that say the same are there once', async () => {
  const { cache } = await started();
  const fields = () => ({ manager: 'm', operation: 'Update' as const, fieldsV1: { 'f:spec': { 'f:n': {} } } });
  for (const name of ['a', 'b']) {
    const object = thing(name, 1);
    await cache.create(`${pods}ns/${name}`, { ...object, metadata: { ...object.metadata, managedFields: [fields()] } });
  }
  const [one, other] = ['a', 'b'].map((name) => cache.get(`${pods}ns/${name}`)?.object.metadata?.managedFields?.[0]);
  expect(one).toEqual(fields());
  expect(other?.fieldsV1).toBe(one?.fieldsV1);
});

test('when the store lost its place the cache reads again and tells the differences', async () => {
  const store = new MemoryStore({ clock: new FakeClock() });
  const handlers: { handler: WatchHandler; watch: Watch }[] = [];
  const flaky: Store = Object.create(store, {
    watch: {
      value: async (prefix: string, after: number, handler: WatchHandler): Promise<Watch> => {
        const watch = await store.watch(prefix, after, handler);
        handlers.push({ handler, watch });
        return watch;
      },
    },
    epoch: { value: 1 },
    ...Object.fromEntries(
      (['list', 'put', 'delete', 'get', 'currentRevision', 'waitFor', 'close'] as const).map((name) => [
        name,
        { value: store[name].bind(store) },
      ]),
    ),
  });
  const { cache } = await started({ store: flaky });
  for (const name of ['a', 'b', 'c']) await cache.create(`${pods}ns/${name}`, thing(name, 1));
  const sink = new Recorder();
  cache.watch(pods, undefined, sink);
  handlers[0]?.watch.stop();
  await store.put(`${pods}ns/b`, '{"metadata":{"name":"b"},"spec":{"n":2}}');
  await store.delete(`${pods}ns/a`);
  await store.put(`${pods}ns/d`, '{"metadata":{"name":"d"}}');
  handlers[0]?.handler.ended(new CompactedError(7));
  await cache.waitFor(7);
  expect(sink.seen).toEqual(['MODIFIED ns/b 5', 'ADDED ns/d 7', 'DELETED ns/a 7']);
  expect(cache.list(pods)).toHaveLength(3);
  await cache.create(`${pods}ns/e`, thing('e', 1));
  expect(sink.seen.at(-1)).toBe('ADDED ns/e 8');
});

test('a store that fails ends the watches and refuses reads that must be current', async () => {
  const { cache, store } = await started();
  const sink = new Recorder();
  cache.watch(pods, undefined, sink);
  const waiting = expect(cache.waitFor(100)).rejects.toThrow();
  await store.close();
  expect(sink.error).toBeDefined();
  await waiting;
  await expect(cache.readable()).rejects.toThrow();
  await expect(cache.create(`${pods}ns/a`, thing('a', 1))).rejects.toThrow();
});
