import { missingConceptOf } from './concepts.ts';
import type { UpstreamResults, UpstreamTest } from './results.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '\\<');

function stateOf({ test, outcome }: UpstreamTest): string {
  if (outcome === 'passed') return 'pass';
  const concept = missingConceptOf(test);
  return concept === undefined ? 'not yet' : `not applicable: ${concept}`;
}

const groupOf = ({ test }: UpstreamTest): string => /^\[sig-([a-z-]+)\]/.exec(test)?.[1] ?? 'other';

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  return [`| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`, ...rows.map((row) => `| ${row.join(' | ')} |`)];
}

/** `hub/docs/conformance.md`: what the upstream suite says, test by test. */
export function conformanceDocument({ version, tests }: UpstreamResults): string {
  const groups = [...new Set(tests.map(groupOf))].sort();
  const of = (group: string): readonly UpstreamTest[] => tests.filter((test) => groupOf(test) === group);
  const counts = (among: readonly UpstreamTest[]): readonly number[] => {
    const states = among.map(stateOf);
    const [pass, open] = [states.filter((state) => state === 'pass').length, states.filter((state) => state === 'not yet').length];
    return [pass, open, among.length - pass - open];
  };
  const lines = [
    '# Conformance',
    '',
    `What the conformance suite of Kubernetes ${version} says about a hub and one board on podman, test by test. This page is generated from`,
    '`test/conformance/upstream/results.json`, which the suite itself wrote:',
    '',
    '    npm run conformance -- --suite PATH/e2e.test [--focus REGEXP]',
    '',
    '*pass*: the test passed. *not yet*: it concerns what Flotilla has, and does not pass, or was not run. *not applicable*: it needs a concept',
    'that Flotilla does not have yet, which is named. The images that the tests ask for are made by hand where no registry can be reached',
    '(`agnhost` from its source, the others from busybox). A second board is there for the test that counts them.',
    '',
    ...table(
      ['Group', 'pass', 'not yet', 'not applicable'],
      [...groups.map((group) => [group, ...counts(of(group))]), ['**all**', ...counts(tests)]],
    ),
  ];
  for (const group of groups) {
    const rows = of(group).map((test) => [cell(test.behaviour), stateOf(test)]);
    lines.push('', `## ${group}`, '', ...table(['Behaviour', 'State'], rows));
  }
  return `${lines.join('\n')}\n`;
}
