import type { Clock } from '@flotilla/shared/clock/clock.js';
import { TokenBucket } from '@flotilla/shared/workqueue/token-bucket.js';
import { OneByOne } from './one-by-one.ts';
import { brokerLimits } from './types.ts';

/** Refusals at once that are answered at once, and how soon one more is. */
const quick = { burst: 5, perSecond: 1 / 30 };
const remembered = 10_000;
/** Who heard it last comes back last: handshakes are spread. A board gives up after 15 s. */
const heldFor = { leastMs: brokerLimits.refusalHeldMs, apartMs: 20, mostMs: 14_000 };

/**
 * Gives refusals their time. A device that is refused again and again gets its answer late, so that it spends its time waiting and not
 * on new handshakes; one that was refused for the first time hears it at once.
 */
export class Refusals {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #turns = new OneByOne();
  #held = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `say` now or later. @returns whether this device knocks all the time */
  answer(node: string | undefined, say: () => void): boolean {
    const often = node !== undefined && !this.#bucket(node).take(this.#clock.monotonicMs());
    if (!often || this.#held >= brokerLimits.heldRefusals) {
      say();
      return often;
    }
    this.#held++;
    const heldMs = this.#turns.next(this.#clock.monotonicMs(), heldFor);
    this.#clock.after('broker: refusal', heldMs, () => {
      this.#held--;
      say();
    });
    return true;
  }

  #bucket(node: string): TokenBucket {
    const bucket = this.#buckets.get(node) ?? new TokenBucket(quick);
    // The one refused last is forgotten last.
    this.#buckets.delete(node);
    this.#buckets.set(node, bucket);
    if (this.#buckets.size > remembered) {
      const [oldest] = this.#buckets.keys();
      this.#buckets.delete(oldest ?? '');
    }
    return bucket;
  }
}
