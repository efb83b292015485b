import { addressChanges, addressIsAnIdentity, clonedCard, machinesLookAlike } from '../simulation/identity.ts';
import type { Lab, LabGoal } from './lab-goal.ts';

const counted = (seed: number, { tally }: Lab) => ({
  seed,
  struck: (fault: string) => tally.fault(fault),
  looked: (invariant: string) => tally.invariant(invariant),
});

/** Each round: a card is copied; and one honest board changes its address fifty times (20 rounds are the goal's thousand). */
export const identity: LabGoal = {
  id: 'R14',
  title: 'a cloned card is told of and kept out; an honest board may change its address all day',
  rounds: 1000,
  async round(seed, lab) {
    await clonedCard(counted(seed, lab));
    await addressChanges({ ...counted(seed, lab), changes: 50 });
  },
  faults: { kinds: ['cloned card', 'address changed', 'rebooted'], atLeast: 1000 },
  invariants: [
    'a clone is reported within 30 s',
    'the one in place keeps its session',
    'nobody evicts anybody more than once',
    'a clone knocks at most every 10 s',
    'connected again within 5 s',
    'an old timeout leaves the new session',
    'an honest board is no clone',
    'nobody was refused',
  ],
  controls: [
    { mistake: 'machines cannot be told apart', round: (seed, lab) => clonedCard({ ...counted(seed, lab), between: machinesLookAlike }) },
    {
      mistake: 'an address counts as an identity',
      round: (seed, lab) => addressChanges({ ...counted(seed, lab), changes: 5, between: addressIsAnIdentity() }),
    },
  ],
};
