import { unsettled } from '../simulation/converged.ts';
import { type Fleet, type FleetOptions, startFleet } from '../simulation/fleet.ts';
import { Ledger } from '../simulation/ledger.ts';
import { still, Workload } from '../simulation/workload.ts';
import type { Lab } from './lab-goal.ts';

/** A fleet with a ledger on a perfect line: the round does to it what it wants to know about. */
export interface QuietFleet {
  readonly fleet: Fleet;
  readonly ledger: Ledger;
  readonly workload: Workload;
  /** Lets time pass and looks. @throws Error that names the invariant that did not hold */
  step(ms: number): Promise<void>;
  /**
   * Simulated milliseconds until everything is as wanted, pods that run to completion so far as `once` says.
   * @throws Error that says what is not after the limit
   */
  settles(limitMs: number, once?: 'begun' | 'ended'): Promise<number>;
}

export async function quietFleet(
  seed: number,
  boards: number,
  { random, tally }: Lab,
  plant: (options: FleetOptions) => FleetOptions = (options) => options,
): Promise<QuietFleet> {
  let fleet: Fleet | undefined;
  const ledger = new Ledger({ nowMs: () => fleet?.clock.monotonicMs() ?? 0, looked: (name) => tally.invariant(name), still });
  const options: FleetOptions = {
    seed,
    boards,
    traced: false,
    hooks: ledger.hooks,
    observer: (node) => ledger.observer(node),
    prepare: (store) => ledger.follow(store),
  };
  const world = await startFleet(plant(options));
  fleet = world;
  const step = async (ms: number): Promise<void> => {
    await world.clock.advance(ms);
    ledger.step(world.boards.values(), (node) => world.broker.session(node) !== undefined);
    ledger.check();
  };
  return {
    fleet: world,
    ledger,
    workload: new Workload(world, ledger, random),
    step,
    async settles(limitMs, once = 'ended') {
      const beganMs = world.clock.monotonicMs();
      for (;;) {
        const reasons = await unsettled(world, ledger, once);
        tally.invariant('converges');
        const passedMs = world.clock.monotonicMs() - beganMs;
        if (reasons.length === 0) return passedMs;
        if (passedMs >= limitMs) throw new Error(`converges: not within ${limitMs / 1000} s: ${reasons.slice(0, 4).join('; ')}`);
        await step(250);
      }
    },
  };
}
