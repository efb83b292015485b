import { CompactedError, FutureRevisionError, type Revision, StoreUnavailableError } from '../contract.ts';
import type { Failure } from './protocol.ts';

/** Another process has this store open. */
export class StoreLockedError extends Error {
  constructor(file: string, options?: ErrorOptions) {
    super(`${file} is in use by another hub; only one can own a data directory`, options);
    this.name = 'StoreLockedError';
  }
}

/** The file cannot be used: damaged, or written by a newer version. */
export class StoreBrokenError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreBrokenError';
  }
}

const codes = { busy: 5, full: 13 } as const;

/** SQLite's own result code, without its extension. */
function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

export const isDiskFull = (error: unknown): boolean => sqliteCode(error) === codes.full;
export const isBusy = (error: unknown): boolean => sqliteCode(error) === codes.busy;

/** Errors lose their class on the way between threads; this is what is kept. */
export function toFailure(error: unknown, revision: Revision): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof CompactedError) return { kind: 'compacted', message, revision: error.compactRevision };
  if (error instanceof FutureRevisionError) return { kind: 'future', message, revision };
  return { kind: error instanceof StoreLockedError ? 'locked' : 'broken', message, revision };
}

export function fromFailure(failure: Failure, asked: { file: string; revision: Revision }): Error {
  if (failure.kind === 'compacted') return new CompactedError(failure.revision);
  if (failure.kind === 'future') return new FutureRevisionError(asked.revision, failure.revision);
  if (failure.kind === 'locked') return new StoreLockedError(asked.file);
  return new StoreUnavailableError(failure.message);
}
