import { leaseFaults, leaseLife } from '../simulation/leases/lease-life.ts';
import type { Mistakes } from '../simulation/leases/sim-board.ts';
import type { LabGoal, Round } from './lab-goal.ts';

const lives =
  (mistakes: Mistakes): Round =>
  async (seed, { tally }) => {
    const { faults, replaced, kills } = leaseLife(seed, mistakes);
    for (const [kind, times] of Object.entries(faults)) tally.fault(kind, times);
    tally.invariant('never two of an exclusive pod');
    tally.invariant('one runs in the end');
    tally.invariant('replaced after its lease', replaced);
    tally.invariant('killed by the guard', kills);
  };

/** Leases of exclusive pods: both state machines as they are, three boards and ten minutes a round. */
export const leases: LabGoal = {
  id: 'leases',
  title: 'a pod that stops with its lease never runs twice',
  rounds: 1000,
  round: lives({}),
  controls: [
    { mistake: 'a grant counted from receipt', round: lives({ fromReceipt: true }), rounds: 200 },
    { mistake: 'no grace added', round: lives({ noGrace: true }), rounds: 200 },
    { mistake: 'a grant after a reboot taken from disk', round: lives({ fromDisk: true }), rounds: 200 },
    { mistake: 'a restored hub that grants at once', round: lives({ freshAtOnce: true }), rounds: 200 },
  ],
  faults: { kinds: leaseFaults, atLeast: 1000 },
  invariants: ['never two of an exclusive pod', 'one runs in the end', 'replaced after its lease', 'killed by the guard'],
};
