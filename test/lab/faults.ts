import { processFaults } from '../simulation/faults.ts';
import { adoptedPodCollected, eventsToldTwice, oldTimeoutEndsNewSession, staleGenerationApplied } from '../simulation/mistakes.ts';
import { type OrdealOptions, ordeal } from '../simulation/ordeal.ts';
import type { Control, Lab, LabGoal } from './lab-goal.ts';

const networkFaults = [
  'cut at a message',
  'lost',
  'duplicated',
  'delayed',
  'reordered',
  'truncated',
  'hostile',
  'replayed',
  'half-open',
  'slow link',
  'late timeout',
];

/** What the ledger of a simulation looks at (test/simulation/ledger.ts, ordeal.ts). */
export const invariants = [
  'converges',
  'one container at a time',
  'only on its own board',
  'no start without cause',
  'no stop without cause',
  'what nobody changes stays',
  'a pod only moves on',
  'restart counts only grow',
  'generations only grow',
  'no acknowledged end is lost',
  'no acknowledged event is lost',
  'no event is delivered twice',
  'acknowledged writes are stored',
  'revisions grow by one',
  'history has no gap',
  'the hub sees what is stored',
  'sessions agree',
  'within limits',
  'reports stay within limits',
];

const run = (seed: number, { tally }: Lab, more: Partial<OrdealOptions> = {}): Promise<void> =>
  ordeal({ seed, struck: (fault) => tally.fault(fault), looked: (invariant) => tally.invariant(invariant), ...more });

const control = (mistake: string, plant: NonNullable<OrdealOptions['plant']>): Control => ({
  mistake,
  rounds: 40,
  round: (seed, lab) => run(seed, lab, { plant, boards: 5, minutes: 5 }),
});

/** A hub and ten boards, ten minutes of everything that can happen to them, from one seed each. */
export const faults: LabGoal = {
  id: 'faults',
  title: 'a hub and ten boards through ten simulated minutes of every fault',
  rounds: 1000,
  round: (seed, lab) => run(seed, lab),
  faults: { kinds: [...networkFaults, ...processFaults], atLeast: 1000 },
  invariants: [...invariants, 'a clone stays out', 'a clone is told of'],
  controls: [
    control('a stale generation applied', staleGenerationApplied),
    control('an old timeout removing a new session', oldTimeoutEndsNewSession),
    control('an adopted pod garbage-collected', adoptedPodCollected),
    control('an event told twice', eventsToldTwice),
  ],
};
