import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../harness/until.ts';
import type { Lab, LabGoal } from './lab-goal.ts';
import { type LeaseBoard, LeaseWorld } from './lease-world.ts';

/** Strikes the board that runs the pod; what is returned makes it whole again. */
type Strike = (world: LeaseWorld, struck: LeaseBoard, lab: Lab) => Promise<() => Promise<void>>;

const anyMoment = (lab: Lab): Promise<void> => sleep(lab.random.next() * 4000);

const strikes = {
  'agent killed': async (_world, { board }) => {
    await board.stop('SIGKILL');
    return async () => void board.start();
  },
  'agent frozen': async (world, { board }) => {
    const pid = board.agent?.pid ?? 0;
    world.signal([pid], 'SIGSTOP');
    return async () => world.signal([pid], 'SIGCONT');
  },
  'podman hung': async (world, { board, link }) => {
    const pids = world.servicesOf(board);
    if (pids.length === 0) throw new Error('there is no service of podman to freeze');
    world.signal(pids, 'SIGSTOP');
    link.cut();
    return async () => {
      world.signal(pids, 'SIGCONT');
      link.mend();
    };
  },
  'board suspended': async (world, { board }) => {
    const pids = world.processesOf(board);
    world.signal(pids, 'SIGSTOP');
    return async () => world.wake(pids);
  },
  'board rebooted offline': async (world, { board, link }) => {
    link.cut();
    await world.powerCut(board);
    board.start();
    return async () => link.mend();
  },
  'grants late, then cut': async (_world, { link }, lab) => {
    link.shape({ delayMs: 500 + lab.random.next() * 1500 });
    await sleep(2000 + lab.random.next() * 4000);
    link.cut();
    return async () => {
      link.shape({});
      link.mend();
    };
  },
  'hub restarted': async (world, { board }, lab) => {
    const pid = board.agent?.pid ?? 0;
    world.signal([pid], 'SIGSTOP');
    await anyMoment(lab);
    await world.stack.hub.end('SIGKILL');
    await anyMoment(lab);
    await world.stack.startHub();
    return async () => world.signal([pid], 'SIGCONT');
  },
} satisfies Record<string, Strike>;
const names = Object.keys(strikes) as (keyof typeof strikes)[];

/** Real containers on two boards; each of these faults at a random moment. */
export const leasesReal: LabGoal = {
  id: 'leases-real',
  title: 'a pod that stops with its lease never runs twice, on real boards',
  rounds: 70,
  async round(seed, lab) {
    const world = await lab.once('world', () => LeaseWorld.open());
    const name = names[seed % names.length] as keyof typeof strikes;
    await world.one('one runs before');
    const [node] = await world.where();
    const struck = world.boards.find(({ board }) => board.name === node);
    if (!struck) throw new Error(`there is no board ${node}`);
    world.beginCounting();
    await anyMoment(lab);
    const heal = await strikes[name](world, struck, lab);
    lab.tally.fault(name);
    const elsewhere = async (): Promise<boolean> => {
      const [now, ...more] = await world.where();
      return more.length === 0 && now !== node && world.running().length === 1;
    };
    try {
      await until('it runs elsewhere', elsewhere, 240_000);
      lab.tally.invariant('taken over');
    } finally {
      await heal();
    }
    await until('both boards are ready', () => world.ready(), 240_000);
    // A busy machine may have moved it on meanwhile: wherever it is, it is there alone.
    await until('it is in one place and left nothing anywhere else', async () => {
      const [now, ...more] = await world.where();
      if (more.length > 0 || world.running().length !== 1) return false;
      const others = world.boards.filter(({ board }) => board.name !== now);
      return (await Promise.all(others.map(({ board }) => board.containers()))).every((left) => left.length === 0);
    });
    lab.tally.invariant('never two of an exclusive pod', world.looks);
    if (world.most > 1) throw new Error(`${world.most} processes ran at a time (${name})`);
  },
  faults: { kinds: names, atLeast: 10 },
  invariants: ['never two of an exclusive pod', 'taken over'],
  tools: ['podman', 'kubectl', 'busybox'],
};
