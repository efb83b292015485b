import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubeconfig } from '@flotilla/hub/auth/pki/admin-kubeconfig.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findKubectls, Kubectl } from '../harness/kubectl.ts';
import { startConformanceHub } from './conformance-hub.ts';
import { commands } from './kubectl-cases.ts';
import { playKubectl, readKubectlRecording, type Said, titleOf } from './kubectl-play.ts';

/** How long all commands may take on a machine that does a lot besides. */
const allMs = 900_000;

let hub: Awaited<ReturnType<typeof startConformanceHub>>;
let found: readonly Said[];
/** Another kubectl has other words: of that one only how it ends is compared. */
let isSame: boolean;
const dir = mkdtempSync(join(tmpdir(), 'flotilla-kubectl-test-'));
const { versions, answers } = readKubectlRecording();

beforeAll(async () => {
  hub = await startConformanceHub();
  const file = join(dir, 'kubeconfig');
  writeFileSync(file, kubeconfig({ server: hub.url, caCertPem: hub.ca, client: { certPem: hub.cert, keyPem: hub.key } }), { mode: 0o600 });
  const kubectl = findKubectls().newest;
  const asked = new Kubectl(kubectl, file);
  isSame = versions.startsWith(`kubectl v1.${await asked.minor()}.`);
  asked.close();
  found = await playKubectl(kubectl, file, hub.url);
}, allMs);
afterAll(async () => {
  await hub.close();
  rmSync(dir, { recursive: true, force: true });
});

const noSuchKind = /^error: (resource mapping not found|error validating "STDIN": error validating data: failed to check CRD).*/;

/** Where the hub means to differ, and what of the answer is the same all the same. */
const meant: readonly { readonly run: RegExp; readonly same: (said: Said) => unknown; readonly why: string }[] = [
  {
    run: /^explain /,
    same: ({ code, stdout, stderr }) => [code, stdout.filter((line) => line.includes('\t<')), stderr],
    why: 'Fields are described in the words of the published client, which has fewer and names no enumerations.',
  },
  {
    run: /^create -f -$/,
    same: ({ code, stdout, stderr }) => [code, stdout, stderr.join(' ').replace(noSuchKind, 'no such kind')],
    why: 'CustomResourceDefinitions are not served yet: kubectl finds none to look the kind up in.',
  },
  {
    run: /^patch .*--type=json.*none/,
    same: ({ code, stderr }) => [code, stderr.map((line) => line.replace(/^(The request is invalid): .*/, '$1'))],
    why: 'Why an operation of a JSON patch does not apply is told; Kubernetes keeps it to itself.',
  },
];

describe('kubectl says to the hub what it says to Kubernetes', () => {
  test('all commands are recorded', () => {
    expect(answers.map(({ run }) => run)).toEqual(commands.map(titleOf));
  });

  test.each(answers.map((one, index) => [one.run, index] as const))('%s', (_run, index) => {
    const [wanted, answer] = [answers[index], found[index]];
    if (!wanted || !answer) throw new Error('it was not run');
    if (!isSame) return expect(answer.code).toBe(wanted.code);
    const same = meant.find(({ run }) => run.test(wanted.run))?.same;
    if (!same) return expect(answer).toEqual(wanted);
    expect(same(answer)).toEqual(same(wanted));
  });
});
