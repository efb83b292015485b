/**
 * What clients of a hub did and saw, in the order in which it happened to them: `checkHistory` says whether that can be.
 * Every write of a key says something that no other write says, so that what is read can be told to come from it.
 */

export interface Write {
  readonly key: string;
  /** undefined deletes. */
  readonly value: string | undefined;
  /** When it was sent, and when its 2xx came: positions in the one order of this history. */
  readonly sent: number;
  acknowledged: number | undefined;
  /** As the answer told it; not every answer does. */
  revision: number | undefined;
  /** An answer said that it was not done. Without an answer it may have been done or not. */
  refused: boolean;
}

export interface Seen {
  readonly key: string;
  /** undefined: the key was deleted. */
  readonly value: string | undefined;
  readonly revision: number;
}

/** Events of one watch, resumed after every crash from what was seen last. */
export interface WatchLog {
  /** It tells of the keys that begin like this. */
  readonly prefix: string;
  /** It tells of what came after this revision. */
  readonly from: number;
  readonly events: Seen[];
  /** It is known to have told all up to here: a bookmark. 0 when nothing is known. */
  completeUpTo: number;
}

export interface Reading {
  /** All keys that begin like this. */
  readonly prefix: string;
  /** Position in the order when it was asked for, and when the answer was there. */
  readonly asked: number;
  readonly answered: number;
  readonly revision: number;
  readonly items: readonly Seen[];
}

export class History {
  readonly writes: Write[] = [];
  readonly watches: WatchLog[] = [];
  readonly readings: Reading[] = [];
  #order = 0;

  /** The next position in the order. */
  tick(): number {
    return ++this.#order;
  }

  send(key: string, value: string | undefined): Write {
    const write = { key, value, sent: this.tick(), acknowledged: undefined, revision: undefined, refused: false };
    this.writes.push(write);
    return write;
  }

  acknowledge(write: Write, revision?: number): void {
    write.acknowledged = this.tick();
    write.revision = revision;
  }

  watch(prefix: string, from: number): WatchLog {
    const log = { prefix, from, events: [], completeUpTo: 0 };
    this.watches.push(log);
    return log;
  }

  get acknowledged(): number {
    return this.writes.filter(({ acknowledged }) => acknowledged !== undefined).length;
  }
}
