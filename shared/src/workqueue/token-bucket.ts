/** So many at once, and so many a second on average. May be overdrawn by `spend`; the caller waits until it is paid back. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledMs = 0;

  constructor({ perSecond, burst }: { readonly perSecond: number; readonly burst: number }) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Takes one when there is one. @param nowMs monotonic */
  take(nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Takes as many as were used, also when there are fewer. @returns how long until none is owed: 0 when none is */
  spend(nowMs: number, count: number): number {
    this.#fill(nowMs);
    this.#tokens -= count;
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens / this.#perSecond) * 1000);
  }

  /** Gives some on top, beyond the burst. */
  give(count: number): void {
    this.#tokens += count;
  }

  /** How long until `take` gives one: 0 when it does now. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) / this.#perSecond) * 1000);
  }

  #fill(nowMs: number): void {
    const refilled = this.#tokens + (Math.max(0, nowMs - this.#filledMs) / 1000) * this.#perSecond;
    // What was given on top stays; nothing is added to it.
    this.#tokens = Math.max(this.#tokens, Math.min(this.#burst, refilled));
    this.#filledMs = nowMs;
  }
}
