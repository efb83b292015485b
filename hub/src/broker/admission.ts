import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { OneByOne } from './one-by-one.ts';
import { brokerLimits } from './types.ts';

/** A connection that wants its TLS handshake. */
export interface Arrival {
  /** Its turn has come. */
  start(): void;
  /** It has waited in vain. */
  drop(): void;
  /** It went away by itself. */
  readonly gone: boolean;
}

/** Handshakes a second: what is tried first, and the bounds of what is found. */
export interface Pace {
  readonly first: number;
  readonly least: number;
  readonly most: number;
}

interface Waiting {
  readonly arrival: Arrival;
  readonly sinceMs: number;
}

/** How often the turn of those who wait is looked at. */
const tickMs = 10;
/** A tick this late says that the loop has more to do than it can. */
const lateMs = 40;

/**
 * How many new connections a second the hub takes on: what its loop can carry. A handshake is a millisecond of arithmetic that
 * nobody else gets; a thousand boards that return at once would hold up every request and every heartbeat for seconds.
 *
 * INVARIANTS
 * - No address has a say: a whole fleet may sit behind one.
 * - Who waits is served in the order of coming, and dropped when the board on the other end has as good as given up.
 * - Nothing runs while nobody waits.
 */
export class Admission {
  readonly #clock: Clock;
  readonly #pace: Pace;
  #waiting: Waiting[] = [];
  #underWay = new Map<string, { readonly sinceMs: number; readonly drop: () => void }>();
  #perSecond: number;
  #tokens: number = brokerLimits.handshakeBurst;
  #filledMs = 0;
  #tick: { readonly timer: Timer; readonly atMs: number } | undefined;
  #dropped = 0;
  readonly #sentAway = new OneByOne();

  constructor(clock: Clock, pace: Pace = brokerLimits.handshakesPerSecond) {
    this.#clock = clock;
    this.#pace = pace;
    this.#perSecond = pace.first;
  }

  /** Handshakes a second that the loop was found to carry. */
  get perSecond(): number {
    return this.#perSecond;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Connections that were given up, by the queue's bounds. */
  get dropped(): number {
    return this.#dropped;
  }

  enter(arrival: Arrival): void {
    if (this.#waiting.length >= brokerLimits.waitingHandshakes) {
      this.#drop(arrival);
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    this.#waiting.push({ arrival, sinceMs: nowMs });
    if (!this.#tick) this.#serve(nowMs);
  }

  /** A handshake begins; `drop` is called when it must give way to others. */
  began(id: string, drop: () => void): void {
    const nowMs = this.#clock.monotonicMs();
    this.#underWay.set(id, { sinceMs: nowMs, drop });
    if (this.#underWay.size <= brokerLimits.handshakesUnderWay) return;
    const [oldest] = this.#underWay;
    if (!oldest) return;
    // Whoever connects and says nothing must not take up all the places.
    this.#underWay.delete(oldest[0]);
    this.#dropped++;
    oldest[1].drop();
  }

  ended(id: string): void {
    this.#underWay.delete(id);
  }

  /**
   * When the next board that is sent away shall come again: each gets a place of its own, at the pace that the loop carries.
   * @returns milliseconds from now, at most `brokerLimits.longestRetryMs`
   */
  nextSlotMs(leastMs: number): number {
    const apartMs = 1000 / this.#perSecond;
    return this.#sentAway.next(this.#clock.monotonicMs(), { leastMs, apartMs, mostMs: brokerLimits.longestRetryMs });
  }

  stop(): void {
    this.#tick?.timer.cancel();
    this.#tick = undefined;
    for (const { arrival } of this.#waiting.splice(0)) arrival.drop();
    for (const { drop } of [...this.#underWay.values()]) drop();
    this.#underWay = new Map();
  }

  #serve(nowMs: number): void {
    this.#tokens = Math.min(brokerLimits.handshakeBurst, this.#tokens + (Math.max(0, nowMs - this.#filledMs) / 1000) * this.#perSecond);
    this.#filledMs = nowMs;
    let served = 0;
    for (; served < this.#waiting.length && this.#tokens >= 1; served++) {
      const { arrival, sinceMs } = this.#waiting[served] as Waiting;
      if (arrival.gone) continue;
      if (nowMs - sinceMs > brokerLimits.handshakeWaitMs) {
        this.#drop(arrival);
        continue;
      }
      this.#tokens--;
      arrival.start();
    }
    this.#waiting = this.#waiting.slice(served);
    this.#tick = undefined;
    if (this.#waiting.length === 0) return;
    this.#tick = { atMs: nowMs + tickMs, timer: this.#clock.after('broker: admission', tickMs, () => this.#ticked()) };
  }

  /** The loop itself tells what it carries: late ticks slow down, ticks in time with somebody left over speed up. */
  #ticked(): void {
    const nowMs = this.#clock.monotonicMs();
    const late = nowMs - (this.#tick?.atMs ?? nowMs);
    const { least, most } = this.#pace;
    if (late > lateMs) this.#perSecond = Math.max(least, this.#perSecond * 0.85);
    else this.#perSecond = Math.min(most, this.#perSecond + 2);
    this.#serve(nowMs);
  }

  #drop(arrival: Arrival): void {
    this.#dropped++;
    arrival.drop();
  }
}
