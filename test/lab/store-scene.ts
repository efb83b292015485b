/**
 * What a store does to its file, in a process that may be killed at any point of it: `store-scene.ts compaction FILE` makes the file, writes,
 * deletes, compacts and closes, and prints what was acknowledged as `KEY REVISION VALUE`; `store-scene.ts restore FILE BACKUP`.
 */
import { written } from '@flotilla/hub/store/contract.js';
import { restoreSqlite } from '@flotilla/hub/store/sqlite/restore.js';
import { SqliteStore } from '@flotilla/hub/store/sqlite/sqlite-store.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { sceneWrites } from './scene-writes.ts';

const [, , scene = '', file = '', backup = ''] = process.argv;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (scene === 'restore') restoreSqlite({ backup, file });
else {
  const store = await SqliteStore.open({ file, clock: new SystemClock(), logger: silentLogger, reserveBytes: 4096 });
  for (const [at, group] of sceneWrites.entries()) {
    if (at === sceneWrites.length - 1) await store.compact(await store.currentRevision());
    await Promise.all(
      group.map(async ({ key, value }) => {
        const revision = await written(value === undefined ? store.delete(key) : store.put(key, value));
        say(`${key} ${revision}${value === undefined ? '' : ` ${value}`}`);
      }),
    );
  }
  // Brings the journal into the file.
  await store.close();
}
say('done');
