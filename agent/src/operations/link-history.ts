import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { DownKind } from '@flotilla/shared/protocol/topics.js';
import type { LinkChannel, LinkPart } from '#hublink/types.ts';

interface PastSession {
  readonly session: number;
  /** By the board's own clock, which may be wrong; the seconds since boot are not. */
  readonly began: string;
  readonly beganSecondsAfterBoot: number;
  lastedSeconds?: number;
}

const mostKept = 32;

/** When this run of the agent was connected with the hub: its last sessions, oldest first. */
export class LinkHistory implements LinkPart {
  readonly kinds: readonly DownKind[] = [];
  readonly #clock: Clock;
  readonly #sessions: PastSession[] = [];
  #beganMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get sessions(): readonly PastSession[] {
    return this.#sessions;
  }

  begin({ session }: LinkChannel): void {
    this.#beganMs = this.#clock.bootMs();
    const beganSecondsAfterBoot = Math.round(this.#beganMs / 1000);
    this.#sessions.push({ session, began: new Date(this.#clock.wallMs()).toISOString(), beganSecondsAfterBoot });
    if (this.#sessions.length > mostKept) this.#sessions.shift();
  }

  receive(): void {}

  end(): void {
    const last = this.#sessions.at(-1);
    if (last) last.lastedSeconds = Math.round((this.#clock.bootMs() - this.#beganMs) / 1000);
  }
}
