import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { written } from '@flotilla/hub/store/contract.js';
import { SqliteStore } from '@flotilla/hub/store/sqlite/sqlite-store.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { nodeCommand, type Scene } from './crash-world.ts';
import { History } from './history/history.ts';
import { sceneWrites } from './scene-writes.ts';
import { startKilledAt } from './strace.ts';

const program = new URL('./store-scene.ts', import.meta.url).pathname;
/** A call that is never made so often. */
const never = { call: 'rename', at: 60_000 } as const;

/** Makes the store's file, fills it, compacts and closes it. */
export const compaction: Scene = {
  calls: ['fsync', 'pwrite64', 'ftruncate', 'unlink'],
  async sweep(world, call, points) {
    for (const at of points) {
      const file = join(world.dir, `${call}-${at}.db`);
      const strace = startKilledAt([...nodeCommand, program, 'compaction', file], { call, at });
      await strace.ended;
      const history = saidBy(strace.stdout);
      const over = strace.stdout.endsWith('done\n');
      if (!over) world.struck(call);
      await readStore(file, history);
      world.judge(history, `${call} ${at}`);
      if (over) return;
      await rm(file, { force: true });
    }
  },
};

/** What the program acknowledged; what it wanted beyond that was done or not. */
function saidBy(stdout: string): History {
  const history = new History();
  const heard = new Set<string>();
  for (const line of stdout.slice(0, stdout.lastIndexOf('\n') + 1).split('\n')) {
    const [key = '', revision, value] = line.split(' ');
    if (revision === undefined) continue;
    history.acknowledge(history.send(key, value), Number(revision));
    heard.add(`${key} ${value}`);
  }
  for (const { key, value } of sceneWrites.flat()) if (!heard.has(`${key} ${value}`)) history.send(key, value);
  return history;
}

/** Opens a store that was left behind, reads it, and sees that it goes on. */
async function readStore(file: string, history: History): Promise<void> {
  const store = await SqliteStore.open({ file, clock: new SystemClock(), logger: silentLogger, reserveBytes: 4096 });
  try {
    for (const again of [false, true]) {
      const asked = history.tick();
      const { items, revision } = await store.list('/');
      history.readings.push({ prefix: '/', asked, answered: history.tick(), revision, items });
      if (again) return;
      const probe = history.send('/probe', 'there');
      history.acknowledge(probe, await written(store.put('/probe', 'there')));
      await store.compact(await store.currentRevision());
    }
  } finally {
    await store.close();
  }
}

/** Makes a store out of a backup. */
export const restore: Scene = {
  calls: ['fsync', 'pwrite64', 'rename', 'unlink'],
  async sweep(world, call, points) {
    const source = join(world.dir, 'source.db');
    const made = startKilledAt([...nodeCommand, program, 'compaction', source], never);
    if ((await made.ended) !== 0) throw new Error(made.tail());
    const backup = join(world.dir, 'backup.db');
    await copyFile(source, backup);
    for (const at of points) {
      const file = join(world.dir, `${call}-${at}.db`);
      const command = [...nodeCommand, program, 'restore', file, backup];
      const strace = startKilledAt(command, { call, at });
      await strace.ended;
      const over = strace.stdout.endsWith('done\n');
      if (!over) world.struck(call);
      const history = saidBy(made.stdout);
      // Either it is there as a whole, or it is not there and can be made.
      const again = startKilledAt(command, never);
      const code = await again.ended;
      if (code !== 0 && !again.stderr.includes('exists: move it away before restoring')) throw new Error(again.tail());
      await readStore(file, history);
      world.judge(history, `${call} ${at}`);
      if (over) return;
    }
  },
};
