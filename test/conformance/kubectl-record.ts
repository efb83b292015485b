/**
 * Keeps what kubectl says to a Kubernetes, which has to be fresh and without controllers:
 *
 *   node test/conformance/kubectl-record.ts KUBECONFIG
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findKubectls } from '../harness/kubectl.ts';
import { playKubectl, writeKubectlRecording } from './kubectl-play.ts';

const [kubeconfig = ''] = process.argv.slice(2);
const kubectl = findKubectls().newest;
const url = /server: "?(https:[^"\s}]*)/.exec(readFileSync(kubeconfig, 'utf8'))?.[1] ?? '';
const { stdout } = spawnSync(kubectl, ['version', '--kubeconfig', kubeconfig, '-o', 'json'], { encoding: 'utf8' });
const versions = JSON.parse(stdout) as Record<'clientVersion' | 'serverVersion', { gitVersion: string }>;
const answers = await playKubectl(kubectl, kubeconfig, url);
const text = `kubectl ${versions.clientVersion.gitVersion.replace(/-.*/, '')}, Kubernetes ${versions.serverVersion.gitVersion}`;
writeKubectlRecording({ versions: text, answers });
process.stdout.write(`${answers.length} answers of ${text}\n`);
