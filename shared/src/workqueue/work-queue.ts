import type { Clock, Timer } from '../clock/clock.ts';
import type { Random } from '../platform/random.ts';
import { controllerRetry, type RetrySchedule, retryDelayMs } from './retry-schedule.ts';

/** Called as things happen; must not throw. The names follow client-go's workqueue metrics. */
export interface WorkQueueMetrics {
  depth?(queue: string, keys: number): void;
  added?(queue: string): void;
  retried?(queue: string): void;
  dropped?(queue: string): void;
  queuedMs?(queue: string, ms: number): void;
  workedMs?(queue: string, ms: number): void;
}

export interface WorkQueueOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Pick<Random, 'next'>;
  readonly retry?: RetrySchedule;
  /** The most keys that wait, now or later. At the limit a new key is refused and counted. 1,000,000 when left out. */
  readonly maxKeys?: number;
  readonly metrics?: WorkQueueMetrics;
}

interface Waiting {
  readonly dueMs: number;
  readonly timer: Timer;
}

/**
 * A queue of keys for reconcilers (after client-go, `util/workqueue`).
 *
 * INVARIANTS
 * - A key is worked on by one worker at a time.
 * - A key added while it is worked on comes again afterwards: no signal is lost, and many signals are one.
 * - Keys leave in the order they came in; a delayed key joins the end when its time is up.
 */
export class WorkQueue {
  readonly name: string;
  readonly #clock: Clock;
  readonly #random: Pick<Random, 'next'>;
  readonly #retry: RetrySchedule;
  readonly #maxKeys: number;
  readonly #metrics: WorkQueueMetrics;
  /** In order; every key here is also in #dirty and not in #processing. */
  #order: string[] = [];
  #head = 0;
  /** Needs work: key and since when. */
  readonly #dirty = new Map<string, number>();
  readonly #processing = new Map<string, number>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #failures = new Map<string, number>();
  #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.name = options.name;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#retry = options.retry ?? controllerRetry;
    this.#maxKeys = options.maxKeys ?? 1_000_000;
    this.#metrics = options.metrics ?? {};
  }

  /** How many keys are ready and not being worked on. */
  get length(): number {
    return this.#order.length - this.#head;
  }

  /** True when nothing is ready and nothing is being worked on; delayed keys may be waiting. */
  get idle(): boolean {
    return this.length === 0 && this.#processing.size === 0;
  }

  /** @returns false when the key was refused: the queue is full or shut down. */
  add(key: string): boolean {
    if (this.#closed) return false;
    if (this.#dirty.has(key)) return true;
    if (this.#full(key)) return false;
    this.#dirty.set(key, this.#clock.monotonicMs());
    this.#metrics.added?.(this.name);
    if (this.#processing.has(key)) return true;
    this.#push(key);
    return true;
  }

  /** Adds after a delay; of two delays for one key the earlier counts. */
  addAfter(key: string, delayMs: number): boolean {
    if (delayMs <= 0) return this.add(key);
    if (this.#closed) return false;
    const dueMs = this.#clock.monotonicMs() + delayMs;
    const known = this.#waiting.get(key);
    if (known && known.dueMs <= dueMs) return true;
    if (!known && this.#full(key)) return false;
    known?.timer.cancel();
    const timer = this.#clock.after(`workqueue ${this.name}`, delayMs, () => {
      this.#waiting.delete(key);
      this.add(key);
    });
    this.#waiting.set(key, { dueMs, timer });
    return true;
  }

  /** Adds after the back-off of this key's failures, and counts one more. */
  addRateLimited(key: string): boolean {
    const failures = this.failures(key) + 1;
    this.#failures.set(key, failures);
    this.#metrics.retried?.(this.name);
    return this.addAfter(key, retryDelayMs(this.#retry, failures, this.#random));
  }

  /** The key's work succeeded: its next failure starts the back-off anew. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, to be given back with `done`; undefined once the queue is shut down. */
  get(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const key = this.#shift();
    if (key !== undefined) return Promise.resolve(this.#start(key));
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    const since = this.#processing.get(key);
    if (since === undefined) return;
    this.#processing.delete(key);
    this.#metrics.workedMs?.(this.name, this.#clock.monotonicMs() - since);
    if (this.#dirty.has(key) && !this.#closed) this.#push(key);
  }

  /** Wakes every taker with undefined; nothing is accepted afterwards. */
  shutDown(): void {
    this.#closed = true;
    for (const { timer } of this.#waiting.values()) timer.cancel();
    this.#waiting.clear();
    const takers = this.#takers;
    this.#takers = [];
    for (const take of takers) take(undefined);
  }

  #full(key: string): boolean {
    if (this.#waiting.has(key) || this.#dirty.size + this.#waiting.size < this.#maxKeys) return false;
    this.#metrics.dropped?.(this.name);
    return true;
  }

  #push(key: string): void {
    const take = this.#takers.shift();
    if (take) {
      take(this.#start(key));
      return;
    }
    this.#order.push(key);
    this.#metrics.depth?.(this.name, this.length);
  }

  #shift(): string | undefined {
    if (this.length === 0) return undefined;
    const key = this.#order[this.#head++];
    if (this.#head > 1024 && this.#head * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#head);
      this.#head = 0;
    }
    return key;
  }

  #start(key: string): string {
    const nowMs = this.#clock.monotonicMs();
    this.#metrics.queuedMs?.(this.name, nowMs - (this.#dirty.get(key) ?? nowMs));
    this.#metrics.depth?.(this.name, this.length);
    this.#dirty.delete(key);
    this.#processing.set(key, nowMs);
    return key;
  }
}
