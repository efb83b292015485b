/**
 * `npm run --silent lab -- GOAL [--rounds N] [--seed S] [--json]`: one reliability goal, long. Prints rounds, failures with their seeds,
 * what struck, and whether each planted mistake was noticed. Exit status 1 when something failed, 2 when the goal is not known.
 * `--seed S --rounds 1` repeats one round.
 */
import { parseArgs } from 'node:util';
import { ensureTools } from '@flotilla/shared/platform/tools.js';
import { goals } from './goals.ts';
import { outcomeLines } from './outcome-lines.ts';
import { runGoal } from './run-goal.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    'no-controls': { type: 'boolean', default: false },
  },
});
const [name = ''] = positionals;
const load = goals[name];
if (!load) {
  process.stderr.write(`lab: ${name ? `no goal is called ${name}` : 'which goal?'} There are: ${Object.keys(goals).join(', ')}\n`);
  process.exit(2);
}
const goal = await load();
const [rounds, seed] = [Number(values.rounds ?? goal.rounds), Number(values.seed)];
if (!Number.isSafeInteger(rounds) || rounds < 1 || !Number.isSafeInteger(seed) || seed < 0) {
  process.stderr.write('lab: --rounds and --seed want whole numbers\n');
  process.exit(2);
}
if (goal.tools) ensureTools(goal.tools);
const outcome = await runGoal(goal, {
  rounds,
  seed,
  controls: !values['no-controls'],
  log: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${(values.json ? [JSON.stringify(outcome)] : outcomeLines(outcome)).join('\n')}\n`);
process.exit(outcome.failures.length + outcome.missing.length > 0 ? 1 : 0);
