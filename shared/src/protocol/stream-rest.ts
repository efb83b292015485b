import type { Clock, Timer } from '../clock/clock.ts';

export interface StreamRestOptions {
  readonly clock: Pick<Clock, 'monotonicMs' | 'after'>;
  /** Of the line when nothing queues on it; undefined while it is not known: then nothing rests. */
  readonly roundTripMs: () => number | undefined;
  /** Sends something small that the other end answers. */
  readonly probe: () => void;
  /** Whoever waits may look again. */
  readonly moved: () => void;
}

/** How long it takes until both ends have said what they have to say, in round trips; how long one rest is at most; from probe to probe. */
const restRoundTrips = 1.5;
const longestRoundTrips = 5;
const probeRoundTrips = 1 / 2;

/**
 * Streams rest while both ends talk about something that the board was told to do: nothing of theirs then stands in front of those words
 * when a packet is lost. What rests does not fill the line, and TCP learns of a loss soonest by what arrives behind it; so while a stream
 * waits, something small follows now and then, instead of retransmissions whose timeouts double.
 *
 * INVARIANT: streams have at least a third of the time, however often the board is told something.
 */
export class StreamRest {
  readonly #options: StreamRestOptions;
  #fromMs = Number.NEGATIVE_INFINITY;
  #untilMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(options: StreamRestOptions) {
    this.#options = options;
  }

  begin(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const roundTripMs = this.#options.roundTripMs() ?? 0;
    if (nowMs >= this.#untilMs) {
      if (nowMs - this.#untilMs < (this.#untilMs - this.#fromMs) / 2) return;
      this.#fromMs = nowMs;
    }
    this.#untilMs = Math.min(nowMs + restRoundTrips * roundTripMs, this.#fromMs + longestRoundTrips * roundTripMs);
  }

  /** Asked by who has something to send on a stream. When true, `moved` is called as soon as it may be otherwise. */
  get goesOn(): boolean {
    const leftMs = this.#leftMs;
    if (leftMs <= 0) return false;
    const { clock, moved, probe, roundTripMs } = this.#options;
    const inMs = Math.ceil(Math.min(leftMs, (roundTripMs() ?? 0) * probeRoundTrips));
    this.#timer ??= clock.after('streams rest', inMs, () => {
      this.#timer = undefined;
      if (this.#leftMs > 0) probe();
      moved();
    });
    return true;
  }

  get #leftMs(): number {
    return this.#untilMs - this.#options.clock.monotonicMs();
  }
}
