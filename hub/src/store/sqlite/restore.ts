import { closeSync, copyFileSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Revision } from '../contract.ts';
import { StoreBrokenError } from './errors.ts';
import { openDatabase, readMeta, transaction, writeMeta } from './schema.ts';

/** Further than any hub writes between a backup and its restore. */
const restoreJump = 1_000_000_000;

export interface RestoreOptions {
  readonly backup: string;
  readonly file: string;
  /** Revisions go on above this one too: what later stores of the cluster gave out. */
  readonly above?: Revision;
}

/** How far a store is. Brings its file together with its journal, so that the file alone is the store. @throws StoreLockedError */
export function storeStanding(file: string): { readonly epoch: number; readonly revision: Revision } {
  const db = openDatabase(file, 'FULL');
  try {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    const newest = Number(db.prepare('SELECT max(revision) AS newest FROM log').get()?.['newest'] ?? 0);
    return { epoch: readMeta(db, 'epoch'), revision: Math.max(newest, readMeta(db, 'newest'), readMeta(db, 'compacted')) };
  } finally {
    db.close();
  }
}

/**
 * Makes a store out of a backup. Revisions go on far ahead of the backup's, everything before counts as compacted and the
 * epoch is raised: what was given out between backup and restore is never given out again, and whoever watched lists anew.
 * @throws StoreBrokenError when there is a store already or the backup is none
 */
export function restoreSqlite({ backup, file, above = 0 }: RestoreOptions): void {
  if (existsSync(file)) throw new StoreBrokenError(`${file} exists: move it away before restoring`);
  const draft = `${file}.restoring`;
  for (const leftover of [draft, `${draft}-wal`, `${file}-wal`]) rmSync(leftover, { force: true });
  copyFileSync(backup, draft);
  const db = openDatabase(draft, 'FULL');
  try {
    const check = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (check !== 'ok') throw new StoreBrokenError(`${backup} is damaged: ${String(check)}`);
    transaction(db, () => {
      const newest = Number(db.prepare('SELECT max(revision) AS newest FROM log').get()?.['newest'] ?? 0);
      const last = Math.max(newest, readMeta(db, 'newest'), readMeta(db, 'compacted'));
      const revision = Math.max(last + restoreJump, above);
      if (!Number.isSafeInteger(revision + restoreJump)) throw new StoreBrokenError(`no revisions are left above ${revision}`);
      writeMeta(db, 'newest', revision);
      writeMeta(db, 'compacted', revision);
      writeMeta(db, 'restored_epoch', readMeta(db, 'epoch'));
      writeMeta(db, 'restored_revision', last);
      writeMeta(db, 'epoch', readMeta(db, 'epoch') + 1);
    });
  } finally {
    db.close();
  }
  syncPath(draft);
  renameSync(draft, file);
  syncPath(dirname(file));
}

function syncPath(path: string): void {
  const handle = openSync(path, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
