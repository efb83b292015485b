/**
 * Asks a Kubernetes all cases and keeps its answers. It has to be fresh and without controllers: an API server and its etcd.
 *
 *   npm run record -- KUBECONFIG [--check] [TOPIC …]
 *
 * With --check nothing is written: what differs from the answers that are kept is printed, and the exit status is 1 when anything does.
 */
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { parseArgs } from 'node:util';
import { decodeYaml } from '@flotilla/hub/registry/decode/yaml-decode.js';
import { ask, type Server } from './ask.ts';
import { compare, describeDifference } from './compare.ts';
import { readRecording, writeRecording } from './recordings.ts';
import { topics } from './topics.ts';

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: Record<string, string> }[];
  readonly users: readonly { readonly user: Record<string, string> }[];
}

function serverOf(file: string): Server {
  const { clusters, users } = decodeYaml(readFileSync(file, 'utf8')).value as Kubeconfig;
  const text = (from: Record<string, string> | undefined, key: string): string => {
    const value = from?.[`${key}-data`];
    if (value === undefined) throw new Error(`${file} has no ${key}-data`);
    return Buffer.from(value, 'base64').toString();
  };
  const [cluster, user] = [clusters[0]?.cluster, users[0]?.user];
  return {
    url: cluster?.['server'] ?? '',
    ca: text(cluster, 'certificate-authority'),
    cert: text(user, 'client-certificate'),
    key: text(user, 'client-key'),
  };
}

function versionOf({ url, ca, cert, key }: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    get(`${url}/version`, { ca, cert, key }, async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      resolve((JSON.parse(text) as { gitVersion: string }).gitVersion);
    }).once('error', reject);
  });
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { check: { type: 'boolean', default: false } } });
const [file, ...only] = positionals;
if (file === undefined) throw new Error('the kubeconfig of a Kubernetes is missing');
const server = serverOf(file);
const version = await versionOf(server);
let differing = 0;
for (const topic of topics) {
  if (only.length > 0 && !only.includes(topic.name)) continue;
  const answers = await ask(server, topic);
  if (!values.check) {
    writeRecording(topic.name, version, answers);
    process.stdout.write(`${topic.name}: ${answers.size} answers of ${version}\n`);
    continue;
  }
  const { answers: recorded } = readRecording(topic.name);
  for (const [name, found] of answers) {
    const known = recorded[name];
    const differences = known ? compare(known, found) : [{ at: '', recorded: undefined, found: 'not recorded' }];
    if (differences.length === 0) continue;
    differing++;
    process.stdout.write(`${topic.name} › ${name}\n${differences.map((one) => `    ${describeDifference(one)}\n`).join('')}`);
  }
}
if (values.check) process.stdout.write(`${differing} answers differ\n`);
process.exitCode = differing > 0 ? 1 : 0;
