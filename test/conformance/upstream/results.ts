import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Outcome = 'passed' | 'failed' | 'not run';

/** One test of the upstream conformance suite and how it went against a hub with a board. */
export interface UpstreamTest {
  /** What the conformance programme calls the behaviour. */
  readonly behaviour: string;
  /** The full name by which the suite can be told to run it. */
  readonly test: string;
  readonly outcome: Outcome;
}

export interface UpstreamResults {
  /** The release of Kubernetes the suite is of. */
  readonly version: string;
  readonly tests: readonly UpstreamTest[];
}

const file = join(import.meta.dirname, 'results.json');

export function readResults(): UpstreamResults {
  return JSON.parse(readFileSync(file, 'utf8')) as UpstreamResults;
}

/** One test a line, so that a change of one shows as one. */
export function writeResults({ version, tests }: UpstreamResults): void {
  const lines = tests.map((test) => `    ${JSON.stringify(test)}`);
  writeFileSync(file, `{\n  "version": ${JSON.stringify(version)},\n  "tests": [\n${lines.join(',\n')}\n  ]\n}\n`);
}
