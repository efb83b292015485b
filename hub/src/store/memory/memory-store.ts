import type { Clock } from '@flotilla/shared/clock/clock.js';
import {
  CompactedError,
  FutureRevisionError,
  type KeyValue,
  type ListOptions,
  type ListResult,
  type PutOptions,
  type Revision,
  type Store,
  StoreBusyError,
  type StoreEvent,
  StoreUnavailableError,
  type Watch,
  type WatchHandler,
  type WriteOptions,
  type WriteResult,
} from '../contract.ts';
import { ExpiryQueue } from '../expiry-queue.ts';
import { FanOut } from '../fan-out.ts';
import { RevisionGate } from '../revision-gate.ts';
import { page, SortedEntries, withPrefix } from '../sorted-entries.ts';

export interface MemoryStoreOptions {
  readonly clock: Clock;
  readonly epoch?: number;
  /** Older events are compacted away when there are more than this; 100,000 by default. */
  readonly historyLimit?: number;
  /** Begins with this, as a hub does that was restored from a backup. */
  readonly restored?: MemoryBackup;
  /** Where revisions begin; 1 by default. */
  readonly firstRevision?: Revision;
  /** Writes that may wait; 10,000 by default. */
  readonly maxWaiting?: number;
  /** Calls `commit` when the disk is ready for it, in a simulation of a slow one; at the end of the turn by default. */
  readonly disk?: (commit: () => void) => void;
}

/** All that a store held at one moment. */
export interface MemoryBackup {
  readonly epoch: number;
  readonly revision: Revision;
  readonly items: readonly KeyValue[];
}

interface Waiting {
  readonly key: string;
  /** undefined deletes. */
  readonly value: string | undefined;
  readonly options: PutOptions;
  resolve(result: WriteResult): void;
}

const restoreJump = 1_000_000_000;

/**
 * The contract in its plainest form, for tests and simulations: nothing outlives the process, and the same calls give
 * the same history every time. What is written in one turn of the event loop commits together.
 */
export class MemoryStore implements Store {
  readonly shared = false;
  readonly epoch: number;
  readonly restoredFrom: Store['restoredFrom'];
  readonly #historyLimit: number;
  readonly #maxWaiting: number;
  readonly #disk: (commit: () => void) => void;
  readonly #live = new SortedEntries<KeyValue>();
  readonly #fanOut = new FanOut();
  readonly #gate: RevisionGate;
  readonly #expiry: ExpiryQueue;
  #history: StoreEvent[] = [];
  #compacted: Revision = 0;
  #waiting: Waiting[] = [];
  #closed: Error | undefined;

  constructor(options: MemoryStoreOptions) {
    const { restored, firstRevision = 1 } = options;
    this.epoch = options.epoch ?? (restored ? restored.epoch + 1 : 1);
    this.restoredFrom = restored && { epoch: restored.epoch, revision: restored.revision };
    this.#gate = new RevisionGate(restored ? Math.max(restored.revision + restoreJump, firstRevision) : firstRevision);
    for (const item of restored?.items ?? []) this.#live.set(item);
    if (this.#gate.current > 1) this.#compacted = this.#gate.current;
    this.#historyLimit = options.historyLimit ?? 100_000;
    this.#maxWaiting = options.maxWaiting ?? 10_000;
    this.#disk = options.disk ?? queueMicrotask;
    this.#expiry = new ExpiryQueue(options.clock, (batch) => {
      for (const { key, revision } of batch)
        this.#enqueue({ key, value: undefined, options: { expectedRevision: revision }, resolve: () => {} });
    });
  }

  async currentRevision(): Promise<Revision> {
    this.#check();
    return this.#gate.current;
  }

  waitFor(revision: Revision, signal?: AbortSignal): Promise<void> {
    return this.#gate.wait(revision, signal);
  }

  async get(key: string): Promise<KeyValue | undefined> {
    this.#check();
    return this.#live.get(key);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    this.#check();
    const current = this.#gate.current;
    const revision = options.revision || current;
    if (revision > current) throw new FutureRevisionError(revision, current);
    if (revision < this.#compacted) throw new CompactedError(this.#compacted);
    return { ...page(this.#at(prefix, revision), options), revision };
  }

  put(key: string, value: string, options: PutOptions = {}): Promise<WriteResult> {
    return this.#write(key, value, options);
  }

  delete(key: string, options: WriteOptions = {}): Promise<WriteResult> {
    return this.#write(key, undefined, options);
  }

  async watch(prefix: string, after: Revision, handler: WatchHandler): Promise<Watch> {
    this.#check();
    if (after < this.#compacted) throw new CompactedError(this.#compacted);
    const missed = this.#since(after).filter((event) => event.key.startsWith(prefix));
    if (missed.length > 0) handler.events(missed);
    return this.#fanOut.add(prefix, Math.max(after, this.#gate.current), handler);
  }

  async compact(revision: Revision): Promise<void> {
    this.#check();
    if (revision > this.#gate.current) throw new FutureRevisionError(revision, this.#gate.current);
    if (revision <= this.#compacted) return;
    this.#history = this.#since(revision);
    this.#compacted = revision;
  }

  /** What `restored` of a later store takes. */
  backup(): MemoryBackup {
    return { epoch: this.epoch, revision: this.#gate.current, items: [...this.#live.list()] };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#commit();
    this.#closed = new StoreUnavailableError('the store is closed');
    this.#expiry.close();
    this.#gate.fail(this.#closed);
    this.#fanOut.end(this.#closed);
  }

  #check(): void {
    if (this.#closed) throw this.#closed;
  }

  #write(key: string, value: string | undefined, options: PutOptions): Promise<WriteResult> {
    if (this.#closed) return Promise.reject(this.#closed);
    if (this.#waiting.length >= this.#maxWaiting) return Promise.reject(new StoreBusyError());
    return new Promise((resolve) => this.#enqueue({ key, value, options, resolve }));
  }

  #enqueue(write: Waiting): void {
    this.#waiting.push(write);
    if (this.#waiting.length === 1) this.#disk(() => this.#commit());
  }

  #commit(): void {
    if (this.#closed || this.#waiting.length === 0) return;
    const batch = this.#waiting;
    this.#waiting = [];
    const events: StoreEvent[] = [];
    const results = batch.map((write) => this.#apply(write, events));
    this.#history.push(...events);
    const excess = this.#history.length - this.#historyLimit;
    if (excess > this.#historyLimit / 10) this.#compacted = this.#history.splice(0, excess).at(-1)?.revision ?? this.#compacted;
    this.#fanOut.publish(events);
    this.#gate.advance(events.at(-1)?.revision ?? 0);
    for (const [index, write] of batch.entries()) write.resolve(results[index] as WriteResult);
  }

  #apply({ key, value, options }: Waiting, events: StoreEvent[]): WriteResult {
    const { expectedRevision, fence } = options;
    if (fence && (this.#live.get(fence.key)?.revision ?? 0) !== fence.revision) return { ok: false, reason: 'fenced' };
    const current = this.#live.get(key);
    const unexpected = expectedRevision !== undefined && (current?.revision ?? 0) !== expectedRevision;
    if (unexpected || (value === undefined && !current)) return { ok: false, reason: 'conflict', current };
    const revision = (events.at(-1)?.revision ?? this.#gate.current) + 1;
    if (value === undefined) {
      this.#live.delete(key);
    } else {
      this.#live.set({ key, value, revision, createRevision: current?.createRevision ?? revision });
      if (options.ttlSeconds) this.#expiry.add(key, revision, options.ttlSeconds);
    }
    events.push({ type: value === undefined ? 'delete' : 'put', key, value, previous: current, revision });
    return { ok: true, revision, previous: current };
  }

  /** The events after a revision. */
  #since(revision: Revision): StoreEvent[] {
    let low = 0;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#history[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#history.slice(low);
  }

  /** What stood at a revision: what stands now, with later events taken back. */
  #at(prefix: string, revision: Revision): readonly KeyValue[] {
    const later = this.#since(revision).filter((event) => event.key.startsWith(prefix));
    const now = withPrefix(this.#live.list(), prefix);
    if (later.length === 0) return now;
    const then = new SortedEntries<KeyValue>();
    for (const entry of now) then.set(entry);
    for (const event of later.reverse()) {
      if (event.previous) then.set(event.previous);
      else then.delete(event.key);
    }
    return then.list();
  }
}
