import { Shape } from './shape.ts';

/**
 * What the hub says before it ends a connection that it wants to see again later: it stops, or has too much to do. Signed (purpose
 * `retry`), so that nobody else sends a board away.
 */
export interface RetryMessage {
  /** The boot it is for: what was said to a board before it was started anew is void. */
  readonly bootId: string;
  /** Counted from the end of the connection. */
  readonly afterMs: number;
}

/** A board waits this long at least, and no longer than that, whatever a hub says. */
export const retryBounds = { leastMs: 1_000, mostMs: 600_000 } as const;

/** @throws ProtocolError Malformed */
export function parseRetry(value: unknown): RetryMessage {
  const shape = new Shape('retry', value);
  return { bootId: shape.text('bootId'), afterMs: shape.integer('afterMs') };
}

/** What the board makes of it: within the bounds, and up to a quarter longer, so that boards that were told the same do not come in step. */
export function retryWaitMs(afterMs: number, chance: number): number {
  const boundMs = Math.min(retryBounds.mostMs, Math.max(retryBounds.leastMs, afterMs));
  return Math.floor(boundMs * (1 + chance / 4));
}
