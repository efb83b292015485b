import { adoptedPodCollected } from '../simulation/mistakes.ts';
import type { Lab, LabGoal } from './lab-goal.ts';
import { quietFleet } from './quiet-fleet.ts';

const settleMs = 10 * 60_000;

/** The agent dies at one write, then the next round at the one after it, over a minute of changes; half the time with the power. */
async function round(seed: number, lab: Lab, plant?: typeof adoptedPodCollected): Promise<void> {
  const { fleet, workload, step, settles } = await quietFleet(7, 1, lab, plant);
  const [board] = fleet.boards.values();
  if (!board) throw new Error('there is no board');
  await step(20_000);
  workload.begin(2);
  await step(10_000);
  const beganAt = board.files.steps;
  let died = false;
  board.onKilledAtWrite = () => {
    died = true;
    lab.tally.fault(seed % 2 === 0 ? 'agent killed at a write' : 'power cut at a write');
    fleet.clock.after('comes back', 0, () => {
      if (seed % 2 === 0) board.kill();
      else board.powerCut();
      fleet.clock.after('starts', 5_000, () => void board.start());
    });
  };
  board.killAtWrite(Math.floor(seed / 2));
  for (let change = 0; change < 12; change++) {
    workload.change();
    await step(5_000);
  }
  if (!died) {
    // There are fewer writes than rounds: this is the number that exists.
    lab.log(`${board.files.steps - beganAt} writes in all`);
    board.files.cutAfter(Number.POSITIVE_INFINITY);
  }
  await step(10_000);
  await settles(settleMs);
  await fleet.stop();
}

export const agentWrites: LabGoal = {
  id: 'R3-writes',
  title: 'agent killed, or its power cut, at every write (simulated)',
  rounds: 200,
  round: (seed, lab) => round(seed, lab),
  faults: { kinds: ['agent killed at a write', 'power cut at a write'], atLeast: 30 },
  invariants: ['converges', 'no start without cause', 'no stop without cause', 'one container at a time', 'generations only grow'],
  controls: [{ mistake: 'an adopted pod garbage-collected', rounds: 10, round: (seed, lab) => round(seed, lab, adoptedPodCollected) }],
};
