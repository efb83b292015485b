import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { BoardEvent } from '@flotilla/shared/protocol/messages.js';
import type { NewEvent } from '#pods/pod-doors.ts';
import type { BoardTime } from './board-time.ts';
import { type Dropped, EventSegments, isUpTo, type KeptEvent, segmentName } from './event-segments.ts';
import type { Sequence } from './sequence.ts';

export interface EventOutboxOptions {
  readonly clock: Clock;
  readonly files: Files;
  readonly logger: Logger;
  readonly time: BoardTime;
  readonly dir: string;
  /** Whom the event is about that tells of events dropped. */
  readonly nodeName: string;
  /** Of all events together, as they are on disk; 256 KiB by default. */
  readonly budgetBytes?: number;
}

interface Kept extends KeptEvent {
  readonly bytes: number;
  /** The file it is in; undefined while it is in memory only. */
  file: string | undefined;
}

/** Whoever the hub acknowledges sooner never reaches the disk. */
const flushAfterMs = 5_000;
const flushAgainMs = 60_000;
const segmentBytes = 16 * 1024;
const mostMessage = 1024;

/**
 * Events until the hub has them, oldest first. What it has not acknowledged within five seconds goes to disk, many in one write; over
 * the budget the oldest go, and an event of the Node says how many.
 *
 * INVARIANTS: an event that is on disk stays there until it is acknowledged or the budget is full; ids only grow, over restarts too, and
 * events are told in their order; a full disk costs nothing while the process lives.
 */
export class EventOutbox {
  readonly #options: EventOutboxOptions;
  readonly #segments: EventSegments;
  readonly #budgetBytes: number;
  #events: Kept[] = [];
  #bytes = 0;
  #dropped: Dropped | undefined;
  /** As it was handed out: until that is acknowledged it does not change. */
  #told: Dropped | undefined;
  #run = 0;
  #last = 0;
  /** The file that takes more, and the files that are to go. */
  #open: string | undefined;
  #stale = new Set<string>();
  #timer: Timer | undefined;
  #tail: Promise<void> = Promise.resolve();

  constructor(options: EventOutboxOptions) {
    this.#options = options;
    this.#segments = new EventSegments(options.files, options.dir);
    this.#budgetBytes = options.budgetBytes ?? 256 * 1024;
  }

  /**
   * Takes in what the run before left. Never throws because of what is on disk.
   * @param run greater than that of every run before, unless it could not be saved
   */
  async load({ run, saved }: Pick<Sequence, 'run' | 'saved'>): Promise<void> {
    const { clock, logger } = this.#options;
    // The next run gets this number too when it could not be saved. So this one goes on with the numbers of the run before, above all
    // that it can have given out, and below those of the next.
    this.#run = saved ? run : run - 1;
    if (!saved) this.#last = clock.wallMs();
    try {
      const { segments, damaged } = await this.#segments.load();
      const early = this.#events;
      this.#events = [];
      const seen = new Set<string>();
      for (const { name, segment } of segments) {
        this.#dropped = segment.dropped;
        for (const kept of segment.events) {
          if (!seen.has(kept.id)) this.#push(kept, name);
          seen.add(kept.id);
        }
      }
      const upTo = this.#dropped?.upTo;
      if (upTo !== undefined) this.#remove(({ id }) => isUpTo(id, upTo));
      this.#events.push(...early);
      if (damaged > 0) {
        logger.warn('events on disk are damaged and were dropped', { files: damaged });
        this.#dropped = { ...this.#dropped, count: (this.#dropped?.count ?? 0) + damaged, id: this.#newId(), at: this.#options.time.now() };
      }
    } catch (error) {
      logger.warn('cannot read the events on disk', { error });
    }
  }

  add(event: NewEvent): void {
    this.#push(
      { id: this.#newId(), at: this.#options.time.now(), event: { ...event, message: event.message.slice(0, mostMessage) } },
      undefined,
    );
    this.#keepBudget();
    this.#flushIn(flushAfterMs);
  }

  /** The oldest, dated as well as can be now; they stay until they are acknowledged. */
  next(most: number): readonly BoardEvent[] {
    this.#told ??= this.#dropped;
    const first = this.#told ? [this.#dropNotice(this.#told)] : [];
    return [...first, ...this.#events].slice(0, most).map((kept) => this.#dated(kept));
  }

  /** How many wait. */
  get size(): number {
    return this.#events.length + (this.#dropped ? 1 : 0);
  }

  acknowledge(sent: readonly BoardEvent[]): void {
    const done = new Set(sent.map(({ id }) => id));
    if (this.#told && done.has(this.#told.id)) {
      // More may have been dropped since it was told.
      const more = (this.#dropped?.count ?? 0) - this.#told.count;
      this.#dropped = more > 0 && this.#dropped ? { ...this.#dropped, count: more } : undefined;
      this.#told = undefined;
    }
    this.#remove(({ id }) => done.has(id));
    if (this.#stale.size > 0) void this.#inTurn(() => this.#clear());
    if (this.#unsaved().length > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Resolves when all that waits is on disk, or the disk will not have it. */
  flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    return this.#inTurn(() => this.#save());
  }

  #newId(): string {
    return `${this.#run}-${++this.#last}`;
  }

  #push({ id, at, event }: KeptEvent, file: string | undefined): void {
    const bytes = JSON.stringify(event).length + 160;
    this.#events.push({ id, at, event, bytes, file });
    this.#bytes += bytes;
  }

  #keepBudget(): void {
    let over = 0;
    let freed = 0;
    for (const { bytes } of this.#events) {
      if (this.#bytes - freed <= this.#budgetBytes) break;
      freed += bytes;
      over++;
    }
    const last = this.#events[over - 1];
    if (!last) return;
    const gone = new Set(this.#events.slice(0, over));
    const { id } = last;
    this.#dropped = { count: (this.#dropped?.count ?? 0) + over, id, at: this.#options.time.now(), upTo: id };
    this.#remove((kept) => gone.has(kept));
  }

  #remove(goes: (kept: Kept) => boolean): void {
    const files = new Set<string>();
    this.#events = this.#events.filter((kept) => {
      if (!goes(kept)) return true;
      this.#bytes -= kept.bytes;
      if (kept.file) files.add(kept.file);
      return false;
    });
    for (const { file } of this.#events) if (file) files.delete(file);
    for (const file of files) {
      this.#stale.add(file);
      if (this.#open === file) this.#open = undefined;
    }
  }

  #flushIn(delayMs: number): void {
    this.#timer ??= this.#options.clock.after('events: write', delayMs, () => {
      this.#timer = undefined;
      void this.#inTurn(() => this.#save());
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(work).catch((error: unknown) => {
      this.#options.logger.warn('cannot write events to the disk; they stay in memory', { error });
      if (this.#events.some(({ file }) => file === undefined) || this.#stale.size > 0) this.#flushIn(flushAgainMs);
    });
    return this.#tail;
  }

  async #save(): Promise<void> {
    await this.#clear();
    for (let fresh = this.#unsaved(); fresh[0]; fresh = this.#unsaved()) {
      const open = this.#open ?? segmentName(fresh[0]);
      const inside = this.#events.filter(({ file }) => file === open);
      let bytes = inside.reduce((sum, kept) => sum + kept.bytes, 0);
      const more = fresh.filter((kept, index) => {
        bytes += kept.bytes;
        return bytes <= segmentBytes || (index === 0 && inside.length === 0);
      });
      if (more.length === 0) {
        this.#open = undefined;
        continue;
      }
      const events = [...inside, ...more].map(({ id, at, event }) => ({ id, at, event }));
      await this.#segments.write(open, { events, dropped: this.#dropped });
      this.#open = open;
      for (const kept of more) kept.file = open;
      // What was acknowledged or dropped while it was being written is in a file of its own no more.
      if (!this.#events.some(({ file }) => file === open)) this.#stale.add(open);
    }
    await this.#clear();
  }

  #unsaved(): Kept[] {
    return this.#events.filter(({ file }) => file === undefined);
  }

  async #clear(): Promise<void> {
    const names = [...this.#stale];
    if (names.length === 0) return;
    if (this.#open && names.includes(this.#open)) this.#open = undefined;
    await this.#segments.remove(names);
    for (const name of names) this.#stale.delete(name);
  }

  #dropNotice({ count, id, at }: Dropped): KeptEvent {
    const message = `${count} events of this board were dropped, the oldest first: more than ${this.#budgetBytes} bytes waited for the hub`;
    const { nodeName: name } = this.#options;
    return { id, at, event: { involvedObject: { kind: 'Node', name, uid: name }, type: 'Warning', reason: 'EventsDropped', message } };
  }

  #dated({ id, at, event }: KeptEvent): BoardEvent {
    const interval = this.#options.time.locate(at);
    if (!interval) return { ...event, id, wallMs: at.wallMs };
    const { notBeforeMs, notAfterMs } = interval;
    // The machine's own clock counts for as much as it fits with what is known.
    const wallMs = at.wallMs >= notBeforeMs && at.wallMs <= notAfterMs ? at.wallMs : notAfterMs;
    return { ...event, id, wallMs, notBeforeMs, notAfterMs };
  }
}
