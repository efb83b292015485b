import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Revision } from '../contract.ts';
import { page } from '../sorted-entries.ts';
import { isDiskFull, StoreBrokenError } from './errors.ts';
import { LogIndex, type Place } from './log-index.ts';
import {
  type Batch,
  type BatchResult,
  type Calls,
  type HistoryPage,
  type ListPage,
  type Opened,
  outcome,
  type Row,
  type Sealed,
} from './protocol.ts';
import { Reserve } from './reserve.ts';
import { beginAt, isUntouched, openDatabase, readMeta, readOptionalMeta, transaction, writeMeta } from './schema.ts';

const pageRows = 1000;
const pageBytes = 4 << 20;
const sliceRows = 500;
const vacuumPages = 2000;

interface Statements {
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly rollback: StatementSync;
  readonly insert: StatementSync;
  readonly value: StatementSync;
  readonly remove: StatementSync;
}

/** What a batch has changed so far, until it commits. */
interface Work {
  readonly written: (Place & { readonly deleted: boolean })[];
  /** undefined where it deleted. */
  readonly now: Map<string, (Place & { readonly value: Sealed }) | undefined>;
  outcomes: number[] | undefined;
  previous: (Row | null)[] | undefined;
}

/** What the log needs of the machine. */
export interface LogFileDoors {
  openDatabase(file: string, synchronous: 'FULL' | 'NORMAL'): DatabaseSync;
  reserve(file: string, bytes: number): Pick<Reserve, 'fill' | 'release'>;
}

const systemDoors: LogFileDoors = { openDatabase, reserve: (file, bytes) => new Reserve(file, bytes) };

/**
 * The log in its file. Lives on a thread of its own; every call runs to its end before the next begins.
 *
 * INVARIANTS
 * - The row id is the revision. `newest` in the file's meta table is raised before a newest row can vanish, so no revision
 *   is given twice.
 * - The index in memory changes only after the commit.
 * - A failed commit leaves nothing behind, in the file or in memory.
 */
export class LogFile implements Calls {
  readonly #doors: LogFileDoors;
  #db!: DatabaseSync;
  #statements!: Statements;
  #index = new LogIndex(0, 0);
  #reserve!: Pick<Reserve, 'fill' | 'release'>;
  #full = false;

  constructor(doors = systemDoors) {
    this.#doors = doors;
  }

  get revision(): Revision {
    return this.#index.current;
  }

  open(options: Parameters<Calls['open']>[0]): Opened {
    this.#db = this.#doors.openDatabase(options.file, options.synchronous);
    this.#reserve = this.#doors.reserve(`${options.file}.reserve`, options.reserveBytes);
    this.#full = !this.#reserve.fill();
    this.#statements = prepare(this.#db);
    const { firstRevision = 0 } = options;
    if (firstRevision > readMeta(this.#db, 'newest') && isUntouched(this.#db)) beginAt(this.#db, firstRevision);
    const expiring = this.#load();
    const restored = readOptionalMeta(this.#db, 'restored_epoch');
    return {
      epoch: readMeta(this.#db, 'epoch'),
      restoredFrom: restored === undefined ? undefined : { epoch: restored, revision: readMeta(this.#db, 'restored_revision') },
      revision: this.#index.current,
      compacted: this.#index.compacted,
      full: this.#full,
      expiring,
    };
  }

  commit(batch: Batch): BatchResult {
    try {
      return this.#tryCommit(batch);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      // From here on only deletes go through, on the room that was kept back for them.
      this.#full = true;
      this.#reserve.release();
    }
    try {
      return this.#tryCommit(batch);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      return this.#refuse(batch);
    }
  }

  get(key: string): Row | null {
    const place = this.#index.get(key);
    return place ? this.#row(place) : null;
  }

  list({ prefix, revision, after, limit }: Parameters<Calls['list']>[0]): ListPage {
    const at = revision || this.#index.current;
    const asked = Math.min(limit || pageRows, pageRows);
    const { items, remaining } = page(this.#index.at(prefix, at), { after: after ?? undefined, limit: asked });
    const rows: Row[] = [];
    let bytes = 0;
    for (const place of items) {
      const row = this.#row(place);
      bytes += row.value.length;
      rows.push(row);
      if (bytes > pageBytes) break;
    }
    return { items: rows, revision: at, remaining: remaining + items.length - rows.length };
  }

  history({ prefix, after }: Parameters<Calls['history']>[0]): HistoryPage {
    const changes = this.#index.since(after, pageRows);
    const events: HistoryPage['events'] = [];
    // Before the first revision there is nothing to look at.
    let upTo = changes.length === 0 ? Math.max(after, this.#index.current) : after;
    let bytes = 0;
    for (const change of changes) {
      upTo = change.revision;
      if (!change.key.startsWith(prefix)) continue;
      const value = change.deleted ? null : this.#value(change.revision);
      const previous = change.previous ? this.#row(change.previous) : null;
      events.push({ key: change.key, value, previous, revision: change.revision });
      bytes += (value?.length ?? 0) + (previous?.value.length ?? 0);
      if (bytes > pageBytes) break;
    }
    return { events, upTo, complete: upTo >= this.#index.current };
  }

  compact(revision: Revision): boolean {
    const moved = this.#index.compact(revision);
    const rows = this.#index.garbage(sliceRows);
    if (!moved && rows.length === 0) return false;
    try {
      transaction(this.#db, () => {
        writeMeta(this.#db, 'compacted', this.#index.compacted);
        writeMeta(this.#db, 'newest', this.#index.current);
        for (const row of rows) this.#statements.remove.run(row);
      });
      this.#index.collected(rows.length);
      return this.#index.garbage(1).length > 0 || this.#giveBack();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      // The rows stay garbage for the next time; with the room kept back that may work.
      this.#full = true;
      this.#reserve.release();
      return false;
    }
  }

  recover(): boolean {
    if (!this.#full) return true;
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#full = !this.#reserve.fill();
    return !this.#full;
  }

  backup(file: string): void {
    this.#db.prepare('VACUUM INTO ?').run(file);
  }

  close(): void {
    this.#db.close();
  }

  #tryCommit(batch: Batch): BatchResult {
    const first = this.#index.current + 1;
    const full = this.#full;
    const work: Work = { written: [], now: new Map(), outcomes: undefined, previous: undefined };
    const { begin, commit, rollback } = this.#statements;
    const { length } = batch.keys;
    // A statement alone is a transaction of its own.
    if (length > 1) begin.run();
    try {
      for (let at = 0; at < length; at++) this.#write(batch, at, work);
      if (length > 1) commit.run();
    } catch (error) {
      if (this.#db.isTransaction) rollback.run();
      throw error;
    }
    for (const row of work.written) this.#index.apply(row);
    return { outcomes: work.outcomes, first, previous: work.previous, full };
  }

  #write(batch: Batch, at: number, work: Work): void {
    const place = (name: string): Place | undefined => (work.now.has(name) ? work.now.get(name) : this.#index.get(name));
    const refuse = (code: number): void => {
      work.outcomes ??= batch.keys.map(() => outcome.ok);
      work.outcomes[at] = code;
    };
    const key = batch.keys[at] as string;
    const value = batch.values[at] ?? null;
    const expected = batch.expected?.[at] ?? -1;
    const fence = batch.fences?.[at];
    if (fence && (place(fence.key)?.revision ?? 0) !== fence.revision) {
      refuse(outcome.fenced);
      return;
    }
    const current = place(key);
    if (current) {
      work.previous ??= batch.keys.map(() => null);
      work.previous[at] = { ...current, value: work.now.get(key)?.value ?? this.#value(current.revision) };
    }
    const unexpected = expected >= 0 && (current?.revision ?? 0) !== expected;
    if (unexpected || (value === null && !current)) {
      refuse(outcome.conflict);
      return;
    }
    if (this.#full && value !== null && !batch.deleting?.[at]) {
      refuse(outcome.full);
      return;
    }
    const revision = this.#index.current + work.written.length + 1;
    const createRevision = current?.createRevision ?? revision;
    this.#statements.insert.run(revision, key, createRevision, batch.ttlSeconds?.[at] || null, value);
    work.written.push({ key, revision, createRevision, deleted: value === null });
    if (batch.keys.length > 1) work.now.set(key, value === null ? undefined : { key, revision, createRevision, value });
  }

  #refuse(batch: Batch): BatchResult {
    return { outcomes: batch.keys.map(() => outcome.full), first: this.#index.current + 1, full: true };
  }

  /** Returns free pages to the file system when they are more than half of the file; true when there is more to do. */
  #giveBack(): boolean {
    const free = Number(this.#db.prepare('PRAGMA freelist_count').get()?.['freelist_count'] ?? 0);
    const pages = Number(this.#db.prepare('PRAGMA page_count').get()?.['page_count'] ?? 0);
    if (free === 0 || (!this.#full && (free < vacuumPages || free * 2 < pages))) return false;
    this.#db.exec(`PRAGMA incremental_vacuum(${vacuumPages})`);
    return free > vacuumPages;
  }

  #load(): Opened['expiring'] {
    const compacted = readMeta(this.#db, 'compacted');
    const newest = readMeta(this.#db, 'newest');
    const expiring = new Map<string, Opened['expiring'][number]>();
    const rows = this.#db.prepare('SELECT revision, key, create_revision, ttl_seconds, value IS NULL FROM log ORDER BY revision');
    rows.setReturnArrays(true);
    this.#index = new LogIndex(compacted, Math.max(compacted, 1));
    for (const columns of rows.iterate() as unknown as Iterable<unknown[]>) {
      const [revision, key, createRevision, ttlSeconds, isNull] = columns as [number, string, number, number | null, number];
      const row = { key, revision, createRevision, deleted: isNull === 1 };
      if (revision <= this.#index.compacted) this.#index.restore(row);
      else if (revision === this.#index.current + 1) this.#index.apply(row);
      else throw new StoreBrokenError(`the log has a gap: after revision ${this.#index.current} comes ${revision}`);
      if (ttlSeconds && !row.deleted) expiring.set(key, { key, revision, ttlSeconds });
      else expiring.delete(key);
    }
    if (newest > this.#index.current)
      throw new StoreBrokenError(`the log ends at revision ${this.#index.current}, but ${newest} was given out`);
    return [...expiring.values()];
  }

  #row(place: Place): Row {
    return { key: place.key, revision: place.revision, createRevision: place.createRevision, value: this.#value(place.revision) };
  }

  #value(revision: Revision): Sealed {
    const row = this.#statements.value.get(revision) as unknown as [Sealed] | undefined;
    if (!row) throw new StoreBrokenError(`revision ${revision} is missing in the log`);
    return row[0];
  }
}

function prepare(db: DatabaseSync): Statements {
  const value = db.prepare('SELECT value FROM log WHERE revision = ?');
  value.setReturnArrays(true);
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    insert: db.prepare('INSERT INTO log (revision, key, create_revision, ttl_seconds, value) VALUES (?, ?, ?, ?, ?)'),
    value,
    remove: db.prepare('DELETE FROM log WHERE revision = ?'),
  };
}
