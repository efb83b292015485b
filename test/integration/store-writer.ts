/**
 * Writes into the store of a file until it is killed, and prints what was acknowledged: `keep KEY REVISION`,
 * `gone KEY REVISION`, `counter KEY REVISION`.
 */
import { written } from '@flotilla/hub/store/contract.js';
import { SqliteStore } from '@flotilla/hub/store/sqlite/sqlite-store.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { createLogger } from '@flotilla/shared/log/logger.js';

const [, , file = '', round = '0'] = process.argv;
const clock = new SystemClock();
const logger = createLogger({ level: 'error', wallMs: () => 0, write: (line) => void process.stderr.write(line) });
const store = await SqliteStore.open({ file, clock, logger, reserveBytes: 4096 });
const value = 'x'.repeat(2000);

/** One write to a pipe is whole before the next begins, so what was printed was acknowledged. */
const acknowledge = (what: string, key: string, revision: number): void => {
  process.stdout.write(`${what} ${key} ${revision}\n`);
};

const writer = async (id: number): Promise<never> => {
  for (let n = 0; ; n++) {
    const name = `${round}-${id}-${n}`;
    acknowledge('keep', `/keep/${name}`, await written(store.put(`/keep/${name}`, value, { expectedRevision: 0 })));
    await written(store.put(`/gone/${name}`, value));
    acknowledge('gone', `/gone/${name}`, await written(store.delete(`/gone/${name}`)));
    acknowledge('counter', `/counter/${id}`, await written(store.put(`/counter/${id}`, name)));
  }
};
const compactor = async (): Promise<never> => {
  for (;;) {
    await clock.sleep('compact', 20);
    await store.compact(await store.currentRevision());
  }
};
acknowledge('open', '/', await store.currentRevision());
await Promise.all([...Array.from({ length: 8 }, (_, id) => writer(id)), compactor()]);
