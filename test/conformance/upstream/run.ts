/**
 * Runs the upstream conformance suite against a hub and keeps what it says.
 *
 *   npm run conformance -- --suite PATH/e2e.test --kubeconfig FILE [--focus REGEXP]
 *
 * Runs the tests whose concepts Flotilla has (with --focus: those of them whose names match); the others keep the outcome they had. The suite is built from the
 * sources of Kubernetes (`go test -c k8s.io/kubernetes/test/e2e`); hub and board have to run, with the images that it asks for.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { decodeYaml } from '@flotilla/hub/registry/decode/yaml-decode.js';
import { findKubectls } from '../../harness/kubectl.ts';
import { missingConceptOf } from './concepts.ts';
import { conformanceDocument } from './document.ts';
import { type Outcome, readResults, type UpstreamTest, writeResults } from './results.ts';

interface Spec {
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly LeafNodeType: string;
  readonly State: string;
}

const { values } = parseArgs({
  options: { suite: { type: 'string' }, kubeconfig: { type: 'string' }, focus: { type: 'string' } },
});
const { suite, kubeconfig = process.env['KUBECONFIG'] } = values;
if (suite === undefined || kubeconfig === undefined) throw new Error('--suite and --kubeconfig are needed');

/** What the suite can be asked to run. */
function testsOf(program: string): readonly Omit<UpstreamTest, 'outcome'>[] {
  const { stdout } = spawnSync(program, ['--list-conformance-tests'], { encoding: 'utf8', maxBuffer: 50_000_000 });
  const listed = decodeYaml(stdout).value as readonly { readonly testname: string; readonly codename: string }[];
  return listed.map(({ testname, codename }) => ({ behaviour: testname, test: codename }));
}

const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Only which tests ran: what is skipped keeps the outcome it had. */
function outcomesIn(report: string): Map<string, Outcome> {
  const [{ SpecReports: specs }] = JSON.parse(readFileSync(report, 'utf8')) as [{ SpecReports: readonly Spec[] }];
  const ran = specs.filter(({ LeafNodeType, State }) => LeafNodeType === 'It' && State !== 'skipped' && State !== 'pending');
  return new Map(
    ran.map(({ ContainerHierarchyTexts, LeafNodeText, State }) => [
      [...(ContainerHierarchyTexts ?? []), LeafNodeText].join(' '),
      State === 'passed' ? 'passed' : 'failed',
    ]),
  );
}

const program = resolve(suite);
const tests = testsOf(program);
const focus = new RegExp(values.focus ?? '');
const wanted = tests.filter(({ test }) => missingConceptOf(test) === undefined && focus.test(test));
const dir = mkdtempSync(join(tmpdir(), 'flotilla-conformance-'));
try {
  const report = join(dir, 'report.json');
  const args = [
    `--kubeconfig=${resolve(kubeconfig)}`,
    `--kubectl-path=${findKubectls().newest}`,
    '--provider=skeleton',
    '--system-daemonsets-startup-timeout=1s',
    `--ginkgo.json-report=${report}`,
    `--ginkgo.focus=${wanted.map(({ test }) => literally(test)).join('|')}`,
    '--ginkgo.timeout=12h',
    '--ginkgo.no-color',
  ];
  spawnSync(program, args, { stdio: 'inherit', cwd: dir });
  const ran = outcomesIn(report);
  const before = new Map(readResults().tests.map(({ test, outcome }) => [test, outcome]));
  const results = {
    version: readResults().version,
    tests: tests.map((test) => ({ ...test, outcome: ran.get(test.test) ?? before.get(test.test) ?? ('not run' as const) })),
  };
  writeResults(results);
  writeFileSync(resolve(import.meta.dirname, '../../../hub/docs/conformance.md'), conformanceDocument(results));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
