import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { Revision } from './contract.ts';

export interface Expiring {
  readonly key: string;
  /** Only this revision expires: whoever wrote the key since has given it another life. */
  readonly revision: Revision;
}

interface Due extends Expiring {
  readonly dueMs: number;
}

const batchSize = 500;

/**
 * Calls `expire` with the keys whose time is over, in batches. Counts on the monotonic clock: a wall clock that jumps
 * deletes nothing. What was already waiting when a store is opened gets its whole time again, as in etcd.
 */
export class ExpiryQueue {
  readonly #clock: Clock;
  readonly #expire: (batch: readonly Expiring[]) => void;
  /** One queue for each length of life: each is in the order of its ends by itself. */
  readonly #queues = new Map<number, { entries: Due[]; head: number }>();
  #timer: Timer | undefined;
  #timerMs = Infinity;
  #closed = false;

  constructor(clock: Clock, expire: (batch: readonly Expiring[]) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  add(key: string, revision: Revision, ttlSeconds: number): void {
    if (this.#closed) return;
    const dueMs = this.#clock.monotonicMs() + ttlSeconds * 1000;
    const queue = this.#queues.get(ttlSeconds) ?? { entries: [], head: 0 };
    this.#queues.set(ttlSeconds, queue);
    queue.entries.push({ key, revision, dueMs });
    if (dueMs < this.#timerMs) this.#arm(dueMs);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#queues.clear();
  }

  #arm(dueMs: number): void {
    this.#timer?.cancel();
    this.#timerMs = dueMs;
    this.#timer = this.#clock.after('store expiry', Math.max(0, dueMs - this.#clock.monotonicMs()), () => this.#fire());
  }

  #fire(): void {
    const nowMs = this.#clock.monotonicMs();
    const over: Expiring[] = [];
    let nextMs = Infinity;
    for (const [ttl, queue] of this.#queues) {
      for (let due = queue.entries[queue.head]; due && due.dueMs <= nowMs; due = queue.entries[queue.head]) {
        over.push(due);
        queue.head++;
      }
      const next = queue.entries[queue.head];
      if (!next) this.#queues.delete(ttl);
      else if (queue.head > 1024 && queue.head * 2 > queue.entries.length) {
        queue.entries = queue.entries.slice(queue.head);
        queue.head = 0;
      }
      if (next) nextMs = Math.min(nextMs, next.dueMs);
    }
    this.#timer = undefined;
    this.#timerMs = Infinity;
    if (nextMs < Infinity) this.#arm(nextMs);
    for (let at = 0; at < over.length; at += batchSize) this.#expire(over.slice(at, at + batchSize));
  }
}
