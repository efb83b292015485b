import { describe, expect, it } from 'vitest';
import type { LabGoal } from './lab-goal.ts';
import { outcomeLines } from './outcome-lines.ts';
import { runGoal } from './run-goal.ts';

const goal = (overrides: Partial<LabGoal> = {}): LabGoal => ({
  id: 'T1',
  title: 'a goal of this test',
  rounds: 3,
  round: async (_seed, { tally }) => {
    tally.fault('cut', 2);
    tally.invariant('converges');
  },
  ...overrides,
});

describe('a goal of the lab', () => {
  it('passes when every round does, every fault struck and every planted mistake was noticed', async () => {
    const controls = [
      {
        mistake: 'forgets',
        rounds: 5,
        round: async (seed: number) => {
          if (seed === 12) throw new Error('something was forgotten');
        },
      },
    ];
    const outcome = await runGoal(goal({ controls, faults: { kinds: ['cut'], atLeast: 6 }, invariants: ['converges'] }), {
      rounds: 3,
      seed: 10,
    });
    expect(outcome).toMatchObject({ rounds: 3, seeds: { first: 10, last: 12 }, failures: [], missing: [], faults: { cut: 6 } });
    expect(outcome.controls).toEqual([{ mistake: 'forgets', caughtBy: 12, error: 'something was forgotten' }]);
    expect(outcomeLines(outcome)).toEqual([
      'T1: a goal of this test',
      'rounds 3 (seeds 10 to 12), failures 0',
      'faults that struck: cut 6',
      'invariants looked at: converges 3',
      'control "forgets": failed as it must (seed 12: something was forgotten)',
      'passed',
    ]);
  });

  it('names the seeds that failed', async () => {
    const round = async (seed: number): Promise<void> => {
      if (seed === 2) throw new Error('two of one pod');
    };
    const outcome = await runGoal(goal({ round }), { rounds: 3, seed: 1 });
    expect(outcome.failures).toEqual([{ seed: 2, error: 'two of one pod' }]);
    expect(outcomeLines(outcome).at(-1)).toBe('FAILED');
  });

  it('fails when a fault struck too seldom, an invariant was not looked at or a mistake went unnoticed', async () => {
    const lacking = goal({
      controls: [{ mistake: 'hides', round: async () => {} }],
      faults: { kinds: ['cut', 'crash'], atLeast: 6 },
      invariants: ['converges', 'nothing twice'],
    });
    const { missing } = await runGoal(lacking, { rounds: 3, seed: 1 });
    expect(missing).toEqual([
      'the fault "crash" struck 0 times, not 6',
      'the invariant "nothing twice" was never looked at',
      'the planted mistake "hides" was not noticed',
    ]);
    // One round need not have met everything.
    expect((await runGoal(lacking, { rounds: 1, seed: 1, controls: false })).missing).toEqual([]);
  });

  it('makes once what its rounds share, and closes it', async () => {
    let [made, closed] = [0, 0];
    const round: LabGoal['round'] = async (_seed, { once }) => {
      await once('world', async () => {
        made++;
        return { close: async () => void closed++ };
      });
    };
    await runGoal(goal({ round }), { rounds: 3, seed: 1 });
    expect([made, closed]).toEqual([1, 1]);
  });
});
