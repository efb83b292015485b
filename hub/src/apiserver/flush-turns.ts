import { nextTurn } from '@flotilla/shared/clock/next-turn.js';

/** As many as are written to before others of the hub's clients have their turn. */
const perTurn = 64;

/**
 * What one event means for thousands of watchers is done some at a time: to encrypt it for all of them takes longer than anybody else
 * should wait. Whoever waits gathers the events that come meanwhile.
 *
 * INVARIANT: what was added runs once, in the order in which it was added.
 */
export class FlushTurns {
  #waiting: (() => void)[] = [];
  #going = false;

  add(flush: () => void): void {
    this.#waiting.push(flush);
    if (this.#going) return;
    this.#going = true;
    // After all events of this commit were handed over.
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (let at = 0; at < waiting.length; at++) {
        if (at > 0 && at % perTurn === 0) await nextTurn();
        try {
          waiting[at]?.();
        } catch (error) {
          // One that fails is no reason for the others to wait for ever; it is told as if it had failed alone.
          queueMicrotask(() => {
            throw error;
          });
        }
      }
      if (this.#waiting.length > 0) await nextTurn();
    }
    this.#going = false;
  }
}
