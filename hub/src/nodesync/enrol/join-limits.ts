import type { Clock } from '@flotilla/shared/clock/clock.js';
import { tooManyRequests } from '@flotilla/shared/errors/status.js';
import { TokenBucket } from '@flotilla/shared/workqueue/token-bucket.js';

/** Certificates made: each is a few milliseconds of the hub's time, so a flood of requests must not buy all of it. */
export const joinLimits = {
  /** By everybody. */
  all: { burst: 1_000, perSecond: 100 },
  /** With one token: whoever has it cannot take the places of those with another. */
  token: { burst: 800, perSecond: 80 },
  /** Renewals of one board. */
  renewal: { burst: 10, perSecond: 1 / 60 },
  /** Boards behind one address that ask whether they were approved. */
  waiting: { burst: 200, perSecond: 10 },
  remembered: 10_000,
} as const;

export interface JoinCounters {
  joined: number;
  renewed: number;
  /** The token is unknown, used up or over, the name is taken, the key is not enrolled. */
  refused: number;
  /** Told to come again: 429. */
  limited: number;
}

/** How often boards may join and renew, whatever address they come from: a whole fleet may sit behind one. */
export class JoinLimits {
  readonly counters: JoinCounters = { joined: 0, renewed: 0, refused: 0, limited: 0 };
  readonly #clock: Clock;
  readonly #all = new TokenBucket(joinLimits.all);
  readonly #each = new Map<string, TokenBucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** For a token that is good. @throws StatusError 429 with the time to come again */
  join(tokenId: string): void {
    this.#take([this.#bucket(`token ${tokenId}`, joinLimits.token), this.#all], 'too many boards join at once');
  }

  /** For a board that is enrolled. @throws StatusError 429 */
  renew(node: string): void {
    this.#take([this.#bucket(`renewal ${node}`, joinLimits.renewal), this.#all], 'too many certificates are asked for');
  }

  /** For a board that waits to be approved, by where it asks from. @throws StatusError 429 */
  wait(address: string): void {
    this.#take([this.#bucket(`waiting ${address}`, joinLimits.waiting), this.#all], 'too many boards ask whether they were approved');
  }

  /** Its own limit first: what one takes in vain is taken from nobody else. */
  #take(buckets: readonly TokenBucket[], message: string): void {
    const nowMs = this.#clock.monotonicMs();
    for (const bucket of buckets) {
      if (bucket.take(nowMs)) continue;
      this.counters.limited++;
      throw tooManyRequests(`${message}; try again later`, Math.max(1, Math.ceil(bucket.waitMs(nowMs) / 1000)));
    }
  }

  #bucket(key: string, limit: { readonly burst: number; readonly perSecond: number }): TokenBucket {
    const bucket = this.#each.get(key) ?? new TokenBucket(limit);
    this.#each.delete(key);
    this.#each.set(key, bucket);
    if (this.#each.size > joinLimits.remembered) {
      const [oldest] = this.#each.keys();
      this.#each.delete(oldest ?? '');
    }
    return bucket;
  }
}
