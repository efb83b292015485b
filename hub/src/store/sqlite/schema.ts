import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { isBusy, StoreBrokenError, StoreLockedError } from './errors.ts';

/**
 * Each step takes the file from the version of its place to the next, within one transaction. Steps are never changed
 * once released.
 */
const migrations: readonly string[] = [
  `CREATE TABLE log (
     revision INTEGER PRIMARY KEY,
     key TEXT NOT NULL,
     create_revision INTEGER NOT NULL,
     ttl_seconds INTEGER,
     value
   );
   INSERT INTO meta (name, value) VALUES ('epoch', 1), ('compacted', 0), ('newest', 1);`,
];

export type MetaName = 'format' | 'epoch' | 'compacted' | 'newest' | 'restored_epoch' | 'restored_revision';

export function readMeta(db: DatabaseSync, name: MetaName): number {
  const value = readOptionalMeta(db, name);
  if (value === undefined) throw new StoreBrokenError(`the store has no ${name}`);
  return value;
}

export function readOptionalMeta(db: DatabaseSync, name: MetaName): number | undefined {
  const row = db.prepare('SELECT value FROM meta WHERE name = ?').get(name);
  return typeof row?.['value'] === 'number' ? row['value'] : undefined;
}

export function writeMeta(db: DatabaseSync, name: MetaName, value: number): void {
  db.prepare('INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value').run(name, value);
}

/** Nothing was ever written to it. */
export function isUntouched(db: DatabaseSync): boolean {
  return db.prepare('SELECT 1 FROM log LIMIT 1').get() === undefined && readMeta(db, 'compacted') === 0;
}

/** Revisions go on above this one; everything before counts as compacted. */
export function beginAt(db: DatabaseSync, revision: number): void {
  transaction(db, () => {
    writeMeta(db, 'newest', revision);
    writeMeta(db, 'compacted', revision);
  });
}

/** Runs everything in one transaction. */
export function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/**
 * Opens or makes the file, owned by this process alone until it is closed, and brings it to this version's format.
 * @throws StoreLockedError, StoreBrokenError
 */
export function openDatabase(file: string, synchronous: 'FULL' | 'NORMAL'): DatabaseSync {
  // SQLite gives its journal the mode of the file, so only the file is made here.
  closeSync(openSync(file, 'a', 0o600));
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    // Exclusive before the first use: the lock is the kernel's and goes with the process, and no shared memory is needed.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL');
    db.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA cache_size = -8192; PRAGMA journal_size_limit = 16777216`);
    transaction(db, () => migrate(db, file));
    return db;
  } catch (error) {
    db.close();
    if (isBusy(error)) throw new StoreLockedError(file, { cause: error });
    if (error instanceof StoreBrokenError) throw error;
    throw new StoreBrokenError(`${file} cannot be opened: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function migrate(db: DatabaseSync, file: string): void {
  db.exec('CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID');
  const known = db.prepare("SELECT value FROM meta WHERE name = 'format'").get();
  const format = Number(known?.['value'] ?? 0);
  if (format > migrations.length) {
    throw new StoreBrokenError(`${file} was written by a newer version (format ${format}, this one knows ${migrations.length})`);
  }
  if (format === migrations.length) return;
  for (const step of migrations.slice(format)) db.exec(step);
  writeMeta(db, 'format', migrations.length);
}
