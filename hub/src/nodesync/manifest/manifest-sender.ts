import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { compareGenerations, type Generation, type NodeManifest } from '@flotilla/shared/protocol/messages.js';
import type { ManifestContent } from './manifest-sources.ts';

export interface ManifestSenderOptions {
  readonly clock: Clock;
  readonly build: () => ManifestContent;
  readonly number: (digest: string, board: Generation | undefined) => Generation;
  /** Signs and sends; rejects when it cannot be sent in this session. */
  readonly send: (manifest: NodeManifest) => Promise<void>;
}

/** Waits for an acknowledgement: long enough for a big manifest on a slow line and a board that writes it to its card. */
const firstAgainMs = 15_000;
const longestAgainMs = 240_000;

/**
 * Keeps one board up to date in one session: sends at once when what it has differs, at most one manifest on its way, always the
 * newest; what changes meanwhile goes out together with the acknowledgement. Nothing is sent to a board that has it already.
 */
export class ManifestSender {
  readonly #options: ManifestSenderOptions;
  #board: Generation | undefined;
  #sent: Generation | undefined;
  #again: Timer | undefined;
  #againMs = firstAgainMs;
  #queued = false;
  #state: 'before hello' | 'open' | 'stopped' = 'before hello';

  constructor(options: ManifestSenderOptions) {
    this.#options = options;
  }

  /** The session begins with what the board has in hand. */
  start(applied: Generation | undefined): void {
    if (this.#state !== 'before hello') return;
    this.#state = 'open';
    this.#board = applied;
    this.changed();
  }

  stop(): void {
    this.#state = 'stopped';
    this.#again?.cancel();
  }

  /** What the board shall have may be another: changes made in one go are looked at once. */
  changed(): void {
    if (this.#queued || this.#state !== 'open') return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      this.#consider();
    });
  }

  /** The board told what it has in hand. */
  applied(applied: Generation | undefined): void {
    if (this.#state !== 'open') return;
    if (applied && this.#board && compareGenerations(applied, this.#board) < 0) return;
    this.#board = applied;
    const sent = this.#sent;
    if (!sent || !applied || compareGenerations(applied, sent) < 0) return;
    // It has this one, or one that another hub numbered higher: then the next gets a number above that.
    this.#sent = undefined;
    this.#again?.cancel();
    this.#againMs = firstAgainMs;
    this.changed();
  }

  /** Whether the board has what it shall have. */
  get settled(): boolean {
    return this.#state === 'open' && !this.#sent && this.#options.build().digest === this.#board?.digest;
  }

  #consider(): void {
    if (this.#state !== 'open' || this.#sent) return;
    const content = this.#options.build();
    if (content.digest === this.#board?.digest) return;
    const generation = this.#options.number(content.digest, this.#board);
    this.#sent = generation;
    this.#again = this.#options.clock.after('nodesync: manifest again', this.#againMs, () => {
      this.#sent = undefined;
      this.#againMs = Math.min(this.#againMs * 2, longestAgainMs);
      this.#consider();
    });
    // A failure is logged by the sender; the timer, or the next session, tries again.
    this.#options.send({ ...content.body, generation }).catch(() => {});
  }
}
