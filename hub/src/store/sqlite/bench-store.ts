import { DatabaseSync } from 'node:sqlite';
import type { Store } from '../contract.ts';

/** Durable operations a second. */
export interface StoreBench {
  /** Bare SQLite on the same disk: one insert in a transaction of its own. */
  readonly rawSingle: number;
  /** Bare SQLite: inserts in transactions of 100. */
  readonly rawGroup: number;
  /** put + revision + watch event through the store, one client. */
  readonly single: number;
  readonly clients64: number;
  /** Medians of the ratios of each round. */
  readonly singleRatio: number;
  readonly clients64Ratio: number;
}

export interface StoreBenchOptions {
  /** A file that may be made for the baseline. */
  readonly rawFile: string;
  readonly store: Store;
  readonly monotonicMs: () => number;
  readonly rounds?: number;
  readonly sliceMs?: number;
  readonly valueBytes?: number;
  /** Writes go round so many keys; every write creates a key of its own when left out. */
  readonly keys?: number;
}

interface Round {
  readonly rawSingle: number;
  readonly rawGroup: number;
  readonly single: number;
  readonly clients64: number;
}

/** Goal P2: the store next to bare SQLite, interleaved in short slices on the same disk. */
export async function benchStore(options: StoreBenchOptions): Promise<StoreBench> {
  const { store, monotonicMs, rounds = 7, sliceMs = 500, valueBytes = 1000 } = options;
  const value = 'x'.repeat(valueBytes);
  const raw = new RawLog(options.rawFile, value);
  let seen = 0;
  let last = 0;
  const watch = await store.watch('', await store.currentRevision(), {
    events: (events) => {
      seen += events.length;
    },
    ended: () => {},
  });
  let next = 0;
  const put = async (): Promise<void> => {
    next++;
    await store.put(`/registry/core/pods/ns-${next % 50}/pod-${options.keys ? next % options.keys : next}`, value);
  };
  const rate = async (work: () => number | Promise<number>): Promise<number> => {
    const startMs = monotonicMs();
    const endMs = startMs + sliceMs;
    let done = 0;
    while (monotonicMs() < endMs) done += await work();
    return (done * 1000) / (monotonicMs() - startMs);
  };
  const clients = (count: number): Promise<number> => {
    const startMs = monotonicMs();
    const endMs = startMs + sliceMs;
    last = seen;
    const client = async (): Promise<void> => {
      while (monotonicMs() < endMs) await put();
    };
    return Promise.all(Array.from({ length: count }, client)).then(() => ((seen - last) * 1000) / (monotonicMs() - startMs));
  };
  const results: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    results.push({
      rawSingle: await rate(() => raw.write(1)),
      single: await clients(1),
      rawGroup: await rate(() => raw.write(100)),
      clients64: await clients(64),
    });
  }
  watch.stop();
  raw.close();
  return {
    rawSingle: median(results.map((round) => round.rawSingle)),
    rawGroup: median(results.map((round) => round.rawGroup)),
    single: median(results.map((round) => round.single)),
    clients64: median(results.map((round) => round.clients64)),
    singleRatio: median(results.map((round) => round.single / round.rawSingle)),
    clients64Ratio: median(results.map((round) => round.clients64 / round.rawGroup)),
  };
}

/** What SQLite can do at best: rows of the same size at the end of one table. */
class RawLog {
  readonly #db: DatabaseSync;
  readonly #insert: ReturnType<DatabaseSync['prepare']>;
  readonly #value: string;
  #next = 0;

  constructor(file: string, value: string) {
    this.#db = new DatabaseSync(file);
    this.#db.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE log (revision INTEGER PRIMARY KEY, key TEXT, value TEXT)',
    );
    this.#insert = this.#db.prepare('INSERT INTO log VALUES (?, ?, ?)');
    this.#value = value;
  }

  write(count: number): number {
    this.#db.exec('BEGIN IMMEDIATE');
    for (let at = 0; at < count; at++)
      this.#insert.run(++this.#next, `/registry/core/pods/ns-${this.#next % 50}/pod-${this.#next}`, this.#value);
    this.#db.exec('COMMIT');
    return count;
  }

  close(): void {
    this.#db.close();
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] ?? 0;
}
