import type { Clock } from '../clock/clock.ts';

/** How long something urgent may have to stand behind what the window lets under way, beside the time that the line itself takes. */
const queueMs = 1000;
const firstBytes = 8 * 1024;
const leastBytes = 4 * 1024;
/** A sender that had nothing to send tells nothing about the line. */
const idleMs = 10_000;

interface Grant {
  /** Up to here the sender may send. */
  readonly total: number;
  readonly atMs: number;
  /** What had arrived by then. */
  readonly arrived: number;
}

/**
 * How much a receiver lets its sender have under way: what the line carries in its own round trip and one second, measured from when
 * credit was given until what it was for had arrived, and no more than `mostBytes`. So a stream on a slow line fills no buffer in front
 * of what is more urgent.
 */
export class ReceiveWindow {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #mostBytes: number;
  #bytes: number;
  #arrivedAtMs = 0;
  #grants: Grant[] = [];
  #roundTripMs = Number.POSITIVE_INFINITY;
  #bytesPerMs: number | undefined;

  constructor(options: { readonly clock: Pick<Clock, 'monotonicMs'>; readonly mostBytes: number }) {
    this.#clock = options.clock;
    this.#mostBytes = options.mostBytes;
    this.#bytes = Math.min(firstBytes, options.mostBytes);
  }

  /** Now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Credit was given up to `total`, when `arrived` was there. */
  granted(total: number, arrived: number): void {
    this.#grants.push({ total, arrived, atMs: this.#clock.monotonicMs() });
  }

  arrived(bytes: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - Math.max(this.#arrivedAtMs, this.#grants[0]?.atMs ?? 0) > idleMs) this.#grants = [];
    this.#arrivedAtMs = nowMs;
    while (this.#grants[0] && bytes >= this.#grants[0].total) {
      const { atMs, arrived } = this.#grants[0];
      this.#grants.shift();
      this.#measured(Math.max(1, nowMs - atMs), bytes - arrived);
    }
  }

  #measured(tookMs: number, bytes: number): void {
    // With so little under way nothing queues: the line itself may have become slower.
    if (tookMs < this.#roundTripMs || this.#bytes <= leastBytes) this.#roundTripMs = tookMs;
    const rate = bytes / tookMs;
    const known = this.#bytesPerMs ?? rate;
    this.#bytesPerMs = rate > known ? (known + rate) / 2 : (3 * known + rate) / 4;
    const aim = this.#bytesPerMs * (this.#roundTripMs + queueMs);
    this.#bytes = Math.floor(Math.min(this.#mostBytes, Math.max(Math.min(leastBytes, this.#mostBytes), aim)));
  }
}
