import { adoptedPodCollected } from '../simulation/mistakes.ts';
import type { Lab, LabGoal } from './lab-goal.ts';
import { quietFleet } from './quiet-fleet.ts';

const dayMs = 86_400_000;
const changesMs = 5_000;
/** The longest wait between two attempts to connect. */
const reconnectMs = 60_000;

/** A board is away while much is changed, and comes back; one way of its line may still work. */
async function round(seed: number, lab: Lab, awayMs: number, plant?: typeof adoptedPodCollected): Promise<void> {
  const { random, tally } = lab;
  const { fleet, workload, step, settles } = await quietFleet(seed, 2, lab, plant);
  const node = 'board-0';
  await step(20_000);
  workload.begin(2);
  for (let change = 0; change < 6; change++) {
    workload.change();
    await step(5_000);
  }
  await settles(120_000);
  // What is lost in a short silence TCP sends again; here it would be lost, so that is a cut.
  const silent = awayMs < 60_000 ? undefined : (['both', 'up', 'down'] as const)[seed % 3];
  if (silent) fleet.broker.condition(node, { silent });
  else fleet.broker.partition(node, true);
  tally.fault(silent ? `silent ${silent}` : 'cut off');
  await step(awayMs / 2);
  for (let change = 0; change < 10; change++) {
    workload.change();
    await step(10_000);
  }
  const board = fleet.boards.get(node);
  const turn = random.next();
  if (board && turn < 2 / 3) {
    // Its containers ended with the power, or ran on without their agent.
    if (turn < 1 / 3) board.powerCut();
    else board.kill();
    tally.fault(turn < 1 / 3 ? 'rebooted offline' : 'agent killed offline');
    await board.start();
  }
  await step(awayMs / 2);
  fleet.broker.condition(node, undefined);
  fleet.broker.partition(node, false);
  for (let waitedMs = 0; !fleet.broker.session(node); waitedMs += 250) {
    if (waitedMs > 2 * reconnectMs) throw new Error('it does not connect again');
    await step(250);
  }
  tally.invariant('changes converge in 5 s');
  const tookMs = await settles(120_000, 'begun');
  if (tookMs > changesMs) throw new Error(`changes converge in 5 s: they took ${tookMs / 1000} s`);
  await fleet.stop();
}

const days = (seed: number): number => [10_000, 600_000, 90 * dayMs][seed % 3] ?? 10_000;

export const longAway: LabGoal = {
  id: 'R6-days',
  title: 'away for 10 s, 10 min and 90 days, one way too (simulated)',
  rounds: 9,
  round: (seed, lab) => round(seed, lab, days(Math.floor(seed / 3))),
  invariants: ['converges', 'changes converge in 5 s', 'no stop without cause', 'no start without cause', 'what nobody changes stays'],
  controls: [
    { mistake: 'an adopted pod garbage-collected', rounds: 6, round: (seed, lab) => round(seed, lab, 600_000, adoptedPodCollected) },
  ],
};

/** The same with no wait longer than ten minutes. */
export const shortAway: LabGoal = { ...longAway, id: 'R6-minutes', round: (seed, lab) => round(seed, lab, days(seed % 2)) };
