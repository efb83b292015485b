import { SeededRandom } from '@flotilla/shared/platform/random.js';
import type { Lab, LabGoal, Round, Shared } from './lab-goal.ts';
import { Tally } from './tally.ts';

export interface RunOptions {
  readonly rounds: number;
  /** The first round's seed; the next round has the next. */
  readonly seed: number;
  readonly log?: (line: string) => void;
  /** The planted mistakes are tried too; true when left out. */
  readonly controls?: boolean;
}

export interface Failure {
  readonly seed: number;
  readonly error: string;
}

export interface ControlOutcome {
  readonly mistake: string;
  /** The seed that noticed it; undefined when none did. */
  readonly caughtBy: number | undefined;
  /** What the checks said. */
  readonly error: string;
}

export interface Outcome {
  readonly goal: string;
  readonly title: string;
  readonly seeds: { readonly first: number; readonly last: number };
  readonly rounds: number;
  readonly failures: readonly Failure[];
  readonly controls: readonly ControlOutcome[];
  readonly faults: Readonly<Record<string, number>>;
  readonly invariants: Readonly<Record<string, number>>;
  /** What the run itself lacked: a fault that struck too seldom, an invariant never looked at, a mistake not noticed. */
  readonly missing: readonly string[];
}

/** Failures after which a run ends: the rest would say the same. */
const mostFailures = 20;

/** A run of so many rounds meets every invariant. */
const enoughRounds = 10;

export async function runGoal(goal: LabGoal, { rounds, seed, log = () => {}, controls = true }: RunOptions): Promise<Outcome> {
  const tally = new Tally();
  const failures: Failure[] = [];
  let done = 0;
  await within(log, async (once) => {
    for (let round = 0; round < rounds && failures.length < mostFailures; round++) {
      const error = await attempt(goal.round, seed + round, { tally, log, once });
      if (error !== undefined) {
        failures.push({ seed: seed + round, error });
        log(`${goal.id} seed ${seed + round} failed: ${error}`);
      }
      done++;
      if (done % 100 === 0) log(`${goal.id}: ${done} rounds, ${failures.length} failures`);
    }
  });
  const outcomes: ControlOutcome[] = [];
  for (const { mistake, round, rounds: tries = 1 } of controls ? (goal.controls ?? []) : []) {
    let caught: Failure | undefined;
    await within(log, async (once) => {
      for (let turn = 0; turn < tries && !caught; turn++) {
        const error = await attempt(round, seed + turn, { tally: new Tally(), log: () => {}, once });
        if (error !== undefined) caught = { seed: seed + turn, error };
      }
    });
    outcomes.push({ mistake, caughtBy: caught?.seed, error: caught?.error ?? '' });
    log(`${goal.id} control "${mistake}": ${caught ? `failed as it must, seed ${caught.seed}: ${caught.error}` : 'NOT NOTICED'}`);
  }
  return {
    goal: goal.id,
    title: goal.title,
    seeds: { first: seed, last: seed + done - 1 },
    rounds: done,
    failures,
    controls: outcomes,
    faults: tally.faults,
    invariants: tally.invariants,
    missing: missing(goal, tally, done, outcomes),
  };
}

function missing(goal: LabGoal, tally: Tally, rounds: number, controls: readonly ControlOutcome[]): string[] {
  const { kinds = [], atLeast = 0 } = goal.faults ?? {};
  const wanted = rounds >= goal.rounds ? atLeast : 0;
  const invariants = rounds >= Math.min(goal.rounds, enoughRounds) ? (goal.invariants ?? []) : [];
  return [
    ...kinds
      .filter((kind) => (tally.faults[kind] ?? 0) < wanted)
      .map((kind) => `the fault "${kind}" struck ${tally.faults[kind] ?? 0} times, not ${wanted}`),
    ...invariants.filter((name) => !tally.invariants[name]).map((name) => `the invariant "${name}" was never looked at`),
    ...controls.filter(({ caughtBy }) => caughtBy === undefined).map(({ mistake }) => `the planted mistake "${mistake}" was not noticed`),
  ];
}

async function attempt(round: Round, seed: number, lab: Omit<Lab, 'random'>): Promise<string | undefined> {
  try {
    await round(seed, { ...lab, random: new SeededRandom(seed) });
    return undefined;
  } catch (error) {
    return error instanceof Error ? `${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ''}` : String(error);
  }
}

/** Closes what the rounds shared, the newest first. */
async function within(log: (line: string) => void, work: (once: Lab['once']) => Promise<void>): Promise<void> {
  const shared = new Map<string, Promise<Shared>>();
  try {
    await work(<T extends Shared>(name: string, make: () => Promise<T>) => {
      const made = (shared.get(name) as Promise<T> | undefined) ?? make();
      shared.set(name, made);
      return made;
    });
  } finally {
    for (const one of [...shared.values()].reverse()) {
      await one.then((made) => made.close()).catch((error: unknown) => log(`could not clear up: ${String(error)}`));
    }
  }
}
