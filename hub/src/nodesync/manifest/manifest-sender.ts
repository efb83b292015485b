import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { Envelope } from '@flotilla/shared/protocol/envelope.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { ManifestMessage, ObjectPart, WantMessage } from '@flotilla/shared/protocol/manifest-messages.js';
import { compareGenerations, type Generation } from '@flotilla/shared/protocol/messages.js';
import type { RefusalReason } from '@flotilla/shared/protocol/protocol-error.js';
import type { ManifestContent } from './manifest-content.ts';
import { manifestMessage } from './manifest-message.ts';
import { ObjectPages } from './object-pages.ts';

export interface ManifestSenderOptions {
  readonly clock: Clock;
  readonly build: () => ManifestContent;
  readonly number: (digest: string, board: Generation | undefined) => Generation;
  readonly sign: (generation: Generation) => Envelope;
  /** Rejects when it cannot be sent in this session. */
  readonly send: (message: ManifestMessage, generation: Generation) => Promise<void>;
  readonly sendParts: (parts: readonly ObjectPart[]) => Promise<void>;
}

interface Sent {
  /** Monotonic. */
  readonly atMs: number;
  readonly content: ManifestContent;
  readonly generation: Generation;
  readonly difference: boolean;
  readonly pages: ObjectPages;
  /** The board asked for objects of it, so it has the message and what came with it. */
  fetching: boolean;
  /** The board could not take it over; another one may fit. */
  failed: boolean;
}

/** Waits for an acknowledgement: long enough for a page on a slow line and a board that writes it to its card. */
const firstAgainMs = 15_000;
const longestAgainMs = 240_000;
/** A board that fetches asks again by itself, at the latest after a minute. */
const fetchAgainMs = 150_000;
/** What a board could not take over will hardly fit a moment later. */
const longestFailedMs = 3_600_000;

/**
 * Keeps one board up to date in one session: sends at once when what it has differs, as the difference where the content it has is
 * known here, and always the newest. One is on its way at a time; only a board that still fetches objects is sent a newer one
 * meanwhile, between two pages, so that what it has fetched is not in vain. Nothing is sent to a board that has it already.
 */
export class ManifestSender {
  readonly #options: ManifestSenderOptions;
  #board: Generation | undefined;
  /** The content that the board has, where it is known: what a difference is made to. */
  #base: ManifestContent | undefined;
  #deltas = true;
  #sent: Sent | undefined;
  #again: Timer | undefined;
  #againMs = firstAgainMs;
  #queued = false;
  #paging = false;
  #state: 'before hello' | 'open' | 'stopped' = 'before hello';

  constructor(options: ManifestSenderOptions) {
    this.#options = options;
  }

  /** The session begins with what the board has in hand. */
  start(applied: Generation | undefined, deltas: boolean): void {
    if (this.#state !== 'before hello') return;
    this.#state = 'open';
    this.#deltas = deltas;
    this.#board = applied;
    const content = this.#options.build();
    if (content.digest === applied?.digest) this.#base = content;
    this.changed();
  }

  stop(): void {
    this.#state = 'stopped';
    this.#again?.cancel();
    this.#sent = undefined;
    this.#base = undefined;
  }

  /** What the board shall have may be another: changes made in one go are looked at once. */
  changed(): void {
    if (this.#queued || this.#state !== 'open') return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      if (!this.#sent || this.#sent.failed) this.#consider();
    });
  }

  /** The board told what it has in hand. */
  applied(applied: Generation | undefined): void {
    if (this.#state !== 'open') return;
    if (applied && this.#board && compareGenerations(applied, this.#board) < 0) return;
    this.#board = applied;
    const sent = this.#sent;
    this.#base = [sent?.content, this.#base].find((content) => content?.digest === applied?.digest);
    if (!sent || !applied || compareGenerations(applied, sent.generation) < 0) return;
    // It has this one, or one that another hub numbered higher: then the next gets a number above that.
    this.#settle();
    this.#againMs = firstAgainMs;
    this.changed();
  }

  /** The board did not take the manifest over. */
  refused(reason: RefusalReason): void {
    const sent = this.#sent;
    if (this.#state !== 'open' || !sent) return;
    if (reason === 'Gap' && sent.difference) {
      this.#base = undefined;
      this.#settle();
      this.#consider();
    } else if (reason === 'Failed') {
      sent.failed = true;
      this.#againMs = Math.min(this.#againMs * 2, longestFailedMs);
      this.#wait(this.#againMs);
    }
  }

  /** The board lacks objects of the manifest on its way. One answer at a time; it asks again for what it does not get. */
  async want({ wants, bytes }: WantMessage): Promise<void> {
    const sent = this.#sent;
    if (this.#state !== 'open' || !sent || this.#paging) return;
    const parts = sent.pages.page(wants, bytes);
    if (parts.length === 0) {
      // It still fetches for one before: this one was lost, or is about to arrive.
      if (this.#options.clock.monotonicMs() - sent.atMs >= firstAgainMs / 2) this.#send(this.#options.build());
      return;
    }
    sent.fetching = true;
    this.#wait(fetchAgainMs);
    this.#paging = true;
    try {
      await this.#options.sendParts(parts);
    } finally {
      this.#paging = false;
    }
    if (this.#sent === sent) this.#consider();
  }

  /** Whether the board has what it shall have. */
  get settled(): boolean {
    return this.#state === 'open' && !this.#sent && this.#options.build().digest === this.#board?.digest;
  }

  #consider(): void {
    if (this.#state !== 'open') return;
    const content = this.#options.build();
    if (content.digest !== (this.#sent?.content ?? this.#board)?.digest) this.#send(content);
  }

  #send(content: ManifestContent): void {
    const generation = this.#options.number(content.digest, this.#board);
    const base = this.#deltas ? this.#base : undefined;
    const message = manifestMessage({
      signed: this.#options.sign(generation),
      content,
      base,
      // A board that holds something, if not what is known here, likely has most of it.
      inline: base || !this.#board ? linkLimits.inlineBytes : 0,
      held: this.#sent?.fetching ? this.#sent.content : undefined,
    });
    const atMs = this.#options.clock.monotonicMs();
    this.#sent = {
      content,
      generation,
      difference: base !== undefined,
      pages: new ObjectPages(content),
      fetching: false,
      failed: false,
      atMs,
    };
    this.#wait(this.#againMs);
    // A failure is logged by the sender; the timer, or the next session, tries again.
    this.#options.send(message, generation).catch(() => {});
  }

  #wait(delayMs: number): void {
    this.#again?.cancel();
    this.#again = this.#options.clock.after('nodesync: manifest again', delayMs, () => {
      this.#againMs = Math.max(this.#againMs, Math.min(this.#againMs * 2, longestAgainMs));
      // Also when the board has this content in hand: it may still wait for objects of the one that it did not acknowledge.
      this.#send(this.#options.build());
    });
  }

  #settle(): void {
    this.#sent = undefined;
    this.#again?.cancel();
  }
}
