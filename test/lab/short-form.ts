import { expect, it } from 'vitest';
import { goals } from './goals.ts';
import { runGoal } from './run-goal.ts';

/** Tests that goals of the lab hold for a few rounds: `npm run lab` is the long form. */
export function shortForm(short: readonly { readonly id: string; readonly rounds: number }[]): void {
  it.each(short)(
    '$id holds for $rounds rounds, and its planted mistakes are noticed',
    async ({ id, rounds }) => {
      const goal = await goals[id]?.();
      if (!goal) throw new Error(`no goal is called ${id}`);
      const { failures, missing } = await runGoal(goal, { rounds, seed: 1 });
      expect([...failures.map(({ seed, error }) => `seed ${seed}: ${error}`), ...missing]).toEqual([]);
      // Computing takes as long as the machine takes, and so do starts of a hub.
    },
    900_000,
  );
}
