import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import {
  CompactedError,
  type KeyValue,
  type ListOptions,
  type ListResult,
  type PutOptions,
  type Revision,
  type Store,
  type StoreEvent,
  StoreUnavailableError,
  type ValueTransformer,
  type Watch,
  type WatchHandler,
  type WriteOptions,
  type WriteResult,
} from '../contract.ts';
import { type Expiring, ExpiryQueue } from '../expiry-queue.ts';
import { FanOut } from '../fan-out.ts';
import { type HistoryOptions, HistoryPolicy, repeat } from '../history-policy.ts';
import { RevisionGate } from '../revision-gate.ts';
import { fromFailure } from './errors.ts';
import { FileThread } from './file-thread.ts';
import type { BatchResult, Calls, HistoryPage, Opened } from './protocol.ts';
import { open, WriteQueue, type WriteQueueLimits } from './write-queue.ts';

export interface SqliteStoreOptions {
  /** Made with mode 0600 when it is not there; its journal and reserve lie beside it. */
  readonly file: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Encryption of every value at rest. */
  readonly transformer?: ValueTransformer | undefined;
  /** FULL when left out. NORMAL loses acknowledged writes in a power cut: for measuring only. */
  readonly synchronous?: 'FULL' | 'NORMAL';
  /** How much room is kept back for deleting on a full disk; 8 MiB when left out. */
  readonly reserveBytes?: number;
  /** How many writes may wait; 10,000 and 64 MiB when left out. */
  readonly limits?: WriteQueueLimits;
  readonly keepHistory?: HistoryOptions;
  /** Where the revisions of a file that is made now begin: above all that an earlier one of this cluster gave out. */
  readonly firstRevision?: Revision;
}

const recoverMs = 10_000;
const retryExpirySeconds = 10;

/**
 * The store of a single hub: an append-only log in one SQLite file, written by a thread of its own with a full sync for
 * every commit. What arrives while one commit runs goes into the next together.
 */
export class SqliteStore implements Store {
  readonly shared = false;
  readonly epoch: number;
  readonly restoredFrom: Store['restoredFrom'];
  readonly #options: SqliteStoreOptions;
  readonly #thread: FileThread;
  readonly #queue: WriteQueue;
  readonly #fanOut = new FanOut();
  readonly #gate: RevisionGate;
  readonly #expiry: ExpiryQueue;
  #compacted: Revision;
  readonly #history: HistoryPolicy;
  #routines: { stop(): void }[] = [];
  #committing = false;
  #scheduled = false;
  #full = false;
  #drained: (() => void) | undefined;
  #ended: Error | undefined;

  /** @throws StoreLockedError when another hub has the file open, StoreUnavailableError when it cannot be used */
  static async open(options: SqliteStoreOptions): Promise<SqliteStore> {
    let died: (error: Error) => void = () => {};
    const thread = new FileThread((error) => died(error));
    const { file, synchronous = 'FULL', reserveBytes = 8 << 20, firstRevision } = options;
    try {
      const opened = await call(thread, options, 'open', { file, synchronous, reserveBytes, firstRevision });
      const store = new SqliteStore(options, thread, opened);
      died = (error) => store.#fail(error);
      return store;
    } catch (error) {
      await thread.close();
      throw error;
    }
  }

  private constructor(options: SqliteStoreOptions, thread: FileThread, opened: Opened) {
    this.#options = options;
    this.#thread = thread;
    this.epoch = opened.epoch;
    this.restoredFrom = opened.restoredFrom;
    this.#compacted = opened.compacted;
    this.#gate = new RevisionGate(opened.revision);
    this.#queue = new WriteQueue(options.limits ?? { writes: 10_000, bytes: 64 << 20 }, options.transformer);
    this.#expiry = new ExpiryQueue(options.clock, (batch) => this.#expire(batch));
    for (const { key, revision, ttlSeconds } of opened.expiring) this.#expiry.add(key, revision, ttlSeconds);
    this.#history = new HistoryPolicy(options.keepHistory);
    this.#repeat('store compaction', this.#history.periodMs, () => this.#compactOld());
    if (opened.full) this.#becameFull();
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
    const row = await this.#call('get', key);
    return row ? open(row, this.#options.transformer) : undefined;
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    this.#check();
    try {
      return await this.#listPages(prefix, options);
    } catch (error) {
      // The newest was asked for and compacted between two pages: the newest is another one now.
      if (options.revision || !(error instanceof CompactedError)) throw error;
      return await this.#listPages(prefix, options);
    }
  }

  put(key: string, value: string, options: PutOptions = {}): Promise<WriteResult> {
    return this.#write(key, value, options);
  }

  delete(key: string, options: WriteOptions = {}): Promise<WriteResult> {
    return this.#write(key, undefined, options);
  }

  async watch(prefix: string, after: Revision, handler: WatchHandler): Promise<Watch> {
    this.#check();
    return new Promise((resolve, reject) => {
      const step = (from: Revision): void => {
        this.#thread.call('history', { prefix, after: from }, (answer) => {
          if ('failure' in answer) return reject(this.#errorOf(answer.failure, from));
          if (this.#ended) return reject(this.#ended);
          const { events, upTo, complete } = answer.result;
          if (events.length > 0) handler.events(events.map((event) => this.#eventOf(event)));
          // No later commit was looked at yet, so from here on the live events follow without a gap.
          if (complete) resolve(this.#fanOut.add(prefix, Math.max(after, upTo), handler));
          else step(upTo);
        });
      };
      step(after);
    });
  }

  async compact(revision: Revision): Promise<void> {
    this.#check();
    this.#compacted = Math.max(this.#compacted, revision);
    // One slice at a time: writes that arrive meanwhile go in between.
    while (await this.#call('compact', revision, revision));
  }

  /** Writes a copy of what is committed now to a new file. Other work waits meanwhile. */
  backup(file: string): Promise<void> {
    this.#check();
    return this.#call('backup', file);
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    const reason = new StoreUnavailableError('the store is closed');
    this.#end(reason);
    if (this.#committing || this.#queue.size > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    this.#gate.fail(reason);
    this.#fanOut.end(reason);
    await this.#thread.close();
  }

  #check(): void {
    if (this.#ended) throw this.#ended;
  }

  #errorOf(failure: Parameters<typeof fromFailure>[0], revision: Revision): Error {
    return fromFailure(failure, { file: this.#options.file, revision });
  }

  #call<Name extends keyof Calls>(name: Name, argument: Parameters<Calls[Name]>[0], revision = 0): Promise<ReturnType<Calls[Name]>> {
    return call(this.#thread, this.#options, name, argument, revision);
  }

  async #listPages(prefix: string, options: ListOptions): Promise<ListResult> {
    const items: KeyValue[] = [];
    const limit = options.limit ?? 0;
    let revision = options.revision ?? 0;
    let after = options.after ?? null;
    for (;;) {
      const query = { prefix, revision, after, limit: limit && limit - items.length };
      const page = await this.#call('list', query, revision);
      for (const row of page.items) items.push(open(row, this.#options.transformer));
      revision = page.revision;
      after = page.items.at(-1)?.key ?? after;
      if (page.remaining === 0 || items.length === limit) return { items, revision, remaining: page.remaining };
    }
  }

  #write(key: string, value: string | undefined, options: PutOptions): Promise<WriteResult> {
    if (this.#ended) return Promise.reject(this.#ended);
    const result = this.#queue.add(key, value, options);
    if (!this.#committing && !this.#scheduled && this.#queue.size > 0) {
      this.#scheduled = true;
      queueMicrotask(() => {
        this.#scheduled = false;
        this.#send();
      });
    }
    return result;
  }

  #send(): void {
    if (this.#committing || this.#queue.size === 0) return;
    const { batch, settle, refuse } = this.#queue.take();
    this.#committing = true;
    this.#thread.call('commit', batch, (answer) => {
      this.#committing = false;
      if ('failure' in answer) {
        // Whether it reached the disk is unknown: only reading the file anew tells.
        const error = this.#errorOf(answer.failure, 0);
        refuse(error);
        return this.#fail(error);
      }
      // The thread goes on before the watchers are told.
      this.#send();
      this.#publish(answer.result, settle);
      if (!this.#committing && this.#queue.size === 0) this.#drained?.();
    });
  }

  #publish(result: BatchResult, settle: ReturnType<WriteQueue['take']>['settle']): void {
    const { events, ttlSeconds, answer } = settle(result);
    for (const [at, event] of events.entries()) {
      const ttl = ttlSeconds[at];
      if (ttl) this.#expiry.add(event.key, event.revision, ttl);
    }
    this.#gate.advance(events.at(-1)?.revision ?? 0);
    this.#fanOut.publish(events);
    answer();
    if (result.full && !this.#full) this.#becameFull();
  }

  #eventOf({ key, value, previous, revision }: HistoryPage['events'][number]): StoreEvent {
    const { transformer } = this.#options;
    const text = value === null ? undefined : open({ key, value, revision, createRevision: revision }, transformer).value;
    return {
      type: value === null ? 'delete' : 'put',
      key,
      value: text,
      previous: previous ? open(previous, transformer) : undefined,
      revision,
    };
  }

  #expire(batch: readonly Expiring[]): void {
    for (const { key, revision } of batch) {
      this.#write(key, undefined, { expectedRevision: revision }).catch(() => this.#expiry.add(key, revision, retryExpirySeconds));
    }
  }

  async #compactOld(): Promise<void> {
    const old = this.#history.compactTo(this.#options.clock.monotonicMs(), this.#gate.current);
    if (old > this.#compacted) await this.compact(old);
  }

  #becameFull(): void {
    this.#full = true;
    this.#options.logger.error('the disk is full: only deletes are accepted until there is room again', { file: this.#options.file });
    const recovery = this.#repeat('store recovery', recoverMs, async () => {
      // Without history the file can give room back; who watches from before lists anew.
      await this.compact(this.#gate.current);
      if (!(await this.#call('recover', undefined))) return;
      this.#full = false;
      recovery.stop();
      this.#options.logger.info('the disk has room again: writes are accepted', { file: this.#options.file });
    });
  }

  #repeat(name: string, periodMs: number, work: () => Promise<void>): { stop(): void } {
    const routine = repeat(this.#options.clock, name, periodMs, work, (error) => {
      if (!this.#ended) this.#options.logger.error(`${name} failed`, { error });
    });
    this.#routines.push(routine);
    return routine;
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    this.#expiry.close();
    for (const routine of this.#routines.splice(0)) routine.stop();
  }

  #fail(error: Error): void {
    const first = !this.#ended;
    this.#end(error);
    this.#queue.refuseAll(error);
    this.#drained?.();
    if (!first) return;
    this.#options.logger.error('the store failed', { error });
    this.#gate.fail(error);
    this.#fanOut.end(error);
    this.#thread.close().catch(() => {});
  }
}

function call<Name extends keyof Calls>(
  thread: FileThread,
  options: SqliteStoreOptions,
  name: Name,
  argument: Parameters<Calls[Name]>[0],
  revision = 0,
): Promise<ReturnType<Calls[Name]>> {
  return new Promise((resolve, reject) => {
    thread.call(name, argument, (answer) => {
      if ('failure' in answer) reject(fromFailure(answer.failure, { file: options.file, revision }));
      else resolve(answer.result);
    });
  });
}
