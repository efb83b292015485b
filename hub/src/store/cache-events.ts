import type { CachedObject } from './cache.ts';
import { CompactedError, type Revision } from './contract.ts';
import { placeOf } from './object-index.ts';

export interface CacheEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** On DELETED the last state, with the delete's revision as its resourceVersion. Its JSON is made once for all watchers. */
  readonly object: CachedObject;
  readonly previous?: CachedObject | undefined;
  readonly revision: Revision;
}

export interface CacheSink {
  /** Events of one commit, in order; the array is shared. Must not throw and must not block. */
  events(events: readonly CacheEvent[]): void;
  /** The watch ended by itself. */
  ended(error: Error): void;
}

export interface CacheWatch {
  stop(): void;
}

interface Watcher {
  readonly prefix: string;
  readonly after: Revision;
  readonly sink: CacheSink;
}

/** The latest events, for watchers that come back, and the watchers themselves. */
export class CacheEvents {
  readonly #limit: number;
  readonly #broken: (error: unknown) => void;
  readonly #forgotten: (event: CacheEvent) => void;
  /** Watchers by the resource that they watch; '' for all others. */
  readonly #watchers = new Map<string, Set<Watcher>>();
  #recent: CacheEvent[] = [];
  /** Events after this revision are all in `#recent`. */
  #completeAfter: Revision = 0;

  /** `forgotten` is told of each event that no watcher gets any more from here. */
  constructor(limit: number, broken: (error: unknown) => void, forgotten: (event: CacheEvent) => void = () => {}) {
    this.#limit = limit;
    this.#broken = broken;
    this.#forgotten = forgotten;
  }

  get watchers(): number {
    return [...this.#watchers.values()].reduce((sum, group) => sum + group.size, 0);
  }

  get completeAfter(): Revision {
    return this.#completeAfter;
  }

  /** Forgets what it holds: after this revision it will be complete again. */
  reset(revision: Revision): void {
    this.#recent = [];
    this.#completeAfter = revision;
  }

  /** What happened to this prefix after a revision. @throws CompactedError when it is no longer known here */
  since(prefix: string, after: Revision): readonly CacheEvent[] {
    if (after < this.#completeAfter) throw new CompactedError(this.#completeAfter);
    let low = 0;
    let high = this.#recent.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#recent[middle]?.revision ?? 0) <= after) low = middle + 1;
      else high = middle;
    }
    return this.#recent.slice(low).filter((event) => event.object.key.startsWith(prefix));
  }

  /** The object of the event that this very revision was. */
  recall(key: string, revision: Revision): CachedObject | undefined {
    if (revision <= this.#completeAfter) return undefined;
    return this.since(key, revision - 1).find((event) => event.revision === revision && event.object.key === key)?.object;
  }

  add(prefix: string, after: Revision, sink: CacheSink): CacheWatch {
    const { bucket } = placeOf(prefix);
    const watcher: Watcher = { prefix, after, sink };
    const group = this.#watchers.get(bucket);
    if (group) group.add(watcher);
    else this.#watchers.set(bucket, new Set([watcher]));
    return { stop: () => this.#remove(bucket, watcher) };
  }

  publish(events: readonly CacheEvent[]): void {
    const last = events.at(-1)?.revision;
    if (last === undefined) return;
    this.#remember(events);
    const everybody = this.#watchers.get('');
    if (everybody) this.#tell('', everybody, events, last);
    for (const [bucket, own] of byBucket(events)) {
      const group = bucket === '' ? undefined : this.#watchers.get(bucket);
      if (group) this.#tell(bucket, group, own, last);
    }
  }

  end(error: Error): void {
    const all = [...this.#watchers.values()].flatMap((group) => [...group]);
    this.#watchers.clear();
    for (const watcher of all) watcher.sink.ended(error);
  }

  #tell(bucket: string, group: Set<Watcher>, events: readonly CacheEvent[], last: Revision): void {
    // Watchers of one prefix get one array, filtered once.
    const selected = new Map<string, readonly CacheEvent[]>([[bucket, events]]);
    for (const watcher of group) {
      if (watcher.after >= last) continue;
      let own = selected.get(watcher.prefix) ?? events.filter((event) => event.object.key.startsWith(watcher.prefix));
      selected.set(watcher.prefix, own);
      if ((own[0]?.revision ?? last) <= watcher.after) own = own.filter((event) => event.revision > watcher.after);
      if (own.length === 0) continue;
      try {
        watcher.sink.events(own);
      } catch (error) {
        this.#remove(bucket, watcher);
        this.#broken(error);
      }
    }
  }

  #remember(events: readonly CacheEvent[]): void {
    for (const event of events) this.#recent.push(event);
    // Cut in steps: moving the array for every event would cost more than the event.
    const excess = this.#recent.length - this.#limit;
    if (excess <= this.#limit / 4) return;
    const cut = this.#recent.splice(0, excess);
    this.#completeAfter = cut.at(-1)?.revision ?? this.#completeAfter;
    for (const event of cut) this.#forgotten(event);
  }

  #remove(bucket: string, watcher: Watcher): void {
    const group = this.#watchers.get(bucket);
    group?.delete(watcher);
    if (group?.size === 0) this.#watchers.delete(bucket);
  }
}

function byBucket(events: readonly CacheEvent[]): Map<string, CacheEvent[]> {
  const buckets = new Map<string, CacheEvent[]>();
  for (const event of events) {
    const { bucket } = placeOf(event.object.key);
    const group = buckets.get(bucket);
    if (group) group.push(event);
    else buckets.set(bucket, [event]);
  }
  return buckets;
}
