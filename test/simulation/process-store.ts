import type {
  KeyValue,
  ListOptions,
  ListResult,
  PutOptions,
  Revision,
  Store,
  Watch,
  WatchHandler,
  WriteOptions,
  WriteResult,
} from '@flotilla/hub/store/contract.js';
import type { MemoryStore } from '@flotilla/hub/store/memory/memory-store.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { Life } from './life.ts';

/**
 * A store as one run of the hub sees it: what was committed outlives the run. `crashAfter(n)` ends the process at its n-th write from
 * now; that write is lost or is durable without having been acknowledged, as chance has it.
 */
export class ProcessStore implements Store {
  readonly shared = false;
  readonly #inner: MemoryStore;
  readonly #life: Life;
  readonly #random: Random;
  #writesLeft = Number.POSITIVE_INFINITY;
  #crash: () => void = () => {};

  constructor(inner: MemoryStore, life: Life, random: Random) {
    this.#inner = inner;
    this.#life = life;
    this.#random = random;
  }

  crashAfter(writes: number, crash: () => void): void {
    this.#writesLeft = writes;
    this.#crash = crash;
  }

  get epoch(): number {
    return this.#inner.epoch;
  }

  get restoredFrom(): Store['restoredFrom'] {
    return this.#inner.restoredFrom;
  }

  currentRevision(): Promise<Revision> {
    return this.#life.guard(this.#inner.currentRevision());
  }

  waitFor(revision: Revision, signal?: AbortSignal): Promise<void> {
    return this.#life.guard(this.#inner.waitFor(revision, signal));
  }

  get(key: string): Promise<KeyValue | undefined> {
    return this.#life.guard(this.#inner.get(key));
  }

  list(prefix: string, options?: ListOptions): Promise<ListResult> {
    return this.#life.guard(this.#inner.list(prefix, options));
  }

  put(key: string, value: string, options?: PutOptions): Promise<WriteResult> {
    return this.#write(() => this.#inner.put(key, value, options));
  }

  delete(key: string, options?: WriteOptions): Promise<WriteResult> {
    return this.#write(() => this.#inner.delete(key, options));
  }

  async watch(prefix: string, after: Revision, handler: WatchHandler): Promise<Watch> {
    const watch = await this.#life.guard(
      this.#inner.watch(prefix, after, {
        events: (events) => this.#life.run(() => handler.events(events)),
        ended: (error) => this.#life.run(() => handler.ended(error)),
      }),
    );
    this.#life.onEnd(() => watch.stop());
    return watch;
  }

  compact(revision: Revision): Promise<void> {
    return this.#life.guard(this.#inner.compact(revision));
  }

  /** The process lets go of it. */
  async close(): Promise<void> {}

  #write(write: () => Promise<WriteResult>): Promise<WriteResult> {
    if (this.#life.ended) return new Promise(() => {});
    if (--this.#writesLeft > 0) return this.#life.guard(write());
    if (this.#random.next() < 0.5) void write();
    this.#crash();
    return new Promise(() => {});
  }
}
