import type { Revision } from './contract.ts';

interface Waiter {
  readonly revision: Revision;
  resolve(): void;
  reject(reason: unknown): void;
}

/** How far something has come, and who waits for it to come further. */
export class RevisionGate {
  #current: Revision;
  #waiters = new Set<Waiter>();
  #failure: Error | undefined;

  constructor(current: Revision) {
    this.#current = current;
  }

  get current(): Revision {
    return this.#current;
  }

  advance(revision: Revision): void {
    if (revision <= this.#current) return;
    this.#current = revision;
    for (const waiter of this.#waiters) {
      if (waiter.revision > revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  wait(revision: Revision, signal?: AbortSignal): Promise<void> {
    if (revision <= this.#current) return Promise.resolve();
    if (this.#failure) return Promise.reject(this.#failure);
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      const done = (settle: () => void): void => {
        signal?.removeEventListener('abort', onAbort);
        settle();
      };
      const waiter: Waiter = { revision, resolve: () => done(resolve), reject: (reason) => done(() => reject(reason)) };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Nothing will come any more: whoever waits is told why. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const waiter of this.#waiters) waiter.reject(this.#failure);
    this.#waiters.clear();
  }
}
