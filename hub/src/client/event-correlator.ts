import type { Clock } from '@flotilla/shared/clock/clock.js';

/** Events that are the same but for their time share one: its name once written, and their writes one after the other. */
export interface EventEntry {
  name?: string;
  readonly writes: Serial;
}

export interface EventDecision {
  readonly entry: EventEntry;
  readonly message: string;
}

interface Group {
  readonly messages: Set<string>;
  lastMs: number;
}

interface Bucket {
  tokens: number;
  lastMs: number;
}

// client-go, tools/record/events_cache.go: 4096 entries, groups of 10 within 10 minutes, 25 at once then 1 in 5 minutes.
const maxEntries = 4096;
const maxSimilar = 10;
const windowMs = 600_000;
const burst = 25;
const refillMs = 300_000;

/**
 * Decides what becomes of an event: written anew, counted up, combined with similar ones, or (undefined) dropped as spam.
 * All three tables forget the oldest beyond 4096 entries.
 */
export class EventCorrelator {
  readonly #clock: Clock;
  readonly #entries = new Map<string, EventEntry & { lastMs: number }>();
  readonly #groups = new Map<string, Group>();
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  observe(uid: string, type: string, reason: string, message: string): EventDecision | undefined {
    const nowMs = this.#clock.monotonicMs();
    const groupKey = `${uid}\n${type}\n${reason}`;
    const similar = this.#similar(groupKey, message, nowMs);
    const combined = similar > maxSimilar;
    const entry = this.#entry(combined ? groupKey : `${groupKey}\n${message}`, nowMs);
    if (!this.#allowed(uid, nowMs)) return undefined;
    return { entry, message: combined ? `(combined from similar events): ${message}` : message };
  }

  #similar(key: string, message: string, nowMs: number): number {
    let group = this.#groups.get(key);
    if (!group || nowMs - group.lastMs > windowMs) group = { messages: new Set(), lastMs: nowMs };
    group.lastMs = nowMs;
    if (group.messages.size <= maxSimilar) group.messages.add(message);
    else if (!group.messages.has(message)) return remember(this.#groups, key, group).messages.size;
    remember(this.#groups, key, group);
    return group.messages.size;
  }

  #entry(key: string, nowMs: number): EventEntry {
    let entry = this.#entries.get(key);
    if (!entry || nowMs - entry.lastMs > windowMs) entry = { writes: new Serial(), lastMs: nowMs };
    entry.lastMs = nowMs;
    return remember(this.#entries, key, entry);
  }

  #allowed(uid: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(uid) ?? { tokens: burst, lastMs: nowMs };
    bucket.tokens = Math.min(burst, bucket.tokens + (nowMs - bucket.lastMs) / refillMs);
    bucket.lastMs = nowMs;
    remember(this.#buckets, uid, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}

/** Runs one job after the other. */
class Serial {
  #last: Promise<void> = Promise.resolve();

  run(job: () => Promise<void>): Promise<void> {
    const next = this.#last.then(job);
    this.#last = next.catch(() => {});
    return next;
  }
}

/** Puts the entry last and lets the one longest unused go. */
function remember<T>(table: Map<string, T>, key: string, value: T): T {
  table.delete(key);
  table.set(key, value);
  if (table.size > maxEntries) {
    for (const oldest of table.keys()) {
      table.delete(oldest);
      break;
    }
  }
  return value;
}
