import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { feed } from '../simulation/hostile.ts';
import { hostileBoard } from '../simulation/hostile-board.ts';
import type { LabGoal } from './lab-goal.ts';

/** For each parser in each round: a million of them in a long run. */
const inputs = 200;
const messages = 60;
/** Rounds from one hostile board to the next. */
const boardEvery = 5;
/** What may stay after a round, without the garbage. */
const mostBytes = 20 * 1024 * 1024;
const warmRounds = 100;
const mostTurns = 20;
let leastBytes = Number.POSITIVE_INFINITY;

/** Collects all garbage, now. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** Bytes that stay. What a round let go of a moment ago may need several turns to be garbage: it is looked again where there is more. */
async function kept(most: number): Promise<number> {
  for (let turn = 1; ; turn++) {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    if (heapUsed + arrayBuffers <= most || turn === mostTurns) return heapUsed + arrayBuffers;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Each round: 200 inputs for each parser; each fifth: 60 messages of a hostile board to a hub. */
export const poison: LabGoal = {
  id: 'R10',
  title: "truncated, oversized, deeply nested, bad UTF-8, __proto__, another node's topic: no crash, no write across boards",
  rounds: 5000,
  async round(seed, { random, tally }) {
    const { taken, refused } = feed(random, inputs);
    tally.fault('refused input', refused);
    tally.fault('taken input', taken);
    tally.invariant('taken or refused in words');
    if (seed % boardEvery === 0)
      await hostileBoard({
        ...{ seed, messages },
        struck: (fault) => tally.fault(fault),
        looked: (invariant) => tally.invariant(invariant),
      });
    tally.invariant('memory');
    // What the first rounds load and compile stays; in a short run there is nothing else to see.
    const round = tally.invariants['memory'] ?? 0;
    if (round < warmRounds || round % 10 !== 0) return;
    const used = await kept(leastBytes + mostBytes);
    if (used > leastBytes + mostBytes) throw new Error(`memory grew by ${Math.round((used - leastBytes) / 1024)} KiB`);
    leastBytes = Math.min(leastBytes, used);
  },
  faults: { kinds: ['refused input', 'taken input', 'poisoned message', "another's topic"], atLeast: 1000 },
  invariants: ['taken or refused in words', "nothing but the board's own is written", 'the hub goes on answering', 'memory'],
  controls: [
    {
      mistake: 'what all objects have is changed by an input',
      round: async (_seed, { random }) => {
        Object.defineProperty(Object.prototype, 'polluted', { value: true, configurable: true });
        try {
          feed(random, 10);
        } finally {
          delete (Object.prototype as { polluted?: boolean }).polluted;
        }
      },
    },
  ],
};
