import type { Logger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { CachedObject } from './cache.ts';
import { type CacheEvent, CacheEvents, type CacheSink, type CacheWatch } from './cache-events.ts';
import { type CachedEntry, type Codec, decodeEntry, encodeObject, entryOf, plainJson } from './cached-entry.ts';
import {
  CompactedError,
  type Fence,
  FutureRevisionError,
  type ListOptions,
  type Revision,
  type Store,
  type StoreEvent,
  StoreUnavailableError,
  type Watch,
  type WriteResult,
} from './contract.ts';
import { ObjectIndex } from './object-index.ts';
import { RevisionGate } from './revision-gate.ts';
import { page } from './sorted-entries.ts';
import { FencedError, RevisionConflictError } from './write-errors.ts';

export interface WatchCacheOptions {
  readonly store: Store;
  readonly logger: Logger;
  /** `JSON` when left out. */
  readonly codec?: Codec;
  /** What is cached; everything when left out. */
  readonly prefix?: string;
  /** Keys of what nobody in this hub looks at: kept as text alone, once it is news no more. */
  readonly seldomRead?: (key: string) => boolean;
  /** How many recent events are kept for watchers that come back; 4096 when left out. */
  readonly recentEvents?: number;
  /** Monotonic; measures what telling the watchers takes. Nothing is measured without it. */
  readonly nowMs?: () => number;
}

/** What a cache holds and has told, for metrics. */
export interface CacheFigures {
  /** Objects by `/registry/<group>/<resource>/`. */
  readonly objects: Iterable<readonly [string, number]>;
  /** Of the API's clients and of the hub's own parts. */
  readonly watchers: number;
  /** Changes told since the start, and what telling them took: the hub's own parts do their share of the work while they are told. */
  readonly events: number;
  readonly tellingMs: number;
}

export interface CacheWriteOptions {
  readonly fence?: Fence | undefined;
  readonly ttlSeconds?: number | undefined;
  /** Part of a deletion: goes through on a full disk too. */
  readonly deleting?: boolean | undefined;
}

/** What the store reads while the page before is decoded. */
const loadPage = 1000;

/** A write under way: its event takes over the very object that the writer handed in. */
interface OwnWrite {
  readonly text: string;
  readonly object: KubeObject;
  entry: CachedEntry | undefined;
}

/**
 * The one view of the store that everything in a hub reads: the newest state of every object, decoded once, and its
 * changes. Objects that come out are frozen and shared.
 *
 * INVARIANTS
 * - It holds exactly what the store held at `revision`; a batch of events is applied whole before anybody is told of it.
 * - A write resolves when it is visible here.
 * - An object is decoded at most once and serialised at most once, however many read or watch it.
 */
export class WatchCache {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #codec: Codec;
  readonly #prefix: string;
  readonly #objects = new ObjectIndex();
  readonly #events: CacheEvents;
  readonly #gate = new RevisionGate(0);
  readonly #own = new Map<string, OwnWrite[]>();
  readonly #seldomRead: (key: string) => boolean;
  readonly #nowMs: () => number;
  #told = 0;
  #tellingMs = 0;
  #watch: Watch | undefined;
  #failure: Error | undefined;

  constructor(options: WatchCacheOptions) {
    this.#store = options.store;
    this.#logger = options.logger;
    this.#codec = options.codec ?? plainJson;
    this.#prefix = options.prefix ?? '';
    this.#seldomRead = options.seldomRead ?? (() => false);
    this.#nowMs = options.nowMs ?? (() => 0);
    this.#events = new CacheEvents(
      options.recentEvents ?? 4096,
      (error) => this.#logger.error('a watcher of the cache threw', { error }),
      ({ object: { key, revision } }) => {
        const entry = this.#objects.get(key);
        if (entry?.revision === revision) entry.rest(this.#seldomRead(key) ? 'text' : 'object');
      },
    );
  }

  /** Reads everything and follows the changes from there; resolves when the cache is complete. */
  async start(): Promise<void> {
    // Compacted under our hands (by another hub): whatever came is replaced by one whole list.
    const revision = await this.#load(loadPage).catch((error: unknown) => {
      if (error instanceof CompactedError) return this.#load(undefined);
      throw error;
    });
    this.#objects.loadedAt(revision);
    this.#events.reset(revision);
    this.#gate.advance(revision);
    await this.#follow(revision);
  }

  /** Page by page, each decoded while the store reads the next: what is seldom read stays text, all else is wanted by somebody at once. */
  async #load(limit: number | undefined): Promise<Revision> {
    this.#objects.clear();
    for (let page = this.#store.list(this.#prefix, { limit }); ; ) {
      const { items, revision, remaining } = await page;
      if (remaining > 0) {
        page = this.#store.list(this.#prefix, { limit, after: items.at(-1)?.key, revision });
        page.catch(() => {});
      }
      for (const item of items) {
        const entry = decodeEntry(item.key, item.value, item.revision, this.#codec);
        entry.rest();
        if (!this.#seldomRead(item.key)) entry.decodeAhead();
        this.#objects.set(entry, item.revision);
      }
      if (remaining === 0) return revision;
    }
  }

  get figures(): CacheFigures {
    return { objects: this.#objects.sizes(), watchers: this.#events.watchers, events: this.#told, tellingMs: this.#tellingMs };
  }

  /** Up to where this view is true. */
  get revision(): Revision {
    return this.#gate.current;
  }

  /** Raised by a restore of the store. */
  get epoch(): number {
    return this.#store.epoch;
  }

  /** Other hubs write here too. */
  get shared(): boolean {
    return this.#store.shared;
  }

  /** Resolves when this view shows every write acknowledged before the call, by whichever hub. */
  async readable(signal?: AbortSignal): Promise<void> {
    if (this.#failure) throw this.#failure;
    if (this.#store.shared) await this.waitFor(await this.#store.currentRevision(), signal);
  }

  waitFor(revision: Revision, signal?: AbortSignal): Promise<void> {
    return this.#gate.wait(revision, signal);
  }

  get<T extends KubeObject = KubeObject>(key: string): CachedObject<T> | undefined {
    return this.#objects.get(key) as CachedObject | undefined as CachedObject<T> | undefined;
  }

  /** In the order of their keys; an array that never changes afterwards. */
  list<T extends KubeObject = KubeObject>(prefix: string): readonly CachedObject<T>[] {
    return typed<T>(this.#objects.list(prefix));
  }

  /** A page as of a revision (the newest when left out). @throws CompactedError, FutureRevisionError */
  async listAt<T extends KubeObject = KubeObject>(
    prefix: string,
    options: ListOptions = {},
  ): Promise<{ items: readonly CachedObject<T>[]; revision: Revision; remaining: number }> {
    const revision = options.revision || this.revision;
    if (revision > this.revision && this.#store.shared) await this.readable();
    if (revision > this.revision) throw new FutureRevisionError(revision, this.revision);
    if (revision === this.revision) return { ...page(this.list<T>(prefix), options), revision };
    if (revision >= this.#objects.changedAt(prefix)) {
      // Nothing has changed since, and yet what was compacted is gone: clients count on it.
      await this.#store.list(prefix, { revision, limit: 1 });
      return { ...page(this.list<T>(prefix), options), revision };
    }
    const { items, remaining } = await this.#store.list(prefix, { ...options, revision });
    const entries = items.map((item) => {
      const known = this.#objects.get(item.key);
      return known?.revision === item.revision ? known : decodeEntry(item.key, item.value, item.revision, this.#codec);
    });
    return { items: typed<T>(entries), revision, remaining };
  }

  /**
   * What happens to this prefix after a revision, or from now on: first, before this returns, what already happened, then
   * what comes. @throws CompactedError when that is no longer in memory (`watchFrom` asks the store)
   */
  watch(prefix: string, after: Revision | undefined, sink: CacheSink): CacheWatch {
    if (this.#failure) throw this.#failure;
    const missed = after === undefined ? [] : this.#events.since(prefix, after);
    const watch = this.#events.add(prefix, Math.max(after ?? 0, this.revision), sink);
    if (missed.length > 0) sink.events(missed);
    return watch;
  }

  /** As `watch`, out of the store's history when memory does not reach back so far. @throws CompactedError */
  async watchFrom(prefix: string, after: Revision | undefined, sink: CacheSink): Promise<CacheWatch> {
    let from = after;
    while (from !== undefined && from < this.#events.completeAfter) {
      const upTo = this.revision;
      for (const batch of await this.#history(prefix, from, upTo)) sink.events(batch);
      from = upTo;
    }
    return this.watch(prefix, from, sink);
  }

  /** @throws RevisionConflictError when the key is there, FencedError, StoreUnavailableError */
  create<T extends KubeObject>(key: string, object: T, options?: CacheWriteOptions): Promise<CachedObject<T>> {
    return this.#put(key, 0, object, options);
  }

  /**
   * Puts an object in the place of what has `expectedRevision`, or of whatever stands there when that is undefined.
   * The object is given away: it gets frozen. @throws RevisionConflictError, FencedError, StoreUnavailableError
   */
  update<T extends KubeObject>(
    key: string,
    expectedRevision: Revision | undefined,
    object: T,
    options?: CacheWriteOptions,
  ): Promise<CachedObject<T>> {
    return this.#put(key, expectedRevision, object, options);
  }

  /** Resolves with the last state at the delete's revision. @throws RevisionConflictError, FencedError, StoreUnavailableError */
  async delete<T extends KubeObject = KubeObject>(
    key: string,
    expectedRevision: Revision | undefined,
    options: Pick<CacheWriteOptions, 'fence'> = {},
  ): Promise<CachedObject<T>> {
    await this.#refuseStale(key, expectedRevision);
    const result = await this.#store.delete(key, { expectedRevision, fence: options.fence });
    const { revision, previous } = await this.#settled(key, result);
    const last = this.#events.recall(key, revision) ?? decodeEntry(key, previous?.value ?? '{}', revision, this.#codec);
    return last as CachedObject as CachedObject<T>;
  }

  /** Ends every watch; writes under way still resolve. */
  stop(): void {
    this.#fail(new StoreUnavailableError('the hub is shutting down'));
  }

  async #put<T extends KubeObject>(
    key: string,
    expectedRevision: Revision | undefined,
    object: T,
    options: CacheWriteOptions = {},
  ): Promise<CachedObject<T>> {
    await this.#refuseStale(key, expectedRevision);
    const own: OwnWrite = { text: encodeObject(object, this.#codec), object, entry: undefined };
    const writes = this.#own.get(key) ?? [];
    this.#own.set(key, writes);
    writes.push(own);
    try {
      const result = await this.#store.put(key, own.text, { expectedRevision, ...options });
      const { revision } = await this.#settled(key, result);
      const entry = own.entry?.revision === revision ? own.entry : entryOf(key, object, revision, own.text, this.#codec);
      return entry as CachedObject as CachedObject<T>;
    } finally {
      writes.splice(writes.indexOf(own), 1);
      if (writes.length === 0) this.#own.delete(key);
    }
  }

  /** Saves the way to the store when what is cached already says no. */
  async #refuseStale(key: string, expectedRevision: Revision | undefined): Promise<void> {
    if (this.#failure) throw this.#failure;
    const current = this.#objects.get(key)?.revision ?? 0;
    if (expectedRevision !== undefined && current > expectedRevision) throw new RevisionConflictError(key, current);
  }

  /** Waits until the cache shows the outcome. */
  async #settled(key: string, result: WriteResult): Promise<WriteResult & { ok: true }> {
    if (result.ok) {
      // What is durable is acknowledged, even when this view has ended meanwhile.
      await this.waitFor(result.revision).catch(() => {});
      return result;
    }
    if (result.reason === 'fenced') throw new FencedError(key);
    if (result.current) await this.waitFor(result.current.revision);
    else await this.readable();
    throw new RevisionConflictError(key, result.current?.revision ?? 0);
  }

  async #follow(after: Revision): Promise<void> {
    this.#watch = await this.#store.watch(this.#prefix, after, {
      events: (events) => this.#apply(events),
      ended: (error) => void this.#recover(error),
    });
    if (this.#failure) this.#watch.stop();
  }

  #apply(events: readonly StoreEvent[]): void {
    this.#publish(
      events.map((event) => this.#applyOne(event)),
      events.at(-1)?.revision ?? 0,
    );
  }

  #publish(events: readonly CacheEvent[], revision: Revision): void {
    // Whoever waits for the revision goes on in a later microtask: by then the informers were told.
    this.#gate.advance(revision);
    const beganMs = this.#nowMs();
    this.#events.publish(events);
    this.#tellingMs += this.#nowMs() - beganMs;
    this.#told += events.length;
  }

  #applyOne(event: StoreEvent): CacheEvent {
    const { key, revision } = event;
    const previous = this.#objects.get(key);
    if (event.value === undefined) {
      this.#objects.delete(key, revision);
      return { type: 'DELETED', object: this.#lastState(event, previous), previous, revision };
    }
    const entry = this.#entryFor(key, event.value, revision);
    this.#objects.set(entry, revision);
    return { type: previous ? 'MODIFIED' : 'ADDED', object: entry, previous, revision };
  }

  #lastState(event: StoreEvent, previous: CachedEntry | undefined): CachedEntry {
    if (previous) return previous.at(event.revision);
    return decodeEntry(event.key, event.previous?.value ?? '{}', event.revision, this.#codec);
  }

  #entryFor(key: string, text: string, revision: Revision): CachedEntry {
    const own = this.#own.get(key)?.find((write) => write.text === text);
    if (!own) return decodeEntry(key, text, revision, this.#codec);
    own.entry = entryOf(key, own.object, revision, text, this.#codec);
    return own.entry;
  }

  /** Events of the store's history in (after, upTo], decoded for one watcher. */
  async #history(prefix: string, after: Revision, upTo: Revision): Promise<readonly (readonly CacheEvent[])[]> {
    const batches: CacheEvent[][] = [];
    const watch = await this.#store.watch(prefix, after, {
      events: (events) => {
        const wanted = events.filter((event) => event.revision <= upTo);
        if (wanted.length > 0) batches.push(wanted.map((event) => this.#decodeEvent(event)));
      },
      ended: () => {},
    });
    watch.stop();
    return batches;
  }

  #decodeEvent({ key, value, previous, revision }: StoreEvent): CacheEvent {
    const before = previous && decodeEntry(key, previous.value, previous.revision, this.#codec);
    const object = value === undefined ? before?.at(revision) : decodeEntry(key, value, revision, this.#codec);
    const type = value === undefined ? 'DELETED' : before ? 'MODIFIED' : 'ADDED';
    return { type, object: object ?? decodeEntry(key, '{}', revision, this.#codec), previous: before, revision };
  }

  /** The store's watch ended: when it only lost its place, everything is read again and the differences become events. */
  async #recover(error: Error): Promise<void> {
    if (this.#failure) return;
    if (!(error instanceof CompactedError)) return this.#fail(error);
    try {
      const { items, revision } = await this.#store.list(this.#prefix);
      this.#logger.warn('the cache lost its place in the history and was read again', { from: this.revision, to: revision });
      const present = new Set(items.map((item) => item.key));
      const events: CacheEvent[] = [];
      for (const gone of this.#objects.list(this.#prefix)) {
        if (present.has(gone.key)) continue;
        events.push(this.#applyOne({ type: 'delete', key: gone.key, value: undefined, previous: undefined, revision }));
      }
      const changed = items
        .filter((item) => this.#objects.get(item.key)?.revision !== item.revision)
        .sort((one, other) => one.revision - other.revision);
      events.unshift(
        ...changed.map((item) =>
          this.#applyOne({ type: 'put', key: item.key, value: item.value, previous: undefined, revision: item.revision }),
        ),
      );
      this.#objects.loadedAt(revision);
      this.#publish(events, revision);
      this.#events.reset(revision);
      await this.#follow(revision);
    } catch (cause) {
      this.#fail(new StoreUnavailableError('the store cannot be read', { cause }));
    }
  }

  #fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#watch?.stop();
    this.#gate.fail(error);
    this.#events.end(error);
  }
}

/** The kind of what lies under a prefix is the caller's knowledge. */
function typed<T extends KubeObject>(entries: readonly CachedObject[]): readonly CachedObject<T>[] {
  return entries as readonly CachedObject<T>[];
}
