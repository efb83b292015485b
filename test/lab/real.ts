import { fillHub } from './full-disk.ts';
import type { Control, LabGoal } from './lab-goal.ts';
import { needsDisks, type RealFaultName, realFaults, realInvariants, realRound } from './real-rounds.ts';
import { RealWorld } from './real-world.ts';

const tools = ['podman', 'kubectl', 'busybox'] as const;

/** Somebody else restarts a container that nobody changed. */
const restartsUnchanged: Control = {
  mistake: 'a container that nobody changed is restarted',
  round: async (_seed, lab) => {
    const world = await lab.once('world', () => RealWorld.open());
    const spoiled = { ...lab, once: async () => world } as typeof lab;
    const round = realRound(spoiled, 'cut off');
    const [victim] = await world.still();
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    await world.board.place.podman('restart', '--time', '0', victim?.id ?? '');
    await round;
  },
};

/** The disk has room: whoever says that a full one refuses writes must find that it does not. */
const diskHasRoom: Control = {
  mistake: 'writes are taken on a disk that should be full',
  round: async (_seed, lab) => {
    const world = await lab.once('world', () => RealWorld.open());
    await fillHub(world, { fills: false });
  },
};

function goalOf(
  id: string,
  title: string,
  rounds: number,
  names: readonly RealFaultName[],
  controls: readonly Control[] = [restartsUnchanged],
): LabGoal {
  return {
    id,
    title,
    rounds,
    round: (seed, lab) => realRound(lab, names[seed % names.length] as RealFaultName, needsDisks(names)),
    faults: { kinds: names, atLeast: 1 },
    invariants: realInvariants,
    controls,
    tools,
  };
}

const losses: readonly RealFaultName[] = ['1 % loss', '10 % loss', '30 % loss', '64 kbit/s', '2 s round trip', '64 kbit/s, 20 % loss, 2 s'];

export const agentKilled = goalOf('R3', 'agent killed at a random moment of a change', 200, ['agent killed']);
export const partitioned = goalOf('R6', 'cut off, one way too', 40, ['cut off', 'silent up', 'silent down', 'silent both ways']);
export const rebooted = goalOf('R7', 'rebooted with the hub away', 20, ['rebooted, hub away']);
export const lossy: LabGoal = {
  ...goalOf('R8', 'loss, a slow line, a long way', 30, losses),
  invariants: [...realInvariants, 'changes are done meanwhile'],
};
export const stalled = goalOf('R15', 'hub, agent or runtime hang', 12, [
  'hub frozen',
  'agent frozen',
  'runtime hangs',
  'agent hangs for ever',
]);
export const fullDisks = goalOf(
  'R13',
  "the hub's disk is full, or a board's",
  20,
  ['hub disk full', 'board disk full'],
  [restartsUnchanged, diskHasRoom],
);
export const real = goalOf('real', 'a real hub, a real board, real containers, faults of every kind', 100, [
  ...(Object.keys(realFaults) as RealFaultName[]),
]);
/** What `npm test` has the time for. */
export const realShort = goalOf('real-short', 'three faults of the real ones', 3, [
  'agent killed',
  '10 % loss, briefly',
  'agent hangs for ever',
]);
