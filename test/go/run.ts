/**
 * Tries the hub with the official Go clients, and with Kubernetes' own controllers and scheduler in place of its own:
 *
 *   npm run test:go [-- REPLICAS]
 *
 * Needs a Go toolchain. kube-controller-manager and kube-scheduler of Kubernetes 1.34 are looked for in KUBERNETES_BIN, then on the PATH.
 * What is not there is said and left out. Exits with 1 when anything fails, or ends otherwise with theirs than with ours.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { compare, describeDifference } from '../conformance/compare.ts';
import type { Json } from '../conformance/exchange.ts';
import { freePort } from '../harness/free-port.ts';
import { Program } from '../harness/program.ts';

const replicas = process.argv[2] ?? '200';
const hubEntry = join(import.meta.dirname, '../../hub/src/cmd/flotilla.ts');
/** How long a whole run may take: only one that hangs takes that long. */
const runMs = 900_000;
/** Those whose kinds the hub serves, but for what watches over nodes: these nodes are nobody's boards. */
const theirs = [
  'clusterrole-aggregation-controller',
  'deployment-controller',
  'endpoints-controller',
  'endpointslice-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'pod-garbage-collector-controller',
  'replicaset-controller',
  'root-ca-certificate-publisher-controller',
  'serviceaccount-controller',
];
const ours = '*,-node-lifecycle-controller,-taint-eviction-controller,-node-ipam-controller';
/** Plugins that look at kinds the hub does not serve would wait for them for ever. */
const schedulerPlugins = [
  'PrioritySort',
  'SchedulingGates',
  'NodeUnschedulable',
  'NodeName',
  'TaintToleration',
  'NodeAffinity',
  'NodePorts',
  'NodeResourcesFit',
  'InterPodAffinity',
  'NodeResourcesBalancedAllocation',
  'ImageLocality',
  'DefaultBinder',
];

/** From the name of a result to what it was. */
type Results = ReadonlyMap<string, Json>;

function findProgram(name: string, places: readonly string[]): string | undefined {
  return places.map((place) => join(place, name)).find((path) => existsSync(path));
}

const started = (name: string, program: string, args: readonly string[]): Program =>
  new Program(name, spawn(program, args, { stdio: 'pipe' }));

/** A hub, what runs beside it, and what the clients saw at the end. */
async function play(
  client: string,
  flags: readonly string[],
  beside: (kubeconfig: string, dir: string) => Promise<Program[]>,
): Promise<Results> {
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-go-'));
  const programs: Program[] = [];
  try {
    const listen = `127.0.0.1:${await freePort()}`;
    const data = join(dir, 'hub');
    programs.push(Program.node('hub', hubEntry, ['hub', '--data-dir', data, '--listen', listen, '--mqtt-listen', 'none', ...flags]));
    await programs[0]?.says(/The hub is ready/);
    const kubeconfig = join(data, 'admin.kubeconfig');
    programs.push(...(await beside(kubeconfig, dir)));
    // A controller that does not even start would leave everybody waiting.
    const gone = Promise.race(programs.map(async ({ name, ended }) => `${name} ended: ${await ended}`));
    const asked = started('client', client, [kubeconfig, replicas]);
    programs.push(asked);
    const status = await Promise.race([
      asked.ended,
      gone,
      new Promise<string>((resolve) => setTimeout(resolve, runMs, 'never ended').unref()),
    ]);
    process.stderr.write(asked.stderr.replaceAll(/^[IE]\d{4} .*\n/gm, ''));
    if (status !== 0) throw new Error(`the client: ${status}\n${programs.map((one) => one.tail()).join('\n')}`);
    return resultsOf(asked.stdout);
  } finally {
    for (const program of programs.reverse()) await program.end('SIGTERM');
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Hashes of templates are everybody's own: what counts is which objects share one. */
function resultsOf(text: string): Results {
  const hashes = [...new Set([...text.matchAll(/"pod-template-hash":"(\w+)"/g)].map(([, hash = '']) => hash))];
  const plain = hashes.reduce((rest, hash, index) => rest.replaceAll(hash, `hash${index}`), text);
  const lines = plain.split('\n').filter(Boolean);
  const seen = new Map<string, number>();
  return new Map(
    lines.map((line) => {
      const { name, value } = JSON.parse(line) as { name: string; value: Json };
      const count = (seen.get(name) ?? 0) + 1;
      seen.set(name, count);
      return [`${name} #${count}`, value];
    }),
  );
}

async function startTheirs(bin: Readonly<Record<string, string>>, kubeconfig: string, dir: string): Promise<Program[]> {
  const serve = async (): Promise<string[]> => [
    '--bind-address=127.0.0.1',
    `--secure-port=${await freePort()}`,
    '--authentication-skip-lookup',
  ];
  const ca = join(dir, 'ca.crt');
  const [, encoded = ''] = /certificate-authority-data: (\S+)/.exec(readFileSync(kubeconfig, 'utf8')) ?? [];
  writeFileSync(ca, Buffer.from(encoded, 'base64'));
  const config = join(dir, 'scheduler.yaml');
  const profile = {
    schedulerName: 'default-scheduler',
    plugins: { multiPoint: { disabled: [{ name: '*' }], enabled: schedulerPlugins.map((name) => ({ name })) } },
  };
  const document = {
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    leaderElection: { leaderElect: true },
    clientConnection: { kubeconfig },
    profiles: [profile],
  };
  writeFileSync(config, JSON.stringify(document));
  const manager = [`--kubeconfig=${kubeconfig}`, `--controllers=${theirs.join(',')}`, `--root-ca-file=${ca}`, ...(await serve())];
  const scheduler = [`--config=${config}`, '--feature-gates=DynamicResourceAllocation=false', ...(await serve())];
  return [
    started('kube-controller-manager', bin['kube-controller-manager'] ?? '', manager),
    started('kube-scheduler', bin['kube-scheduler'] ?? '', scheduler),
  ];
}

async function main(): Promise<number> {
  const path = (process.env['PATH'] ?? '').split(delimiter);
  const go = findProgram('go', [...path, '/usr/local/go/bin']);
  if (!go) {
    process.stdout.write('There is no Go toolchain here: nothing was tried.\n');
    return 0;
  }
  const built = mkdtempSync(join(tmpdir(), 'flotilla-go-client-'));
  try {
    const client = join(built, 'client');
    const { status } = spawnSync(go, ['build', '-o', client, '.'], { cwd: import.meta.dirname, stdio: ['ignore', 'inherit', 'inherit'] });
    if (status !== 0) return 1;
    process.stdout.write('with our own controllers and scheduler\n');
    const own = await play(client, [`--controllers=${ours}`], async () => []);
    process.stdout.write(`${own.size} results\n`);
    const places = process.env['KUBERNETES_BIN'] ? [process.env['KUBERNETES_BIN']] : path;
    const bin = Object.fromEntries(
      ['kube-controller-manager', 'kube-scheduler'].flatMap((name) => {
        const found = findProgram(name, places);
        return found ? [[name, found]] : [];
      }),
    );
    if (Object.keys(bin).length < 2) {
      process.stdout.write('kube-controller-manager and kube-scheduler are not here: they were not tried.\n');
      return 0;
    }
    process.stdout.write('with kube-controller-manager and kube-scheduler\n');
    const real = await play(client, ['--controllers=-*', '--scheduler=false'], (kubeconfig, dir) => startTheirs(bin, kubeconfig, dir));
    process.stdout.write(`${real.size} results\n`);
    return tell(real, own);
  } finally {
    rmSync(built, { recursive: true, force: true });
  }
}

/** Prints what differs. */
function tell(real: Results, own: Results): number {
  let differing = 0;
  for (const name of new Set([...real.keys(), ...own.keys()])) {
    const answer = (results: Results) => ({ status: 0, type: '', body: results.get(name) ?? null });
    const differences = compare(answer(real), answer(own));
    differing += differences.length;
    for (const one of differences) process.stdout.write(`${name} ${describeDifference(one)}\n`);
  }
  process.stdout.write(differing === 0 ? 'The objects are alike.\n' : `${differing} differences\n`);
  return differing === 0 ? 0 : 1;
}

process.exitCode = await main();
