import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { bind, create, firstStart, status } from './crash-hub-scenes.ts';
import { compaction, restore } from './crash-store-scenes.ts';
import { CrashWorld, type CrashWorldOptions, type Scene } from './crash-world.ts';
import type { Control, Lab, LabGoal } from './lab-goal.ts';
import type { DiskCall } from './strace.ts';

/** Whoever is killed at so many points of one call does something else than what the scene says. */
const mostPoints = 2000;

const scenes: Readonly<Record<string, Scene>> = { create, bind, status, compaction, 'first start': firstStart, restore };
const names = Object.keys(scenes);

interface Staging {
  readonly points: (call: DiskCall) => Iterable<number>;
  /** Whether the time to come back counts. */
  readonly timed?: boolean;
  readonly spoil?: CrashWorldOptions['spoil'];
}

async function stage(lab: Lab, name: string, { points, timed = false, spoil }: Staging): Promise<void> {
  const scene = scenes[name];
  if (!scene) throw new Error(`there is no scene ${name}`);
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-lab-crash-'));
  const world = new CrashWorld({ dir, scene: name, lab, spoil });
  try {
    for (const call of scene.calls) {
      if (name !== 'compaction' && name !== 'restore') await rm(dir, { recursive: true, force: true });
      await scene.sweep(world, call, points(call));
    }
    lab.log(world.summary(timed));
  } finally {
    await world.close();
    await rm(dir, { recursive: true, force: true });
  }
}

function* everyPoint(): Iterable<number> {
  for (let at = 1; at <= mostPoints; at++) yield at;
}

const invariants = ['revisions only grow', 'a watch is a prefix without a gap', 'nothing acknowledged is missing'];

/** The store loses what it acknowledged last, with what it had written beyond that. */
const loses: Control = {
  mistake: 'the newest acknowledged write is gone after the crash',
  async round(_seed, lab) {
    const spoil = (dir: string): void => {
      const db = new DatabaseSync(join(dir, 'hub.db'));
      db.exec("DELETE FROM log WHERE revision >= (SELECT min(revision) FROM log WHERE key LIKE '%/fsync-2-%')");
      db.close();
    };
    await stage(lab, 'create', { points: (call) => (call === 'fsync' ? [2] : []), spoil });
  },
};

/** The hub's process is killed at every call with which it writes to its disk: one scene a round. */
export const crashPoints: LabGoal = {
  id: 'R1',
  title: 'hub killed at every fsync, pwrite and rename',
  rounds: names.length,
  round: (seed, lab) => stage(lab, names[(seed - 1) % names.length] ?? '', { points: everyPoint, timed: true }),
  invariants,
  controls: [loses],
  tools: ['strace'],
};

/** A few points of each kind: what `npm test` has the time for. */
const few: Readonly<Record<string, Partial<Record<DiskCall, readonly number[]>>>> = {
  create: { fsync: [2], pwrite64: [3] },
  compaction: { pwrite64: [90], fsync: [20], unlink: [1] },
  'first start': { rename: [8] },
};

export const fewCrashPoints: LabGoal = {
  id: 'R1-few',
  title: 'hub killed at some fsync, pwrite and rename',
  rounds: Object.keys(few).length,
  async round(seed, lab) {
    const [name = '', points = {}] = Object.entries(few)[(seed - 1) % Object.keys(few).length] ?? [];
    await stage(lab, name, { points: (call) => points[call] ?? [] });
  },
  invariants,
  controls: [loses],
  tools: ['strace'],
};
