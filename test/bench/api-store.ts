import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { WatchHandler } from '@flotilla/hub/store/contract.js';
import { SqliteStore } from '@flotilla/hub/store/sqlite/sqlite-store.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { median, type Report } from './figure.ts';
import { closedLoop } from './https-load.ts';

const rounds = 5;
const sliceMs = 1_000;
const value = JSON.stringify({ text: 'x'.repeat(2_000) });
const aims = { 1: 0.7, 64: 0.5 } as const;

/** P2: a put, its revision and its event, next to SQLite's own transactions with as many writes in the same table. */
export async function measureStore(report: Report): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-bench-store-'));
  const store = await SqliteStore.open({ file: join(dir, 'own.db'), clock: new SystemClock(), logger: silentLogger });
  const raw = rawWrites(join(dir, 'raw.db'));
  let events = 0;
  let keys = 0;
  const handler: WatchHandler = {
    events(all) {
      events += all.length;
    },
    ended() {},
  };
  const watch = await store.watch('/', 0, handler);
  try {
    for (const clients of [1, 64] as const) {
      const own: number[] = [];
      const bare: number[] = [];
      for (let round = 0; round < rounds; round++) {
        own.push((await closedLoop(clients, sliceMs, () => store.put(`/bench/${keys++}`, value))).perSecond);
        bare.push(raw.perSecond(clients, sliceMs));
      }
      const ratio = median(own.map((rate, n) => rate / (bare[n] ?? Number.NaN)));
      const of = { suite: 'api', id: 'P2', unit: '/s', better: 'higher' } as const;
      const name = `the store alone, ${clients} clients (beside SQLite in groups of ${clients})`;
      report({ ...of, name, value: median(own), baseline: median(bare), ratio, aim: aims[clients] });
    }
    if (events !== keys) throw new Error(`${keys} puts gave ${events} events`);
  } finally {
    watch.stop();
    await store.close();
    raw.close();
    await rm(dir, { recursive: true, force: true });
  }
}

function rawWrites(file: string): { perSecond(group: number, forMs: number): number; close(): void } {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE log (revision INTEGER PRIMARY KEY, key TEXT, value TEXT)');
  const insert = db.prepare('INSERT INTO log (key, value) VALUES (?, ?)');
  const [begin, commit] = [db.prepare('BEGIN IMMEDIATE'), db.prepare('COMMIT')];
  let writes = 0;
  return {
    perSecond: (group, forMs) => {
      const before = writes;
      const beganMs = performance.now();
      while (performance.now() - beganMs < forMs) {
        begin.run();
        for (let n = 0; n < group; n++) insert.run(`/bench/${writes++}`, value);
        commit.run();
      }
      return ((writes - before) * 1000) / (performance.now() - beganMs);
    },
    close: () => db.close(),
  };
}
