/**
 * Gives each a time of its own: what many wait for alike would else happen to all of them in one turn of the event loop, again and again,
 * because whoever waits as long as the others also comes back with them.
 */
export class OneByOne {
  #freeMs = 0;

  /** @returns milliseconds from `nowMs` (monotonic): `leastMs`, and `apartMs` for each that came shortly before; at most `mostMs` */
  next(
    nowMs: number,
    { leastMs, apartMs, mostMs }: { readonly leastMs: number; readonly apartMs: number; readonly mostMs: number },
  ): number {
    const freeMs = Math.max(this.#freeMs, nowMs);
    const waitMs = leastMs + freeMs - nowMs;
    if (waitMs >= mostMs) return mostMs;
    this.#freeMs = freeMs + apartMs;
    return Math.round(waitMs);
  }
}
