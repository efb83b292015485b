import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Incident } from '#broker/types.ts';

const everyMs = 5 * 60_000;
const remembered = 20_000;

/** Why an Event says what it says, in a word. */
export const incidentReasons: Readonly<Record<Incident['type'], string>> = {
  Cloned: 'NodeIdentityCloned',
  DeniedPublish: 'PublishDenied',
  DeniedSubscribe: 'SubscribeDenied',
  SlowConsumer: 'SlowConsumer',
  TooMuch: 'MessageRateExceeded',
  TooLarge: 'MessageTooLarge',
  ConnectsTooOften: 'ConnectsTooOften',
  NotAllowed: 'ConnectionRefused',
};

/** Tells of a board's misbehaviour once, and then seldom: five hundred boards that do it all day must not fill store and log. */
export class IncidentLog {
  readonly #clock: Clock;
  readonly #told = new Map<string, { atMs: number; since: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The message to tell, with how often it happened untold; undefined when it is not to be told now. */
  message({ node, type, message }: Incident): string | undefined {
    const nowMs = this.#clock.monotonicMs();
    const key = `${type} ${node}`;
    const told = this.#told.get(key);
    if (told && nowMs - told.atMs < everyMs) {
      told.since++;
      return undefined;
    }
    this.#told.delete(key);
    this.#told.set(key, { atMs: nowMs, since: 0 });
    if (this.#told.size > remembered) {
      const [oldest] = this.#told.keys();
      this.#told.delete(oldest ?? '');
    }
    return told && told.since > 0 ? `${message} (and ${told.since} times more since it was told last)` : message;
  }
}
