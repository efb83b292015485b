import { staleGenerationApplied } from '../simulation/mistakes.ts';
import { ordeal } from '../simulation/ordeal.ts';
import { invariants } from './faults.ts';
import type { Lab, LabGoal } from './lab-goal.ts';

const run = (seed: number, { tally }: Lab, plant?: typeof staleGenerationApplied): Promise<void> =>
  ordeal({
    seed,
    boards: 3,
    minutes: 3,
    networkOnly: true,
    struck: (fault) => tally.fault(fault),
    looked: (invariant) => tally.invariant(invariant),
    ...(plant ? { plant } : {}),
  });

/** Only the network misbehaves: whatever it does to messages and acknowledgements, all ends as it was wanted last. */
export const messages: LabGoal = {
  id: 'R9',
  title: 'duplicated, reordered, replayed and delayed messages, lost acknowledgements',
  rounds: 10_000,
  round: (seed, lab) => run(seed, lab),
  faults: { kinds: ['duplicated', 'reordered', 'hostile', 'replayed', 'delayed', 'lost', 'truncated', 'cut at a message'], atLeast: 1000 },
  invariants,
  controls: [{ mistake: 'a stale generation applied', rounds: 60, round: (seed, lab) => run(seed, lab, staleGenerationApplied) }],
};
