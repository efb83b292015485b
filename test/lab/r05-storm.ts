import { hubRestart, type StormOptions } from '../simulation/storm.ts';
import type { Lab, LabGoal } from './lab-goal.ts';

async function round(seed: number, { log, random, tally }: Lab, boards: number, plant: Partial<StormOptions> = {}): Promise<void> {
  const orderly = seed % 2 === 0;
  const tookMs = await hubRestart({
    ...{ seed, boards, orderly, downMs: 500 + random.next() * 4_500 },
    struck: (fault) => tally.fault(fault),
    looked: (invariant) => tally.invariant(invariant),
    ...plant,
  });
  log(
    `${boards} boards were back ${(tookMs / 1000).toFixed(1)} s after the hub was ${orderly ? 'stopped' : 'killed'} and started (simulated)`,
  );
}

const inStep = { baseMs: 20_000, maxMs: 20_000, jitter: 'none' } as const;

/** Each round: the hub of 5,000 boards is killed, or stops, and starts again. */
export const storm: LabGoal = {
  id: 'R5',
  title: 'the hub of 5,000 boards starts again: all are back within a minute, none counts as away, none is sent what it has (simulated)',
  rounds: 20,
  round: (seed, lab) => round(seed, lab, 5_000),
  invariants: [
    'all are back in time',
    'nobody counts as away who is there',
    'who has what he shall have is sent nothing, the others what is new',
    'everybody keeps the session he got',
    'they do not come in step',
    'few wait in vain',
  ],
  controls: [
    { mistake: 'boards that wait all the same time', round: (_seed, lab) => round(1, lab, 150, { retry: inStep }) },
    { mistake: 'a hub that grants no time after its start', round: (_seed, lab) => round(1, lab, 150, { startGraceMs: 0 }) },
  ],
};

/** The same with a fleet that is simulated in a second. */
export const smallStorm: LabGoal = { ...storm, id: 'R5-small', round: (seed, lab) => round(seed, lab, 150) };
