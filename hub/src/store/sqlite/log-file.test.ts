import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogFile, type LogFileDoors } from './log-file.ts';
import { type Batch, type BatchResult, outcome } from './protocol.ts';
import { openDatabase } from './schema.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flotilla-log-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

interface Write {
  key: string;
  value?: string;
  deleting?: boolean;
  expected?: number;
}

const batchOf = (...writes: Write[]): Batch => ({
  keys: writes.map((write) => write.key),
  values: writes.map((write) => write.value ?? null),
  expected: writes.map((write) => write.expected ?? -1),
  ttlSeconds: writes.map(() => 0),
  fences: writes.map(() => null),
  deleting: writes.map((write) => write.deleting ?? false),
});

const options = () => ({ file: join(dir, 'store.db'), synchronous: 'FULL' as const, reserveBytes: 1 << 20 });

/** A disk of so many pages, of which some are kept back while the reserve is filled. */
class SmallDisk implements LogFileDoors {
  pages = 60;
  readonly keptBack = 30;
  filled = false;
  #db: DatabaseSync | undefined;

  openDatabase(file: string, synchronous: 'FULL' | 'NORMAL'): DatabaseSync {
    this.#db = openDatabase(file, synchronous);
    this.apply();
    return this.#db;
  }

  reserve(): { fill(): boolean; release(): void } {
    return {
      fill: () => {
        const used = Number(this.#db?.prepare('PRAGMA page_count').get()?.['page_count']);
        this.filled = used + this.keptBack <= this.pages;
        this.apply();
        return this.filled;
      },
      release: () => {
        this.filled = false;
        this.apply();
      },
    };
  }

  apply(): void {
    this.#db?.exec(`PRAGMA max_page_count = ${this.pages - (this.filled ? this.keptBack : 0)}`);
  }
}

function fillUp(log: LogFile): { result: BatchResult; count: number } {
  for (let count = 0; count < 1000; count++) {
    const result = log.commit(batchOf({ key: `/k/${String(count).padStart(3, '0')}`, value: 'x'.repeat(3000) }));
    if (result.full) return { result, count };
  }
  throw new Error('the disk did not fill');
}

test('writes of one batch see each other, and the file holds what the index says', () => {
  const log = new LogFile();
  log.open(options());
  const result = log.commit(
    batchOf(
      { key: '/a', value: '1', expected: 0 },
      { key: '/a', value: '2', expected: 2 },
      { key: '/a', value: 'x', expected: 2 },
      { key: '/a' },
      { key: '/a' },
    ),
  );
  expect(result.outcomes).toEqual([outcome.ok, outcome.ok, outcome.conflict, outcome.ok, outcome.conflict]);
  expect(result.first).toBe(2);
  expect(result.previous?.map((row) => row?.value ?? null)).toEqual([null, '1', '2', '2', null]);
  const events = log.history({ prefix: '/', after: 1 }).events;
  expect(events.map((event) => [event.value, event.previous?.value ?? null])).toEqual([
    ['1', null],
    ['2', '1'],
    [null, '2'],
  ]);
  log.close();
});

test('on a full disk writes are refused, deletes go through, and what was refused leaves no trace', () => {
  const disk = new SmallDisk();
  const log = new LogFile(disk);
  log.open(options());
  expect(disk.filled).toBe(true);
  const { result, count } = fillUp(log);
  expect(result.outcomes).toEqual([outcome.full]);
  const before = log.revision;
  expect(disk.filled).toBe(false);
  const mixed = log.commit(
    batchOf(
      { key: '/k/000' },
      { key: '/new', value: 'x' },
      { key: '/k/001', value: 'marked', deleting: true },
      { key: '/k/002', value: 'x' },
    ),
  );
  expect(mixed.outcomes).toEqual([outcome.ok, outcome.full, outcome.ok, outcome.full]);
  expect(log.revision).toBe(before + 2);
  expect(log.get('/new')).toBeNull();
  expect(log.get('/k/001')?.value).toBe('marked');
  expect(log.list({ prefix: '/k/', revision: 0, after: null, limit: 0 }).items).toHaveLength(count - 1);
  for (let at = 0; at < 5; at++) log.commit(batchOf({ key: '/k/001', value: 'x'.repeat(3000), deleting: true }));
  expect(log.recover()).toBe(false);
  log.close();
});

test('when there is room again everything is accepted again', () => {
  const disk = new SmallDisk();
  const log = new LogFile(disk);
  log.open(options());
  const { count } = fillUp(log);
  for (let at = 0; at < count; at++) log.commit(batchOf({ key: `/k/${String(at).padStart(3, '0')}` }));
  while (log.compact(log.revision));
  expect(log.recover()).toBe(true);
  expect(disk.filled).toBe(true);
  const result = log.commit(batchOf({ key: '/new', value: 'x'.repeat(3000) }));
  expect(result).toMatchObject({ outcomes: undefined, full: false });
  log.close();
  const again = new LogFile(disk);
  expect(again.open(options()).revision).toBe(result.first);
  again.close();
});

test('a disk too full even for deletes refuses them without harm', () => {
  const disk = new SmallDisk();
  const log = new LogFile(disk);
  log.open(options());
  fillUp(log);
  let refused = 0;
  for (let at = 0; at < 500 && refused === 0; at++) {
    const result = log.commit(batchOf({ key: '/k/000', value: 'x'.repeat(3000), deleting: true }));
    if (result.outcomes?.[0] === outcome.full) refused++;
  }
  expect(refused).toBe(1);
  expect(log.get('/k/001')?.value).toHaveLength(3000);
  const before = log.revision;
  log.close();
  disk.pages += 100;
  const again = new LogFile(disk);
  expect(again.open(options()).revision).toBe(before);
  again.close();
});

test('a compaction goes in slices, survives being cut off between them, and its file shrinks', () => {
  const log = new LogFile();
  log.open(options());
  const writes = Array.from({ length: 500 }, (_, at) => ({ key: `/k/${at % 10}`, value: 'x'.repeat(4000) }));
  for (let round = 0; round < 6; round++) log.commit(batchOf(...writes));
  const target = log.revision - 5;
  expect(log.compact(target)).toBe(true);
  log.close();
  const again = new LogFile();
  const opened = again.open(options());
  expect(opened).toMatchObject({ compacted: target, revision: target + 5 });
  let slices = 0;
  while (again.compact(target)) slices++;
  expect(slices).toBeGreaterThan(3);
  expect(again.list({ prefix: '/', revision: target, after: null, limit: 0 }).items).toHaveLength(10);
  again.close();
  const db = openDatabase(options().file, 'FULL');
  expect(db.prepare('SELECT count(*) AS count FROM log').get()).toEqual({ count: 15 });
  expect(Number(db.prepare('PRAGMA page_count').get()?.['page_count'])).toBeLessThan(2500);
  db.close();
});

test('a missing row in the log is found when it is opened', () => {
  const log = new LogFile();
  log.open(options());
  log.commit(batchOf({ key: '/a', value: '1' }, { key: '/b', value: '1' }, { key: '/c', value: '1' }));
  log.close();
  const db = openDatabase(options().file, 'FULL');
  db.exec('DELETE FROM log WHERE revision = 3');
  db.close();
  expect(() => new LogFile().open(options())).toThrow('after revision 2 comes 4');
});
