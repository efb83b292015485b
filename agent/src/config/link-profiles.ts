import type { LinkProfileName } from '@flotilla/shared/api/board-budget.js';

/** What one kind of link may cost. Every number that differs between kinds is here. */
export interface LinkProfile {
  /** Between two signs of life: what a board begins with, and the bounds within which it adapts to its carrier. */
  readonly keepAlive: KeepAliveBounds;
  /** How long a change that nobody waits for is held so that others may join it. */
  readonly coalesceMs: number;
  /** The most that is sent of the log of a container that failed. */
  readonly failedLogBytes: number;
  /** Figures of traffic ride along with a report at most this often. */
  readonly figuresEveryMs: number;
  /** A month, both ways; undefined is without a budget. */
  readonly dataBytes: number | undefined;
  /** A day. */
  readonly flashBytes: number;
  readonly flashSyncs: number;
}

export interface KeepAliveBounds {
  readonly firstMs: number;
  readonly leastMs: number;
  readonly mostMs: number;
}

export const linkProfileTable: Readonly<Record<LinkProfileName, LinkProfile>> = {
  lan: {
    keepAlive: { firstMs: 20_000, leastMs: 20_000, mostMs: 20_000 },
    coalesceMs: 500,
    failedLogBytes: 64 * 1024,
    figuresEveryMs: 5 * 60_000,
    dataBytes: undefined,
    flashBytes: 200_000_000,
    flashSyncs: 100_000,
  },
  default: {
    keepAlive: { firstMs: 20_000, leastMs: 20_000, mostMs: 20_000 },
    coalesceMs: 1_000,
    failedLogBytes: 64 * 1024,
    figuresEveryMs: 15 * 60_000,
    dataBytes: undefined,
    flashBytes: 50_000_000,
    flashSyncs: 20_000,
  },
  metered: {
    keepAlive: { firstMs: 60_000, leastMs: 20_000, mostMs: 1_200_000 },
    coalesceMs: 30_000,
    failedLogBytes: 16 * 1024,
    figuresEveryMs: 6 * 3_600_000,
    dataBytes: 500_000_000,
    flashBytes: 50_000_000,
    flashSyncs: 20_000,
  },
};
