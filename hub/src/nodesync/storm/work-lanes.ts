import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { UpKind } from '@flotilla/shared/protocol/topics.js';

/** In this order: what says that a board is there, what it runs, what it shall run, bytes for people. */
const lanes = ['heartbeat', 'status', 'sync', 'streams'] as const;
export type Lane = (typeof lanes)[number];

const laneOfKind: Readonly<Partial<Record<UpKind, Lane>>> = {
  hello: 'heartbeat',
  lease: 'heartbeat',
  refusal: 'heartbeat',
  want: 'sync',
  recall: 'sync',
  stream: 'streams',
  log: 'streams',
};

export function laneOf(kind: UpKind): Lane {
  return laneOfKind[kind] ?? 'status';
}

/** What a board says again until it is answered; each is numbered, so the same bytes are the same words. */
const saidAgain: ReadonlySet<UpKind> = new Set(['hello', 'report', 'token']);

/** What may wait; the rest is refused, and its sender says it again later. */
export const laneLimits = {
  itemsOfOne: 1_024,
  bytesOfOne: 16 * 1024 * 1024,
  bytesInAll: 128 * 1024 * 1024,
} as const;

/** At one go; and for each millisecond that others had, boards get three: API, controllers and the store have a quarter in the worst storm. */
const burstMs = 12;
const share = 3;

/** Something that a board said, as it came. */
interface Said {
  readonly kind: UpKind;
  readonly payload: Buffer;
}

interface Item {
  readonly bytes: number;
  readonly said: Said | undefined;
  readonly run: () => void;
}

/**
 * What boards say, in the order in which it matters and fairly: within a lane each board that waits has its turn. Done at once while
 * there is time for it; what is more waits, bounded for each board and for all. Within one lane a board's own order stays.
 */
export class WorkLanes {
  readonly #clock: Clock;
  readonly #queues: Readonly<Record<Lane, Map<string, Item[]>>> = {
    heartbeat: new Map(),
    status: new Map(),
    sync: new Map(),
    streams: new Map(),
  };
  readonly #waitingOf = new Map<string, { items: number; bytes: number }>();
  #items = 0;
  #bytes = 0;
  /** What boards may still take now; less than nothing after one item that took long. */
  #budgetMs = burstMs;
  #countedMs = 0;
  /** Time counted already of what ran within the item that runs now. */
  #innerMs = 0;
  /** What one item takes, on average. */
  #itemMs = 1;
  #timer: Timer | undefined;
  #refused = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get load(): { readonly items: number; readonly bytes: number; readonly refused: number } {
    return { items: this.#items, bytes: this.#bytes, refused: this.#refused };
  }

  /** How long what waits will take. */
  get backlogMs(): number {
    return (this.#items * this.#itemMs * (share + 1)) / share;
  }

  /**
   * Runs it now or soon; once where a board said it again before its turn came, else a hub that is late is asked the more the later it is.
   * @returns false when there is no room: it will not be run
   */
  offer(lane: Lane, board: string, bytes: number, run: () => void, said?: Said): boolean {
    if (this.#items === 0 && this.#hasTime()) {
      this.#run(run);
      return true;
    }
    const queue = this.#queues[lane].get(board) ?? [];
    if (said && saidAgain.has(said.kind) && queue.some((item) => item.said?.kind === said.kind && item.said.payload.equals(said.payload)))
      return true;
    const waiting = this.#waitingOf.get(board) ?? { items: 0, bytes: 0 };
    const full =
      waiting.items >= laneLimits.itemsOfOne ||
      waiting.bytes + bytes > laneLimits.bytesOfOne ||
      this.#bytes + bytes > laneLimits.bytesInAll;
    if (full) {
      this.#refused++;
      return false;
    }
    this.#count(board, 1, bytes);
    queue.push({ bytes, run, said });
    this.#queues[lane].set(board, queue);
    this.#schedule();
    return true;
  }

  /** A board's session is over: nobody waits for what it said. */
  drop(board: string): void {
    for (const lane of lanes) this.#queues[lane].delete(board);
    const { items = 0, bytes = 0 } = this.#waitingOf.get(board) ?? {};
    this.#count(board, -items, -bytes);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const board of [...this.#waitingOf.keys()]) this.drop(board);
  }

  #schedule(): void {
    if (this.#timer) return;
    const delayMs = Math.max(0, (1 - this.#budgetMs) / share);
    this.#timer = this.#clock.after('nodesync: what boards said', delayMs, () => {
      this.#timer = undefined;
      while (this.#items > 0 && this.#hasTime()) this.#run(this.#next());
      if (this.#items > 0) this.#schedule();
    });
  }

  #hasTime(): boolean {
    const nowMs = this.#clock.monotonicMs();
    this.#budgetMs = Math.min(burstMs, this.#budgetMs + (nowMs - this.#countedMs) * share);
    this.#countedMs = nowMs;
    return this.#budgetMs > 0;
  }

  #run(run: () => void): void {
    const beganMs = this.#clock.monotonicMs();
    // One may offer more, which runs within it.
    const outerMs = this.#innerMs;
    this.#innerMs = 0;
    try {
      run();
    } finally {
      this.#countedMs = this.#clock.monotonicMs();
      const tookMs = this.#countedMs - beganMs - this.#innerMs;
      this.#innerMs = outerMs + this.#innerMs + tookMs;
      this.#budgetMs -= tookMs;
      this.#itemMs += (tookMs - this.#itemMs) / 64;
    }
  }

  #next(): () => void {
    for (const lane of lanes) {
      const [first] = this.#queues[lane];
      if (!first) continue;
      const [board, queue] = first;
      const item = queue.shift();
      // To the end of the line: the next board's turn.
      this.#queues[lane].delete(board);
      if (queue.length > 0) this.#queues[lane].set(board, queue);
      if (!item) continue;
      this.#count(board, -1, -item.bytes);
      return item.run;
    }
    return () => {};
  }

  #count(board: string, items: number, bytes: number): void {
    this.#items += items;
    this.#bytes += bytes;
    const now = this.#waitingOf.get(board) ?? { items: 0, bytes: 0 };
    const next = { items: now.items + items, bytes: now.bytes + bytes };
    if (next.items > 0) this.#waitingOf.set(board, next);
    else this.#waitingOf.delete(board);
  }
}
