import { rm } from 'node:fs/promises';
import type { Scene } from './crash-world.ts';
import { History } from './history/history.ts';
import { RecordedApi } from './history/recorded-api.ts';
import { killThreadAt, startKilledAt } from './strace.ts';

/** A scene of a hub that runs: `load` is what it is asked for while it may die. */
function hubScene(load: (api: RecordedApi, turn: string) => Promise<unknown>, before?: typeof load): Scene {
  return {
    calls: ['fsync', 'pwrite64'],
    async sweep(world, call, points) {
      await world.start({ recovers: false });
      const history = new History();
      const api = new RecordedApi(world.kubeconfig, history);
      try {
        await api.prepare();
        await api.watch();
        for (const at of points) {
          const turn = `${call.replace(/\d/g, '')}-${at}`;
          await before?.(api, turn);
          const strace = await killThreadAt(world.hub.pid, 'store', { call, at });
          await load(api, turn);
          const unanswered = history.writes.some(({ acknowledged, refused }) => acknowledged === undefined && !refused);
          // What comes after the last answer is beside the store's own writes; the hub is alive then.
          const killed = unanswered || !world.hub.running;
          if (killed) {
            world.struck(call);
            await world.recover();
            await api.watch();
          }
          await strace.end('SIGTERM');
          await api.settle();
          world.judge(history, `${call} ${at}`);
          if (!killed) return;
          forget(history);
        }
      } finally {
        api.close();
        await world.hub.end('SIGKILL');
      }
    },
  };
}

/** A write without an answer was done or not, which the watches have told by now; the next point asks only for its own. */
function forget(history: History): void {
  for (const write of history.writes) {
    if (write.acknowledged !== undefined || write.refused) continue;
    const told = history.watches.some(({ events }) => events.some(({ key, value }) => key === write.key && value === write.value));
    if (told) write.acknowledged = history.tick();
    else write.refused = true;
  }
}

const four = [0, 1, 2, 3];

export const create = hubScene(async (api, turn) => {
  await api.create(`${turn}-0`, `${turn}-0`);
  await Promise.all([1, 2, 3, 4].map((n) => api.create(`${turn}-${n}`, `${turn}-${n}`)));
  await Promise.all([api.update(`${turn}-1`, `${turn}-changed`), api.remove(`${turn}-2`)]);
});

export const bind = hubScene(
  async (api, turn) => {
    await api.bind(`${turn}-0`, 'board-1');
    await Promise.all([1, 2, 3].map((n) => api.bind(`${turn}-${n}`, `board-${n}`)));
  },
  (api, turn) => Promise.all(four.map((n) => api.createPod(`${turn}-${n}`))),
);

export const status = hubScene(
  async (api, turn) => {
    await api.report(`${turn}-0`, 'board-1', `${turn} runs`);
    await Promise.all([1, 2, 3].map((n) => api.report(`${turn}-${n}`, 'board-1', `${turn} runs`)));
    await api.report(`${turn}-0`, 'board-1', `${turn} runs on`);
  },
  (api, turn) =>
    Promise.all(
      four.map(async (n) => {
        await api.createPod(`${turn}-${n}`);
        await api.bind(`${turn}-${n}`, 'board-1');
      }),
    ),
);

/** A hub that has nothing yet: its keys and certificates, its file and all that is there from the beginning. */
export const firstStart: Scene = {
  calls: ['fsync', 'rename', 'pwrite64', 'ftruncate', 'unlink'],
  async sweep(world, call, points) {
    for (const at of points) {
      await rm(world.dir, { recursive: true, force: true });
      const strace = startKilledAt(
        await world.command(),
        { call, at },
        { env: { ...process.env, KUBECONFIG: undefined, INIT_CWD: undefined } },
      );
      world.under(strace);
      await Promise.race([strace.ended, strace.says(/^The hub is ready$/m).catch(() => {})]);
      if (strace.running) {
        await world.close();
        return;
      }
      world.struck(call);
      await world.start();
      const api = new RecordedApi(world.kubeconfig, new History());
      try {
        await api.prepare();
        await api.watch();
        await api.settle();
        // Whoever trusted this hub from its first word goes on doing so.
        await world.hub.end('SIGKILL');
        await world.start();
        await api.watch();
        await api.settle();
        world.judge(api.history, `${call} ${at}`);
      } finally {
        api.close();
        await world.hub.end('SIGKILL');
      }
    }
  },
};
