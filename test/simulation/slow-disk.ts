import type { MemoryStoreOptions } from '@flotilla/hub/store/memory/memory-store.js';
import type { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';

export interface DiskOptions {
  readonly seed: number;
  /** Syncs a second. */
  readonly perSecond: number;
  /** How long it stands still now and then. */
  readonly stallMs: number;
  /** Chance of that, per sync. */
  readonly stalls: number;
  readonly maxWaiting: number;
  readonly stalled?: () => void;
}

/**
 * A disk that syncs seldom, and sometimes not at all for a while: for the first time as soon as it is slow. It is well at first: a hub
 * has to start.
 */
export class SlowDisk {
  readonly #options: DiskOptions;
  readonly #random: SeededRandom;
  #slow = false;
  #stalledOnce = false;
  #readyMs = 0;

  constructor(options: DiskOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
  }

  slow(slow: boolean): void {
    this.#slow = slow;
    this.#stalledOnce = false;
  }

  of(clock: FakeClock): Pick<MemoryStoreOptions, 'disk' | 'maxWaiting'> {
    const { perSecond, stallMs, stalls, stalled, maxWaiting } = this.#options;
    const disk = (commit: () => void): void => {
      if (!this.#slow) {
        queueMicrotask(commit);
        return;
      }
      // One round in sixty would have no stall at all.
      const stands = this.#random.next() < stalls || !this.#stalledOnce;
      this.#stalledOnce = true;
      if (stands) stalled?.();
      const nowMs = clock.monotonicMs();
      this.#readyMs = Math.max(nowMs, this.#readyMs) + 1000 / perSecond + (stands ? stallMs : 0);
      clock.after('simulated disk', this.#readyMs - nowMs, commit);
    };
    return { disk, maxWaiting };
  }
}
