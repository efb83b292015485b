import { spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Board } from '../harness/board.ts';
import { demoImages } from '../harness/images.ts';
import { findKubectls, Kubectl } from '../harness/kubectl.ts';
import { LinkProxy } from '../harness/link-proxy.ts';
import { Program } from '../harness/program.ts';
import { BenchHub } from './bench-hub.ts';
import { bundle } from './bundle.ts';
import type { Report } from './figure.ts';
import { median } from './figure.ts';
import { type BareLine, openBareLine } from './streams-bare.ts';
import { openSshLine, type SshLine } from './streams-ssh.ts';
import { BenchTerminal } from './streams-terminal.ts';
import { thousand } from './streams-thousand.ts';

const boardAddress = '127.0.0.3';
const image = 'localhost/flotilla-demo:1';
/** A line like a good mobile one, each way. */
const line = { bytesPerSecond: 1_000_000, delayMs: 25 };
const shapedBytes = 8_000_000;
const plainBytes = 50_000_000;
const rounds = 2;
const echoes = 20;
const atOnce = 100;

/** What streams to a pod cost: copies and echoes against OpenSSH and bare TLS over the same line, and a hundred of them at once. */
export async function run(report: Report): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-bench-'));
  let hub: BenchHub | undefined;
  let board: Board | undefined;
  let link: LinkProxy | undefined;
  try {
    await bundle('hub', join(dir, 'hub'));
    await bundle('agent', join(dir, 'agent'));
    hub = await BenchHub.start(join(dir, 'hub'), [
      '--names',
      boardAddress,
      '--pod-cidr',
      `100.${randomInt(65, 128)}.${16 * randomInt(16)}.0/20`,
    ]);
    link = await LinkProxy.open(boardAddress, '127.0.0.1', [hub.port, hub.mqttPort]);
    board = await startBoard(dir, hub);
    const kubectl = new Kubectl(findKubectls().newest, hub.kubeconfig);
    try {
      await startPod(kubectl);
      await measure({ dir, hub, link, kubectl, report });
    } finally {
      kubectl.close();
    }
  } catch (error) {
    process.stderr.write(`${hub?.tail() ?? ''}${board?.agent?.tail() ?? ''}`);
    throw error;
  } finally {
    await board?.close();
    await link?.close();
    await hub?.close();
    await rm(dir, { recursive: true, force: true });
  }
}

async function startBoard(dir: string, hub: BenchHub): Promise<Board> {
  const url = `https://${boardAddress}:${hub.port}`;
  const token = await hub.token();
  const board = await Board.make({ name: 'bench', hub: url, token });
  await demoImages(board.place);
  const args = ['--hub', url, '--data-dir', board.dataDir, '--node-name', board.name, '--podman-storage', board.place.dir];
  const env: NodeJS.ProcessEnv = { ...board.place.env, FLOTILLA_JOIN_TOKEN: token };
  const command = [join(dir, 'agent/cmd/flotilla-agent.js'), ...args];
  board.agent = new Program('agent', spawn(process.execPath, command, { stdio: 'pipe', env }));
  return board;
}

async function startPod(kubectl: Kubectl): Promise<void> {
  const containers = [{ name: 'main', image, command: ['sh', '-c', 'trap "exit 0" TERM; sleep 100000 & wait'] }];
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'box' }, spec: { terminationGracePeriodSeconds: 0, containers } };
  await kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(pod) });
  await kubectl.ok(['wait', '--for=condition=Ready', 'pod/box', '--timeout=120s']);
}

interface Parts {
  readonly dir: string;
  readonly hub: BenchHub;
  readonly link: LinkProxy;
  readonly kubectl: Kubectl;
  readonly report: Report;
}

async function measure({ dir, hub, link, kubectl, report }: Parts): Promise<void> {
  const bare = await openBareLine(dir);
  const ssh = await openSshLine().catch((error: Error) => {
    process.stderr.write(`there is no sshd to compare with: ${error.message}\n`);
    return undefined;
  });
  const copy = (bytes: number): Copier => new Copier(kubectl, dir, bytes);
  try {
    const plain = copy(plainBytes);
    await plain.prepare();
    for (const way of ['in', 'out'] as const) {
      const perSecond = await plain.rate(way);
      report({
        suite: 'streams',
        id: 'streams',
        name: `kubectl cp ${way}, 50 MB, no line between`,
        value: perSecond / 1e6,
        unit: 'MB/s',
        better: 'higher',
      });
    }
    await many(hub, report);
    await thousand({ hub, bundleDir: join(dir, 'agent'), kubectl, report });
    for (const one of [link, bare.link, ...(ssh ? [ssh.link] : [])]) one.shape(line);
    const shaped = copy(shapedBytes);
    await shaped.prepare();
    for (const way of ['in', 'out'] as const) await compareCopies({ copier: shaped, bare, ssh, way, report });
    await compareEchoes({ hub, bare, ssh, report });
  } finally {
    link.shape({});
    await ssh?.close();
    await bare.close();
  }
}

/** Copies one file into the pod and back with kubectl. */
class Copier {
  readonly #kubectl: Kubectl;
  readonly file: string;
  readonly #bytes: number;

  constructor(kubectl: Kubectl, dir: string, bytes: number) {
    this.#kubectl = kubectl;
    this.file = join(dir, `copy-${bytes}`);
    this.#bytes = bytes;
  }

  async prepare(): Promise<void> {
    await writeFile(this.file, randomBytes(this.#bytes));
  }

  /** Bytes a second, kubectl's start included. */
  async rate(way: 'in' | 'out'): Promise<number> {
    const there = 'box:/tmp/copy';
    const back = `${this.file}.back`;
    const beganMs = performance.now();
    await this.#kubectl.ok(['cp', ...(way === 'in' ? [this.file, there] : [there, back])]);
    const tookMs = performance.now() - beganMs;
    if (way === 'out' && !(await readFile(back)).equals(await readFile(this.file))) throw new Error('what came back is not what was sent');
    return (this.#bytes / tookMs) * 1000;
  }
}

interface Copies {
  readonly copier: Copier;
  readonly bare: BareLine;
  readonly ssh: SshLine | undefined;
  readonly way: 'in' | 'out';
  readonly report: Report;
}

async function compareCopies({ copier, bare, ssh, way, report }: Copies): Promise<void> {
  const others: Record<string, () => Promise<void>> = {
    'bare TLS': () => bare.carry(shapedBytes, way),
    ...(ssh ? { scp: () => ssh.copy(way === 'in' ? copier.file : `${copier.file}.scp`, way) } : {}),
  };
  const ours: number[] = [];
  const theirs = new Map<string, number[]>(Object.keys(others).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    ours.push(await copier.rate(way));
    for (const [name, carry] of Object.entries(others)) {
      const beganMs = performance.now();
      await carry();
      theirs.get(name)?.push((shapedBytes / (performance.now() - beganMs)) * 1000);
    }
  }
  for (const [name, rates] of theirs) {
    const ratio = median(ours.map((value, round) => value / (rates[round] ?? Number.NaN)));
    report({
      ...{ suite: 'streams', id: 'streams', name: `kubectl cp ${way}, 8 MB over 1 MB/s and 50 ms, against ${name}`, unit: 'MB/s' },
      ...{ value: median(ours) / 1e6, baseline: median(rates) / 1e6, ratio, aim: 0.8, better: 'higher' },
    });
  }
}

interface Echoes {
  readonly hub: BenchHub;
  readonly bare: BareLine;
  readonly ssh: SshLine | undefined;
  readonly report: Report;
}

async function compareEchoes({ hub, bare, ssh, report }: Echoes): Promise<void> {
  const terminal = await BenchTerminal.open(hub.kubeconfig);
  const others = { 'bare TLS': await bare.openEcho(), ...(ssh ? { ssh: await ssh.openEcho() } : {}) };
  const ours: number[] = [];
  const theirs = new Map<string, number[]>(Object.keys(others).map((name) => [name, []]));
  for (let round = 0; round < echoes; round++) {
    ours.push(await terminal.echo('x'));
    for (const [name, other] of Object.entries(others)) theirs.get(name)?.push(await other.echo('x'));
  }
  terminal.close();
  for (const other of Object.values(others)) other.close();
  const value = median(ours);
  for (const [name, times] of theirs) {
    const baseline = median(times);
    report({
      ...{ suite: 'streams', id: 'streams', name: `exec -it: a key and its echo over 50 ms, against ${name}`, value, unit: 'ms' },
      ...{ baseline, ratio: value / baseline, aim: 1.5, better: 'lower' },
    });
  }
}

/** A hundred terminals on one board: each answers. */
async function many(hub: BenchHub, report: Report): Promise<void> {
  const beganMs = performance.now();
  const terminals: BenchTerminal[] = [];
  for (let open = 0; open < atOnce; open += 10) {
    terminals.push(...(await Promise.all(Array.from({ length: 10 }, () => BenchTerminal.open(hub.kubeconfig)))));
  }
  const openMs = performance.now() - beganMs;
  const echoesMs = await Promise.all(terminals.map((terminal) => terminal.echo('x')));
  const residentMb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${hub.pid}/status`, 'utf8'))?.[1]) / 1024;
  await Promise.all(
    terminals.map(async (terminal) => {
      terminal.close();
      await terminal.closed;
    }),
  );
  const common = { suite: 'streams', id: 'streams', better: 'lower' } as const;
  report({ ...common, name: '100 exec -it at once on one board: opened', value: openMs / 1000, unit: 's' });
  report({ ...common, name: '100 exec -it at once on one board: slowest echo', value: Math.max(...echoesMs), unit: 'ms' });
  report({ ...common, name: '100 exec -it at once on one board: the hub', value: residentMb, unit: 'MB' });
}
