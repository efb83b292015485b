import type { Clock } from '@flotilla/shared/clock/clock.js';
import { cutFrame } from '@flotilla/shared/protocol/cut-frame.js';
import { LinePace } from '@flotilla/shared/protocol/line-pace.js';

export interface PacedFramesOptions {
  readonly clock: Clock;
  /** Resolves when it was handed to the connection. */
  readonly send: (payload: Buffer) => Promise<void>;
  /** Asks the board to answer with `marked` behind what was sent so far. */
  readonly mark: (number: number) => Promise<void>;
}

interface Waiting {
  payload: Buffer;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * What the hub sends on the streams of one board: never so much under way that a manifest, or the answer to a ping, would wait behind it for
 * more than about 0.6 s. Frames are cut to what the line carries in half of that. First in, first out; a stream has one frame here.
 */
export class PacedFrames {
  readonly #options: PacedFramesOptions;
  readonly #pace: LinePace;
  readonly #waiting: Waiting[] = [];
  readonly #marks = new Map<number, () => void>();
  #lastMark = 0;
  #pumping = false;
  #over: Error | undefined;

  constructor(options: PacedFramesOptions) {
    this.#options = options;
    this.#pace = new LinePace({ clock: options.clock, arrived: () => this.arrived(), moved: () => void this.#pump() });
  }

  /** Resolves when it was handed to the connection. @throws Error when that is over */
  send(payload: Buffer): Promise<void> {
    if (this.#over) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ payload, resolve, reject });
      void this.#pump();
    });
  }

  /** The board was told something that it will act upon: see LinePace. */
  rest(): void {
    this.#pace.rest();
  }

  /** The board answered a mark; one that comes late or twice says nothing. */
  marked(number: number): void {
    const arrived = this.#marks.get(number);
    this.#marks.delete(number);
    arrived?.();
  }

  end(error: Error): void {
    this.#over ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#marks.clear();
  }

  /** Resolves when the board has answered behind all that was sent so far; never when it does not. */
  arrived(): Promise<void> {
    const number = ++this.#lastMark;
    return new Promise((resolve, reject) => {
      this.#marks.set(number, resolve);
      this.#options.mark(number).catch((error: unknown) => {
        this.#marks.delete(number);
        reject(error);
      });
    });
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    for (let next = this.#waiting[0]; next && !this.#pace.resting && this.#pace.room(); next = this.#waiting[0]) {
      const { first, rest } = cutFrame(next.payload, this.#pace.frameBytes);
      if (rest) next.payload = rest;
      else this.#waiting.shift();
      try {
        const sent = this.#options.send(first);
        // A mark that it asks for goes behind.
        this.#pace.sent(first.length);
        await sent;
        if (!rest) next.resolve();
      } catch (error) {
        if (rest && this.#waiting[0] === next) this.#waiting.shift();
        next.reject(error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#pumping = false;
  }
}
