import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { KeepAliveBounds } from '#config/link-profiles.ts';

export interface KeepAliveOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly bounds: KeepAliveBounds;
  /** Somebody said what it shall be: nothing is tried. */
  readonly fixedMs?: number | undefined;
}

/** So many pings in a row that were answered after a silence of a whole keep-alive prove it. */
const proofs = 3;
/** A silence of this share of the keep-alive counts as a whole one. */
const wholeShare = 0.9;
const growth = 1.5;
/** A longer one that gains less is not worth a new connection. */
const leastGain = 1.1;
/** Carriers change, and boards move: what did not work is tried again a day later. */
const forgetMs = 24 * 3_600_000;

/**
 * The longest keep-alive that this board's carrier lets live. A carrier forgets a connection that is silent for too long and tells
 * nobody, so it is found by trying: longer step by step while pings on a silent line are answered, back to what was proven when a
 * connection died silently and the hub could be reached at once by a new one. (When it could not, the network was away, and nothing is
 * learned.) The hub learns of another keep-alive by the next connect.
 */
export class KeepAlive {
  readonly #options: KeepAliveOptions;
  #bounds: KeepAliveBounds;
  #ms: number;
  #answered = 0;
  #provenMs = 0;
  #deadMs = Number.POSITIVE_INFINITY;
  #deadAtMs = 0;
  #diedMs: number | undefined;
  #reconnect: () => void = () => {};

  constructor(options: KeepAliveOptions) {
    this.#options = options;
    const { bounds, fixedMs } = options;
    this.#bounds = fixedMs === undefined ? bounds : { firstMs: fixedMs, leastMs: fixedMs, mostMs: fixedMs };
    this.#ms = this.#bounds.firstMs;
  }

  /** What counts now. */
  get ms(): number {
    return this.#ms;
  }

  /** For the next connect, which is the first, second … attempt since the last connection. */
  next(attempt: number): number {
    return this.#diedMs !== undefined && attempt === 1 ? this.#shorter(this.#diedMs) : this.#ms;
  }

  /** Called when a new connection is wanted, because another keep-alive counts now. */
  onReconnect(reconnect: () => void): void {
    this.#reconnect = reconnect;
  }

  /** Goes on with what an earlier run of the agent had found. */
  resume(provenMs: number): void {
    const { leastMs, mostMs } = this.#bounds;
    this.#ms = Math.min(mostMs, Math.max(leastMs, provenMs));
  }

  /** The board's link is of another kind now. */
  plan(bounds: KeepAliveBounds): void {
    if (this.#options.fixedMs !== undefined) return;
    if (bounds.firstMs === this.#bounds.firstMs && bounds.leastMs === this.#bounds.leastMs && bounds.mostMs === this.#bounds.mostMs) return;
    this.#bounds = bounds;
    const before = this.#ms;
    // What is known of the carrier holds, within the new bounds.
    const known = this.#provenMs > 0 || this.#deadMs < Number.POSITIVE_INFINITY ? before : bounds.firstMs;
    this.#ms = Math.min(bounds.mostMs, Math.max(bounds.leastMs, known));
    this.#answered = 0;
    if (this.#ms !== before) this.#reconnect();
  }

  /** A connection was made; `attempts` says after how many tries. */
  connected(attempts: number): void {
    const diedMs = this.#diedMs;
    this.#diedMs = undefined;
    this.#answered = 0;
    if (diedMs === undefined || attempts > 1) return;
    this.#ms = this.#shorter(diedMs);
    this.#deadMs = diedMs;
    this.#deadAtMs = this.#options.clock.monotonicMs();
    if (this.#provenMs >= diedMs) this.#provenMs = 0;
  }

  /** A ping was answered after a silence. */
  pinged(idleMs: number): void {
    if (idleMs < this.#ms * wholeShare) return;
    this.#answered++;
    if (this.#answered < proofs) return;
    this.#answered = 0;
    this.#provenMs = Math.max(this.#provenMs, this.#ms);
    const next = this.#longer();
    if (next === undefined) return;
    this.#ms = next;
    this.#reconnect();
  }

  /** A connection ended; `silent` when nobody said so and only the ping's answer did not come. */
  ended(silent: boolean): void {
    this.#diedMs = silent ? this.#ms : undefined;
  }

  #shorter(diedMs: number): number {
    const back = this.#provenMs > 0 && this.#provenMs < diedMs ? this.#provenMs : diedMs / 2;
    return wholeSeconds(Math.max(this.#bounds.leastMs, Math.min(back, this.#ms)));
  }

  #longer(): number | undefined {
    if (this.#options.clock.monotonicMs() - this.#deadAtMs > forgetMs) this.#deadMs = Number.POSITIVE_INFINITY;
    const aim = this.#ms * growth < this.#deadMs ? this.#ms * growth : (this.#ms + this.#deadMs) / 2;
    const next = wholeSeconds(Math.min(this.#bounds.mostMs, aim));
    return next >= this.#ms * leastGain ? next : undefined;
  }
}

function wholeSeconds(ms: number): number {
  return Math.max(1, Math.floor(ms / 1000)) * 1000;
}
