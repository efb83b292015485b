import { isDeepStrictEqual } from 'node:util';
import type { SeededRandom } from '@flotilla/shared/platform/random.js';
import { fillHub } from './full-disk.ts';
import type { Lab } from './lab-goal.ts';
import { RealWorld } from './real-world.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface RealFault {
  /** Begins it; the answer ends it. */
  begin(world: RealWorld, random: SeededRandom): Promise<() => Promise<void>>;
  /** How long it lasts. */
  readonly ms: (random: SeededRandom) => number;
  /** The hub answers meanwhile. */
  readonly hubAnswers: boolean;
  /** False where nobody can ask podman meanwhile: a frozen one may hold its locks. */
  readonly runtimeAnswers?: false;
  /** Containers end with it, and are started again. */
  readonly endsContainers?: boolean;
  /** A change is made and done while it lasts, in so many milliseconds; `cleanMs` is what the slowest took without it. */
  readonly within?: (cleanMs: number) => number;
  /** Hub and board have disks of their own. */
  readonly smallDisks?: boolean;
}

const between =
  (leastMs: number, mostMs: number) =>
  (random: SeededRandom): number =>
    leastMs + random.next() * (mostMs - leastMs);

function shaped(bytesPerSecond: number | undefined, delayMs: number, loss: number, within: RealFault['within'] = () => 120_000): RealFault {
  return {
    hubAnswers: true,
    within,
    ms: between(8_000, 15_000),
    begin: async ({ link }, random) => {
      link.shape({ delayMs, loss, chance: () => random.next(), ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }) });
      return async () => link.shape({});
    },
  };
}

const threefold = (cleanMs: number): number => 3 * cleanMs;

/** Over before the change is done. */
const brief = ({ within: _within, ...fault }: RealFault): RealFault => ({ ...fault, ms: between(1_000, 2_000) });

function silent(direction: 'up' | 'down' | 'both', longMs: number): RealFault {
  return {
    hubAnswers: true,
    ms: () => longMs,
    begin: async ({ link }) => {
      link.shape({ silent: direction });
      return async () => link.shape({});
    },
  };
}

/** What real processes, a real network and a real runtime suffer. Each is over when its end has been called. */
export const realFaults = {
  'agent killed': {
    hubAnswers: true,
    ms: between(0, 3_000),
    begin: async ({ board }, random) => {
      // In the middle of what it does: the change was made a moment ago.
      await pause(random.next() * 1_500);
      await board.stop('SIGKILL');
      return async () => void board.start();
    },
  },
  'hub killed': {
    hubAnswers: false,
    ms: between(0, 5_000),
    begin: async ({ stack }, random) => {
      await pause(random.next() * 1_000);
      await stack.hub.end('SIGKILL');
      return () => stack.startHub();
    },
  },
  'cut off': {
    hubAnswers: true,
    ms: () => 10_000,
    begin: async ({ link }) => {
      link.cut();
      return async () => link.mend();
    },
  },
  'silent up': silent('up', 15_000),
  'silent down': silent('down', 15_000),
  'silent both ways': silent('both', 25_000),
  'rebooted, hub away': {
    hubAnswers: false,
    endsContainers: true,
    ms: () => 0,
    begin: async ({ board, stack }) => {
      await Promise.all([stack.hub.end('SIGKILL'), board.stop('SIGKILL')]);
      await board.place.podman('pod', 'stop', '--all', '--time', '0');
      const before = (await board.containers()).length;
      board.start();
      return async () => {
        // All of them are back before there is a hub.
        const endMs = Date.now() + 60_000;
        for (;;) {
          const now = await board.containers();
          if (now.length === before && now.every(({ state }) => state === 'running')) break;
          if (Date.now() > endMs)
            throw new Error(`comes back alone: ${now.map(({ pod, state }) => `${pod} ${state}`).join(', ')}\n${board.agent?.tail()}`);
          await pause(200);
        }
        await stack.startHub();
      };
    },
  },
  '1 % loss': shaped(undefined, 20, 0.01, threefold),
  '10 % loss': shaped(undefined, 20, 0.1, threefold),
  '10 % loss, briefly': brief(shaped(undefined, 20, 0.1)),
  '30 % loss': shaped(undefined, 20, 0.3),
  '64 kbit/s': shaped(8_000, 50, 0),
  '2 s round trip': shaped(undefined, 1_000, 0),
  '64 kbit/s, 20 % loss, 2 s': shaped(8_000, 1_000, 0.2),
  'agent frozen': {
    hubAnswers: true,
    ms: () => 30_000,
    begin: async ({ board }) => {
      const { agent } = board;
      agent?.signal('SIGSTOP');
      return async () => agent?.signal('SIGCONT');
    },
  },
  'agent hangs for ever': {
    hubAnswers: true,
    ms: () => 0,
    begin: async (world) => {
      world.board.agent?.signal('SIGSTOP');
      return () => world.watchdog();
    },
  },
  'hub frozen': {
    hubAnswers: false,
    ms: () => 60_000,
    begin: async ({ stack }) => {
      const { hub } = stack;
      hub.signal('SIGSTOP');
      return async () => hub.signal('SIGCONT');
    },
  },
  'runtime hangs': {
    hubAnswers: true,
    runtimeAnswers: false,
    ms: () => 20_000,
    begin: async (world) => {
      const pid = await world.runtimeService();
      if (pid) process.kill(pid, 'SIGSTOP');
      return async () => {
        try {
          if (pid) process.kill(pid, 'SIGCONT');
        } catch {
          // The agent may have ended it and started another one.
        }
      };
    },
  },
  'hub disk full': {
    // It answers, and takes no changes.
    hubAnswers: false,
    smallDisks: true,
    ms: between(0, 5_000),
    begin: async (world, random) => {
      const full = await fillHub(world, { restarts: random.next() < 0.5 });
      return () => full.end();
    },
  },
  'board disk full': {
    hubAnswers: true,
    smallDisks: true,
    ms: between(5_000, 15_000),
    begin: async ({ board, disks }, random) => {
      await disks?.board.fill();
      // The agent starts on a full disk as well.
      if (random.next() < 0.5) {
        await board.stop('SIGKILL');
        board.start();
      }
      return async () => disks?.board.free();
    },
  },
} as const satisfies Readonly<Record<string, RealFault>>;

export type RealFaultName = keyof typeof realFaults;

/** Whether one of these wants disks that can be filled. */
export const needsDisks = (names: readonly RealFaultName[]): boolean => names.some((name) => (realFaults[name] as RealFault).smallDisks);

/** One change of what is wanted, one fault in the midst of it: in the end all is as wanted, and what nobody changed did not notice. */
export async function realRound(lab: Lab, name: RealFaultName, smallDisks = needsDisks([name])): Promise<void> {
  const { random, tally, once, log } = lab;
  const fault: RealFault = realFaults[name];
  const world = await once('world', () => RealWorld.open({ smallDisks }));
  await world.converged();
  const before = await world.still();
  const counted = await world.restarted();
  // Before it, so that it strikes what goes on; or meanwhile, where there is a hub to hear it.
  const first = !fault.hubAnswers || (!fault.within && random.next() < 0.6);
  const withinMs = fault.within?.(await world.cleanMs(random));
  if (first) await world.change(random);
  const end = await fault.begin(world, random);
  tally.fault(name);
  try {
    await pause(fault.ms(random));
    if (!first) await world.change(random);
    if (withinMs !== undefined) {
      tally.invariant('changes are done meanwhile');
      log(`${name}: done in ${((await world.converged(withinMs)) / 1000).toFixed(1)} s of ${(withinMs / 1000).toFixed(1)} s`);
    }
    const meanwhile = fault.runtimeAnswers === false ? before : await world.still();
    if (!fault.endsContainers && !isDeepStrictEqual(meanwhile, before))
      throw new Error(`what nobody changes stays: ${JSON.stringify(meanwhile)}`);
  } finally {
    await end();
  }
  const tookMs = await world.converged();
  tally.invariant('converges');
  const after = await world.still();
  const same = fault.endsContainers ? isDeepStrictEqual(pods(after), pods(before)) : isDeepStrictEqual(after, before);
  tally.invariant('what nobody changes stays');
  if (!same) throw new Error(`what nobody changes stays: ${JSON.stringify(before)} became ${JSON.stringify(after)}`);
  tally.invariant('nothing is started twice');
  const restarted = (await world.restarted()).filter((pod) => !counted.includes(pod));
  if (!fault.endsContainers && restarted.length > 0) throw new Error(`nothing is started twice: ${restarted.join(', ')}`);
  log(`${name}: as wanted ${(tookMs / 1000).toFixed(1)} s after it ended`);
}

const pods = (containers: readonly { readonly pod: string }[]): string[] => containers.map(({ pod }) => pod).sort();

export const realInvariants = ['converges', 'what nobody changes stays', 'nothing is started twice'];
