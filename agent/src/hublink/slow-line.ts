import type { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { DevicePipe } from '@flotilla/shared/protocol/courier.js';

export interface SlowLineOptions {
  readonly clock: FakeClock;
  readonly random: Random;
  readonly bytesPerSecond: number;
  /** One way. */
  readonly delayMs: number;
  /** Share of segments that come one retransmission later, with all behind them; 0 to 1. */
  readonly loss?: number;
}

const segmentBytes = 1400;
/** Headers of TLS, TCP and IP. */
const overheadBytes = 74;

/** A connection over a bad line, for tests: it takes everything at once, as buffers do, and tells what has arrived. */
export class SlowLine implements DevicePipe {
  readonly arrivals: { readonly topic: string; readonly payload: Buffer; readonly waitedMs: number }[] = [];
  /** How long each ping waited, as `waitedMs` of arrivals: behind others, beside what it would have taken on an empty line. */
  readonly pings: number[] = [];
  #options: SlowLineOptions;
  #freeMs = 0;
  #open = true;

  constructor(options: SlowLineOptions) {
    this.#options = options;
  }

  change(shape: Partial<SlowLineOptions>): void {
    this.#options = { ...this.#options, ...shape };
  }

  async send(topic: string, payload: Buffer): Promise<void> {
    if (!this.#open) throw new Error('the connection is closed');
    const { atMs, waitedMs } = this.#carry(topic.length + payload.length);
    this.#at(atMs, () => this.arrivals.push({ topic, payload, waitedMs }));
  }

  arrived(): Promise<void> {
    const { atMs, waitedMs } = this.#carry(2);
    this.pings.push(waitedMs);
    return new Promise((resolve) => this.#at(atMs + this.#options.delayMs, resolve));
  }

  close(): void {
    this.#open = false;
  }

  /** When the last of so many bytes, sent now, arrives. */
  #carry(bytes: number): { readonly atMs: number; readonly waitedMs: number } {
    const { clock, random, bytesPerSecond, delayMs, loss = 0 } = this.#options;
    const waitedMs = Math.max(0, this.#freeMs - clock.monotonicMs());
    this.#freeMs = Math.max(this.#freeMs, clock.monotonicMs());
    for (let left = bytes; left > 0; left -= segmentBytes) {
      this.#freeMs += ((Math.min(left, segmentBytes) + overheadBytes) / bytesPerSecond) * 1000;
      for (let again = Math.max(200, 2 * delayMs); random.next() < loss; again = Math.min(again * 2, 10_000)) this.#freeMs += again;
    }
    return { atMs: this.#freeMs + delayMs, waitedMs };
  }

  #at(atMs: number, what: () => void): void {
    const { clock } = this.#options;
    clock.after('slow line', atMs - clock.monotonicMs(), () => this.#open && what());
  }
}
