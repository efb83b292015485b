import type { Fence, KeyValue, Revision } from '../contract.ts';

/** A value as it lies in the file: text, or bytes when a transformer seals it so. */
export type Sealed = string | Uint8Array;

/**
 * Writes that commit together. One array for each field, and none where all writes have the usual value: what goes between
 * threads is cloned, and for a single writer every piece of it shows.
 */
export interface Batch {
  readonly keys: string[];
  /** null deletes. */
  readonly values: (Sealed | null)[];
  /** -1 writes blindly, as do all when left out. */
  readonly expected?: number[] | undefined;
  /** 0 lives for ever. */
  readonly ttlSeconds?: number[] | undefined;
  readonly fences?: (Fence | null)[] | undefined;
  /** May use the space that is kept back. */
  readonly deleting?: boolean[] | undefined;
}

export const outcome = { ok: 0, conflict: 1, fenced: 2, full: 3 } as const;

export interface Row extends Omit<KeyValue, 'value'> {
  readonly value: Sealed;
}

/** What became of each write of a batch. */
export interface BatchResult {
  /** All are ok when left out. */
  readonly outcomes?: number[] | undefined;
  /** The revision of the first write that is ok; the others that are follow by one. */
  readonly first: Revision;
  /** What stood there before, or on a conflict what stands there; nothing anywhere when left out. */
  readonly previous?: (Row | null)[] | undefined;
  readonly full: boolean;
}

export interface LogEvent {
  readonly key: string;
  readonly value: Sealed | null;
  readonly previous: Row | null;
  readonly revision: Revision;
}

export interface Opened {
  readonly epoch: number;
  readonly revision: Revision;
  readonly compacted: Revision;
  readonly full: boolean;
  readonly restoredFrom: { readonly epoch: number; readonly revision: Revision } | undefined;
  /** Keys that shall expire. */
  readonly expiring: { key: string; revision: Revision; ttlSeconds: number }[];
}

export interface ListPage {
  readonly items: Row[];
  readonly revision: Revision;
  readonly remaining: number;
}

export interface HistoryPage {
  readonly events: LogEvent[];
  /** Nothing with this prefix is missing up to here. */
  readonly upTo: Revision;
  /** `upTo` is the newest revision. */
  readonly complete: boolean;
}

/** What the thread that owns the file does; each call is one message there and one back, in order. */
export interface Calls {
  /** `firstRevision`: where a file that is made now begins. */
  open(options: { file: string; synchronous: 'FULL' | 'NORMAL'; reserveBytes: number; firstRevision?: Revision | undefined }): Opened;
  commit(batch: Batch): BatchResult;
  get(key: string): Row | null;
  list(query: { prefix: string; revision: Revision; after: string | null; limit: number }): ListPage;
  history(query: { prefix: string; after: Revision }): HistoryPage;
  /** One slice; true when there is more to do. */
  compact(revision: Revision): boolean;
  /** Tries to get out of a full disk: gives back what is free and sets the reserve aside again. Whether that worked. */
  recover(): boolean;
  backup(file: string): void;
  close(): void;
}

export interface Request<Name extends keyof Calls = keyof Calls> {
  readonly call: Name;
  readonly argument: Parameters<Calls[Name]>[0];
}

export interface Failure {
  readonly kind: 'compacted' | 'future' | 'locked' | 'broken';
  readonly message: string;
  readonly revision: Revision;
}

export type Reply = { readonly result: unknown } | { readonly failure: Failure };
