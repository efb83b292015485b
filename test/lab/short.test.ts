import { expect, it } from 'vitest';
import { goals } from './goals.ts';
import { runGoal } from './run-goal.ts';

/** The short form of every goal that needs no process of its own: `npm run lab` is the long one. */
const short: readonly { readonly id: string; readonly rounds: number }[] = [
  { id: 'faults', rounds: 8 },
  { id: 'R9', rounds: 10 },
  { id: 'restore', rounds: 4 },
  { id: 'R3-writes', rounds: 6 },
  { id: 'R6-minutes', rounds: 3 },
  { id: 'R14', rounds: 4 },
  { id: 'R10', rounds: 20 },
  { id: 'R5-small', rounds: 2 },
  { id: 'R12', rounds: 1 },
  { id: 'R17', rounds: 4 },
  { id: 'R4-small', rounds: 2 },
];

it.each(short)(
  '$id holds for $rounds rounds, and its planted mistakes are noticed',
  async ({ id, rounds }) => {
    const goal = await goals[id]?.();
    if (!goal) throw new Error(`no goal is called ${id}`);
    const { failures, missing } = await runGoal(goal, { rounds, seed: 1 });
    expect([...failures.map(({ seed, error }) => `seed ${seed}: ${error}`), ...missing]).toEqual([]);
    // Computing takes as long as the machine takes.
  },
  900_000,
);
