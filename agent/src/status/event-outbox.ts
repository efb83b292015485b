import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { BoardEvent } from '@flotilla/shared/protocol/messages.js';
import type { NewEvent } from '#pods/pod-doors.ts';

const mostKept = 256;

/** Events until the hub has them. In memory: an event is news, not state; at the limit the oldest goes. */
export class EventOutbox {
  readonly #clock: Clock;
  readonly #prefix: string;
  #events: BoardEvent[] = [];
  #last = 0;

  /** @param prefix unique to this run of the agent */
  constructor(clock: Clock, prefix: string) {
    this.#clock = clock;
    this.#prefix = prefix;
  }

  add(event: NewEvent): void {
    this.#events.push({ ...event, id: `${this.#prefix}-${++this.#last}`, wallMs: this.#clock.wallMs() });
    if (this.#events.length > mostKept) this.#events.shift();
  }

  /** The oldest, which stay until they are acknowledged. */
  next(most: number): readonly BoardEvent[] {
    return this.#events.slice(0, most);
  }

  acknowledge(sent: readonly BoardEvent[]): void {
    const done = new Set(sent.map(({ id }) => id));
    this.#events = this.#events.filter(({ id }) => !done.has(id));
  }
}
