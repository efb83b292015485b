import type { MemoryStore } from '@flotilla/hub/store/memory/memory-store.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import { unlike, unsettled } from './converged.ts';
import { Faults } from './faults.ts';
import { type Fleet, type FleetOptions, startFleet } from './fleet.ts';
import { Ledger } from './ledger.ts';
import { still, Workload } from './workload.ts';

export interface OrdealOptions {
  readonly seed: number;
  readonly boards?: number;
  /** Simulated time with faults. */
  readonly minutes?: number;
  /** Nothing but the weather; false when left out. */
  readonly networkOnly?: boolean;
  readonly struck: (fault: string) => void;
  readonly looked: (invariant: string) => void;
  /** Plants a mistake, or looks on. */
  readonly plant?: (options: FleetOptions, ledger: Ledger) => FleetOptions;
  readonly logger?: FleetOptions['logger'];
  readonly said?: (line: string) => void;
}

/** What a fleet has to come to rest after the last fault: the longest wait of any part is 240 s. */
const settleMs = 15 * 60_000;

/**
 * A hub and its boards through minutes of every fault there is while an operator goes on changing what he wants. Then the faults end, and
 * everything must come to be as he wanted it last. @throws Error that names the invariant that did not hold
 */
export async function ordeal(options: OrdealOptions): Promise<void> {
  const { seed, boards = 10, minutes = 10, struck, looked, logger, said = () => {} } = options;
  const random = new SeededRandom(seed ^ 0x5eed);
  let fleet: Fleet | undefined;
  const ledger = new Ledger({ nowMs: () => fleet?.clock.monotonicMs() ?? 0, looked, still });
  const ordinary: FleetOptions = {
    seed,
    boards,
    traced: false,
    network: { struck },
    hooks: ledger.hooks,
    observer: (node) => ledger.observer(node),
    prepare: (store: MemoryStore) => ledger.follow(store),
    ...(logger ? { logger } : {}),
  };
  fleet = await startFleet(options.plant?.(ordinary, ledger) ?? ordinary);
  const world = fleet;
  const { clock } = world;
  const step = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    ledger.step(world.boards.values(), (node) => world.broker.session(node) !== undefined);
    limits(world, ledger);
    ledger.check();
  };

  await step(20_000);
  const workload = new Workload(world, ledger, random);
  workload.begin(boards);
  await step(20_000);
  const level = random.next();
  world.broker.weather = {
    delayMs: random.next() * 3_000,
    duplicate: level * 0.1,
    lose: level * 0.1,
    disconnect: random.next() * 0.02,
    truncate: random.next() * 0.03,
    hostile: random.next() * 0.03,
    replay: random.next() * 0.1,
  };
  const faults = new Faults({ fleet: world, ledger, random, struck });
  for (let endMs = clock.monotonicMs() + minutes * 60_000; clock.monotonicMs() < endMs; ) {
    if (!options.networkOnly && random.next() < 0.25) faults.strike();
    if (random.next() < 0.12 && world.hubRuns) workload.change();
    await step(500 + random.next() * 5_000);
  }

  said('the faults end');
  await faults.heal();
  let reasons: string[] = [];
  for (let passedMs = 0; passedMs < settleMs; passedMs += 10_000) {
    await step(10_000);
    reasons = await unsettled(world, ledger);
    if (reasons.length === 0) break;
  }
  ledger.look('converges', reasons.length > 0 && reasons.slice(0, 5).join('; '));
  ledger.look('the hub sees what is stored', unlike(world, ledger));
  ledger.settled();
  ledger.check();
  await world.stop();
}

/** Timers stand for what waits: a queue that grows, or something forgotten, shows in them. */
const timersPerBoard = 100;
const timersOfHub = 300;
const diskBytes = 4 * 1024 * 1024;

function limits({ boards, broker, hubTimers }: Fleet, ledger: Ledger): void {
  const within = (what: string, value: number, most: number): void =>
    ledger.look('within limits', value > most && `${what}: ${value}, at most ${most}`);
  within('bytes of a packet', broker.longestBytes, linkLimits.packetBytes);
  within('connections', broker.lines, boards.size);
  within('timers of the hub', hubTimers, timersOfHub);
  for (const { node, timers, files } of boards.values()) {
    within(`timers of ${node}`, timers, timersPerBoard);
    within(`bytes on the disk of ${node}`, files.usedBytes, diskBytes);
  }
}
