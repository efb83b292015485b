/**
 * The storage contract (after etcd's KV API and kine's server interface): one ordered history of keys whose position is
 * the revision. Every implementation passes `store.contract.ts`.
 *
 * INVARIANTS
 * - Nothing is visible before it is durable: reads and events are published after the commit.
 * - A write resolves after its event was handed to every watcher: a caller reads its own writes.
 * - Revisions only grow and are never reused: not after compaction, crash or restore.
 * - An event carries its key, value, previous value and revision; a delete has a revision of its own.
 */

/** The position in the history; a safe integer ≥ 1. 0 means "none". */
export type Revision = number;

export interface KeyValue {
  readonly key: string;
  /** JSON text; the store does not look inside. */
  readonly value: string;
  /** The revision of the last change of this key. */
  readonly revision: Revision;
  /** The revision at which the key came into being (again). */
  readonly createRevision: Revision;
}

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** The new value; on a delete, undefined. */
  readonly value: string | undefined;
  readonly previous: KeyValue | undefined;
  readonly revision: Revision;
}

/** A write is refused when the key named here no longer has this revision: a leader that lost its lock writes nothing. */
export interface Fence {
  readonly key: string;
  readonly revision: Revision;
}

export interface WriteOptions {
  /** Compare-and-swap: the revision the key must have now; 0 means it must not exist. Undefined writes blindly. */
  readonly expectedRevision?: Revision | undefined;
  readonly fence?: Fence | undefined;
}

export interface PutOptions extends WriteOptions {
  /** After this many seconds the key is deleted, with an event like any other delete. */
  readonly ttlSeconds?: number | undefined;
  /** Part of a deletion (marking, taking off a finalizer): may use the space that is kept back for deleting on a full disk. */
  readonly deleting?: boolean | undefined;
}

export type WriteResult =
  | { readonly ok: true; readonly revision: Revision; readonly previous: KeyValue | undefined }
  /** `current` is what stands there instead. */
  | { readonly ok: false; readonly reason: 'conflict'; readonly current: KeyValue | undefined }
  | { readonly ok: false; readonly reason: 'fenced' };

export interface ListOptions {
  /** List as of this revision; the newest when left out. */
  readonly revision?: Revision | undefined;
  readonly limit?: number | undefined;
  /** Only keys after this one: the last key of the page before. */
  readonly after?: string | undefined;
}

export interface ListResult {
  /** In the order of their keys (by UTF-8 bytes). */
  readonly items: readonly KeyValue[];
  /** The revision at which this list is true. */
  readonly revision: Revision;
  /** How many keys with this prefix follow the page. */
  readonly remaining: number;
}

export interface Watch {
  /** Stops it; no event is delivered afterwards. */
  stop(): void;
}

export interface WatchHandler {
  /** Events of one commit, in order. Must not throw and must not block. */
  events(events: readonly StoreEvent[]): void;
  /** The watch ended by itself: what it needs was compacted, or the store failed. */
  ended(error: Error): void;
}

export interface Store {
  /** Raised by a restore: (epoch, revision) orders what boards were sent even across restores. */
  readonly epoch: number;
  /** The newest revision of the backup that this store was made of, and the epoch it had: what is not above comes from there. */
  readonly restoredFrom?: { readonly epoch: number; readonly revision: Revision } | undefined;
  /** Other processes write here too: whoever wants the newest waits for `currentRevision()` first. */
  readonly shared: boolean;
  currentRevision(): Promise<Revision>;
  /** Resolves when everything up to `revision` was handed to the watchers. */
  waitFor(revision: Revision, signal?: AbortSignal): Promise<void>;
  get(key: string): Promise<KeyValue | undefined>;
  /** @throws CompactedError, FutureRevisionError */
  list(prefix: string, options?: ListOptions): Promise<ListResult>;
  put(key: string, value: string, options?: PutOptions): Promise<WriteResult>;
  /** Deleting what is not there resolves as a conflict without `current`. */
  delete(key: string, options?: WriteOptions): Promise<WriteResult>;
  /**
   * Every event with a revision > `after`. Resolves once nothing later can be missed and everything up to the revision
   * current at the call was handed over. @throws CompactedError
   */
  watch(prefix: string, after: Revision, handler: WatchHandler): Promise<Watch>;
  /** Forgets the history before `revision`; what is live stays. */
  compact(revision: Revision): Promise<void>;
  close(): Promise<void>;
}

/** The revision of a write that has to succeed. */
export async function written(write: Promise<WriteResult>): Promise<Revision> {
  const result = await write;
  if (!result.ok) throw new Error(`the write was refused: ${result.reason}`);
  return result.revision;
}

/** What was asked for lies before the compaction: the caller lists anew. */
export class CompactedError extends Error {
  readonly compactRevision: Revision;

  constructor(compactRevision: Revision, options?: ErrorOptions) {
    super(`the requested revision has been compacted; the oldest kept is ${compactRevision}`, options);
    this.name = 'CompactedError';
    this.compactRevision = compactRevision;
  }
}

/** What was asked for has not happened yet. */
export class FutureRevisionError extends Error {
  constructor(asked: Revision, current: Revision) {
    super(`revision ${asked} is in the future; the newest is ${current}`);
    this.name = 'FutureRevisionError';
  }
}

/** The store cannot take this write now (full disk, lost quorum, too many waiting): nothing was written. */
export class StoreUnavailableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreUnavailableError';
  }
}

/** Too many writes are waiting: nothing was written, and a moment later it may be taken. */
export class StoreBusyError extends StoreUnavailableError {
  constructor() {
    super('the store is busy: too many writes are waiting');
    this.name = 'StoreBusyError';
  }
}

/** Encryption at rest: seals every value on its way in and opens it on its way out. The key binds a value to its place. */
export interface ValueTransformer {
  seal(key: string, text: string): Uint8Array;
  /** @throws when the value was not sealed for this key */
  open(key: string, sealed: Uint8Array): string;
}
