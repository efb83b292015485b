import type { Outcome } from './run-goal.ts';

/** An outcome as people read it. */
export function outcomeLines({ goal, title, rounds, seeds, failures, controls, faults, invariants, missing }: Outcome): string[] {
  const counts = (what: Readonly<Record<string, number>>): string =>
    Object.entries(what)
      .map(([name, times]) => `${name} ${times}`)
      .join(', ');
  return [
    `${goal}: ${title}`,
    `rounds ${rounds} (seeds ${seeds.first} to ${seeds.last}), failures ${failures.length}`,
    ...failures.map(({ seed, error }) => `  failed: seed ${seed}: ${error}`),
    ...(Object.keys(faults).length > 0 ? [`faults that struck: ${counts(faults)}`] : []),
    ...(Object.keys(invariants).length > 0 ? [`invariants looked at: ${counts(invariants)}`] : []),
    ...controls.map(({ mistake, caughtBy, error }) =>
      caughtBy === undefined
        ? `control "${mistake}": NOT noticed`
        : `control "${mistake}": failed as it must (seed ${caughtBy}: ${error.split('\n')[0]})`,
    ),
    ...missing.map((what) => `missing: ${what}`),
    failures.length + missing.length === 0 ? 'passed' : 'FAILED',
  ];
}
