import { expect, it } from 'vitest';
import { goals } from '../lab/goals.ts';
import { runGoal } from '../lab/run-goal.ts';

/** The short form of what kills the hub, or its disk's power, while it writes: `npm run lab` is the long one. */
it.each([
  { id: 'R1-few', rounds: 3 },
  { id: 'R2-few', rounds: 4 },
])(
  'what was acknowledged is there: $id holds for $rounds rounds, and its planted mistake is noticed',
  async ({ id, rounds }) => {
    const goal = await goals[id]?.();
    if (!goal) throw new Error(`no goal is called ${id}`);
    const { failures, missing } = await runGoal(goal, { rounds, seed: 1 });
    expect([...failures.map(({ seed, error }) => `seed ${seed}: ${error}`), ...missing]).toEqual([]);
    // A dozen starts of a hub take as long as the machine takes.
  },
  900_000,
);
