import { expect, test } from 'vitest';
import { goals } from '../lab/goals.ts';
import { runGoal } from '../lab/run-goal.ts';

/** The short form of what `npm run lab` does with real processes and containers: one round each of three kinds, in one world. */
test('a killed agent, a line that loses a tenth, and an agent that hangs for ever', async () => {
  const real = await goals['real-short']?.();
  if (!real) throw new Error('the goal is not known');
  const { failures, missing } = await runGoal(real, { rounds: real.rounds, seed: 0, controls: false });
  expect([...failures.map(({ seed, error }) => `seed ${seed}: ${error}`), ...missing]).toEqual([]);
}, 900_000);
