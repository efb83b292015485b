import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';

export interface SilenceWatchOptions {
  readonly clock: Clock;
  /** Whether there is anything to watch for. */
  readonly wanted: () => boolean;
  /** Asks the board; resolves when it answers. */
  readonly ask: () => Promise<void>;
  /** The board has not said a word since it was asked; called each time. */
  readonly silent: () => void;
}

/** From the last word of a board in the middle of a stream to the question whether it is there. */
const quietMs = 4_000;
/** A bad line may hold a word up for so long: one packet lost three times, at a round trip of 2 s, and what stood before it. */
export const answeredWithinMs = 22_000;

/**
 * Notices within half a minute (what was under way included) that a board fell silent in the middle of its streams, where the heartbeat takes longer. It asks once when
 * nothing came any more; streams on which nothing happens cost nothing.
 */
export class SilenceWatch {
  readonly #options: SilenceWatchOptions;
  #heardMs = 0;
  #begunMs = 0;
  #timer: Timer | undefined;

  constructor(options: SilenceWatchOptions) {
    this.#options = options;
  }

  /** The board said something on a stream. */
  heard(): void {
    this.#heardMs = this.#options.clock.monotonicMs();
    this.sent();
  }

  /** Something was said to the board on a stream. */
  sent(): void {
    if (this.#timer !== undefined) return;
    this.#begunMs = this.#options.clock.monotonicMs();
    this.#wait(quietMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(ms: number): void {
    this.#timer = this.#options.clock.after('nodesync: a board with streams is silent', ms, () => this.#look());
  }

  #look(): void {
    this.#timer = undefined;
    if (!this.#options.wanted()) return;
    const quietForMs = this.#options.clock.monotonicMs() - Math.max(this.#heardMs, this.#begunMs);
    if (quietForMs < quietMs) this.#wait(quietMs - quietForMs);
    else this.#ask();
  }

  #ask(): void {
    const askedMs = this.#options.clock.monotonicMs();
    const timer = this.#options.clock.after('nodesync: a board answers', answeredWithinMs, () => {
      this.#timer = undefined;
      if (!this.#options.wanted()) return;
      if (this.#heardMs > askedMs) this.sent();
      else this.#options.silent();
    });
    this.#timer = timer;
    this.#options.ask().then(
      () => {
        timer.cancel();
        if (this.#timer === timer) this.#timer = undefined;
        if (this.#heardMs > askedMs) this.sent();
      },
      // The session is over; whoever waits learns of it from there.
      () => {},
    );
  }
}
