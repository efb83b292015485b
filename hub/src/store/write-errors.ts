import type { Revision } from './contract.ts';

/** The key no longer had the expected revision. The cache already shows what stands there instead. */
export class RevisionConflictError extends Error {
  readonly key: string;
  /** 0 when nothing stands there. */
  readonly current: Revision;

  constructor(key: string, current: Revision) {
    super(`${key} is at revision ${current}, not at the expected one`);
    this.name = 'RevisionConflictError';
    this.key = key;
    this.current = current;
  }
}

/** The writer's lock is no longer its own: nothing was written, and it must write no more. */
export class FencedError extends Error {
  constructor(key: string) {
    super(`the write of ${key} was refused: the lock that allowed it has passed to another`);
    this.name = 'FencedError';
  }
}
