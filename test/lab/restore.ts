import type { MemoryBackup } from '@flotilla/hub/store/memory/memory-store.js';
import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { barePod, deployment, RecoveryWorld, settings, type WorldOptions } from '../simulation/recovery/recovery-world.ts';
import type { Lab, LabGoal } from './lab-goal.ts';

interface Plant {
  readonly hooks?: WorldOptions['hooks'];
  /** Does in the hub's place what it must not do, as soon as pods are back. */
  readonly meanwhile?: (world: RecoveryWorld) => void;
  /** Where tombstones alone stand in the way: the backup knows nothing of what ended since, and every agent starts anew. */
  readonly onTombstones?: true;
}

const once = (name: string, ms: number): Pod =>
  barePod(name, {
    restartPolicy: 'Never',
    containers: [{ name: 'main', image: 'localhost/once:1', env: [{ name: 'FAKE_EXIT_AFTER_MS', value: String(ms) }] }],
  });

function unbound(backup: MemoryBackup): MemoryBackup {
  const items = backup.items.map((item) => {
    if (!item.key.includes('/pods/default/once-')) return item;
    const { spec, status: _status, ...rest } = JSON.parse(item.value) as Pod;
    const { nodeName: _node, ...free } = spec ?? { containers: [] };
    return { ...item, value: JSON.stringify({ ...rest, spec: free, status: { phase: 'Pending' } }) };
  });
  return { ...backup, items };
}

/** A backup at some moment of a fleet's life, more life, then the backup or nothing at all is what the hub has. */
async function round(_seed: number, { random, tally }: Lab, { hooks, meanwhile, onTombstones }: Plant = {}): Promise<void> {
  const world = await RecoveryWorld.open({ boards: 3, ...(hooks ? { hooks } : {}) });
  try {
    const replicas = 2 + Math.floor(random.next() * 3);
    const ready = (count: number) => (): boolean => world.readyPods().length === count;
    await world.apply(settings('1'), deployment('localhost/app:1', replicas));
    await world.until('v1 runs', ready(replicas));
    const jobs = Array.from({ length: 1 + Math.floor(random.next() * 3) }, (_, index) =>
      once(`once-${index}`, 5_000 + random.next() * 50_000),
    );
    await world.apply(...jobs);
    // From the moment after they were written, and before anybody bound them.
    let backup = unbound(world.store.backup());
    if (!onTombstones && random.next() < 0.5) {
      await world.until('the jobs are bound', () => world.pods().every(({ spec }) => spec?.nodeName));
      await world.clock.advance(random.next() * 30_000);
      backup = world.store.backup();
    }
    const rolledOut = random.next() < 0.7;
    if (rolledOut) await world.apply(settings('2'), deployment('localhost/app:2', replicas));
    await world.until('the jobs ended', () => world.pods().filter(({ status }) => status?.phase === 'Succeeded').length === jobs.length);
    for (const { metadata } of jobs) await world.hub.admin.resource('', 'pods').delete('default', metadata?.name ?? '');
    const image = rolledOut ? 'localhost/app:2' : 'localhost/app:1';
    const settled = (): boolean =>
      world.pods().length === replicas &&
      ready(replicas)() &&
      world.pods().every(({ spec }) => spec?.containers[0]?.image === image) &&
      [...world.boards.values()].every(({ agent }) => agent?.pods.idle);
    await world.until('only the newest run', settled);
    await world.clock.advance(30_000);
    const before = { identities: world.identities(), containers: world.containers(), starts: world.starts() };

    const lost = !onTombstones && random.next() < 0.5;
    tally.fault(lost ? 'store lost' : 'hub restored');
    if (lost) await world.loseStore();
    else await world.restore(backup);
    for (const board of world.boards.values()) {
      if (!onTombstones && random.next() < 0.6) continue;
      board.kill();
      tally.fault('agent killed');
      world.clock.after('starts again', random.next() * 60_000, () => void board.start());
    }
    await world.startHub();
    await world.until('the recovery is over', () => {
      meanwhile?.(world);
      return !world.recovering;
    });
    meanwhile?.(world);
    // Re-applied, as the operator is told to: what runs is what is wanted.
    await world.apply(settings(rolledOut ? '2' : '1'), deployment(image, replicas));
    await world.clock.advance(120_000);
    const look = (invariant: string, holds: boolean, what: () => unknown): void => {
      tally.invariant(invariant);
      if (!holds) throw new Error(`${invariant}: ${JSON.stringify(what())}`);
    };
    const now = new Set(world.containers());
    look(
      'what ran runs on',
      before.containers.every((line) => now.has(line)),
      () => ({ before: before.containers, now: [...now] }),
    );
    look(
      'uids and nodes stay',
      before.identities.every((line) => world.identities().includes(line)),
      () => world.identities(),
    );
    const runs = [...world.boards.values()].flatMap(({ runtime }) => [...runtime.starts].filter(([name]) => name.includes('/once-')));
    look('nothing that ended runs again', runs.length === jobs.length && runs.every(([, count]) => count === 1), () => runs);
  } finally {
    await world.close();
  }
}

/** The hub's data are lost or old: boards and their pods go on, and what ended stays ended. */
export const restore: LabGoal = {
  id: 'restore',
  title: 'the hub restored from an older backup, or from nothing',
  rounds: 500,
  round: (seed, lab) => round(seed, lab),
  faults: { kinds: ['store lost', 'hub restored', 'agent killed'], atLeast: 100 },
  invariants: ['what ran runs on', 'uids and nodes stay', 'nothing that ended runs again'],
  controls: [
    {
      mistake: 'a tombstone ignored',
      rounds: 20,
      round: (seed, lab) =>
        round(seed, lab, {
          onTombstones: true,
          hooks: {
            handlers: ({ files }, handlers) => {
              for (const generation of ['0', '1']) void files.remove(`/data/tombstones.${generation}`);
              return handlers;
            },
          },
        }),
    },
    {
      mistake: 'an adopted pod garbage-collected',
      rounds: 20,
      round: (seed, lab) =>
        round(seed, lab, {
          meanwhile: (world) => {
            for (const { metadata } of world.pods()) {
              const orphan = metadata?.ownerReferences?.some(
                ({ uid, name }) => world.object('apps', 'replicasets', `default/${name}`)?.metadata?.uid !== uid,
              );
              if (orphan !== false && !metadata?.deletionTimestamp)
                world.hub.admin
                  .resource('', 'pods')
                  .delete('default', metadata?.name ?? '')
                  .catch(() => {});
            }
          },
        }),
    },
  ],
};
