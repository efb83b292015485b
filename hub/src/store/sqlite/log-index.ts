import { CompactedError, FutureRevisionError, type Revision } from '../contract.ts';
import { SortedEntries, withPrefix } from '../sorted-entries.ts';

/** Where in the log a key's value lies. */
export interface Place {
  readonly key: string;
  readonly revision: Revision;
  readonly createRevision: Revision;
}

export interface Change {
  readonly key: string;
  readonly revision: Revision;
  readonly deleted: boolean;
  readonly previous: Place | undefined;
}

const rememberedLists = 8;

/**
 * Which revision each key is at and how it came there, without the values. Rebuilt from the log when it is opened: it
 * needs no index in the file, so a write there is one row at the end.
 */
export class LogIndex {
  readonly #live = new SortedEntries<Place>();
  /** Everything after `#base`, one entry for each revision without a gap. */
  #history: Change[] = [];
  #base: Revision;
  #compacted: Revision;
  /** Rows that nobody can ask for any more. */
  #garbage: Revision[] = [];
  /** Lists at a revision, for the next page. */
  readonly #lists = new Map<string, readonly Place[]>();

  constructor(compacted: Revision, base: Revision) {
    this.#compacted = compacted;
    this.#base = base;
  }

  get current(): Revision {
    return this.#base + this.#history.length;
  }

  get compacted(): Revision {
    return this.#compacted;
  }

  get(key: string): Place | undefined {
    return this.#live.get(key);
  }

  /** Takes over what the log says about a time before the compaction. */
  restore(row: Place & { readonly deleted: boolean }): void {
    const old = this.#live.get(row.key);
    if (old) this.#garbage.push(old.revision);
    if (row.deleted) {
      this.#live.delete(row.key);
      this.#garbage.push(row.revision);
    } else {
      this.#live.set({ key: row.key, revision: row.revision, createRevision: row.createRevision });
    }
  }

  /** Takes over the next revision; it must follow the one before. */
  apply(row: Place & { readonly deleted: boolean }): Change {
    if (row.revision !== this.current + 1) throw new Error(`revision ${row.revision} does not follow ${this.current}`);
    const { key, revision, createRevision, deleted } = row;
    const change: Change = { key, revision, deleted, previous: this.#live.get(key) };
    this.#history.push(change);
    if (deleted) this.#live.delete(key);
    else this.#live.set({ key, revision, createRevision });
    return change;
  }

  /** Where the keys with this prefix stood at a revision, in order. @throws CompactedError, FutureRevisionError */
  at(prefix: string, revision: Revision): readonly Place[] {
    if (revision > this.current) throw new FutureRevisionError(revision, this.current);
    if (revision < this.#compacted) throw new CompactedError(this.#compacted);
    if (revision === this.current) return withPrefix(this.#live.list(), prefix);
    const name = `${revision} ${prefix}`;
    const known = this.#lists.get(name);
    if (known) return known;
    const list = this.#rewind(prefix, revision);
    this.#lists.set(name, list);
    for (const oldest of this.#lists.keys()) {
      if (this.#lists.size <= rememberedLists) break;
      this.#lists.delete(oldest);
    }
    return list;
  }

  /** The changes in (after, after + limit]. @throws CompactedError */
  since(after: Revision, limit: number): readonly Change[] {
    if (after < this.#compacted) throw new CompactedError(this.#compacted);
    const from = Math.max(0, after - this.#base);
    return this.#history.slice(from, from + limit);
  }

  /** Whether this moved the compaction on. */
  compact(revision: Revision): boolean {
    if (revision > this.current) throw new FutureRevisionError(revision, this.current);
    if (revision <= this.#compacted) return false;
    const gone = this.#history.splice(0, revision - this.#base);
    this.#base = Math.max(this.#base, revision);
    this.#compacted = revision;
    this.#lists.clear();
    for (const change of gone) {
      if (change.previous) this.#garbage.push(change.previous.revision);
      if (change.deleted) this.#garbage.push(change.revision);
    }
    return true;
  }

  garbage(limit: number): readonly Revision[] {
    return this.#garbage.slice(-limit);
  }

  /** The last `count` rows of the garbage are gone from the file. */
  collected(count: number): void {
    this.#garbage.length -= count;
  }

  #rewind(prefix: string, revision: Revision): readonly Place[] {
    const then = new SortedEntries<Place>();
    for (const place of withPrefix(this.#live.list(), prefix)) then.set(place);
    for (let at = this.#history.length - 1; at >= revision - this.#base; at--) {
      const change = this.#history[at];
      if (!change?.key.startsWith(prefix)) continue;
      if (change.previous) then.set(change.previous);
      else then.delete(change.key);
    }
    return then.list();
  }
}
