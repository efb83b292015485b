import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { podmanRunDir } from '@flotilla/agent/runtime/podman/podman-runtime.js';
import type { Deployment, Node, PodList } from '@flotilla/shared/api/generated/types.js';
import type { Board } from '../harness/board.ts';
import { LinkProxy } from '../harness/link-proxy.ts';
import { Stack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

/** A board and its own way to the hub. */
export interface LeaseBoard {
  readonly board: Board;
  readonly link: LinkProxy;
}

const marker = `1${process.pid}7`;
const lookMs = 25;
/** How long what was asleep may go on after it woke: the guard looks once a second. */
const wakeMs = 2500;

/** A hub and two boards in processes of their own, and one pod that must never run twice. What runs is counted in the list of processes, all the time. */
export class LeaseWorld {
  readonly stack: Stack;
  readonly boards: readonly LeaseBoard[];
  most = 0;
  looks = 0;
  readonly #awake = new Map<number, number>();
  readonly #counting: NodeJS.Timeout;

  private constructor(stack: Stack, boards: readonly LeaseBoard[]) {
    this.stack = stack;
    this.boards = boards;
    this.#counting = setInterval(() => this.#count(), lookMs);
  }

  static async open(): Promise<LeaseWorld> {
    const addresses = ['127.0.0.3', '127.0.0.4'];
    const stack = new Stack({ hubArgs: ['--names', addresses.join(',')] });
    const links: LinkProxy[] = [];
    try {
      await stack.startHub();
      const boards: LeaseBoard[] = [];
      for (const [index, address] of addresses.entries()) {
        const link = await LinkProxy.open(address, '127.0.0.1', [stack.ports.api, stack.ports.mqtt ?? 0]);
        links.push(link);
        boards.push({ link, board: await stack.addBoard(`board-${index}`, { address, args: ['--keep-alive', '4'] }) });
      }
      await stack.kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(exclusive) });
      await stack.kubectl.ok(['rollout', 'status', 'deployment/only', '--timeout=60s'], { timeoutMs: 70_000 });
      return new LeaseWorld(stack, boards);
    } catch (error) {
      for (const link of links) await link.close();
      await stack.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#counting);
    for (const { board } of this.boards) this.signal(this.processesOf(board), 'SIGCONT');
    for (const { link } of this.boards) await link.close();
    await this.stack.close();
  }

  /** The pods' nodes. */
  async where(): Promise<string[]> {
    return ((await this.stack.get<PodList>('pods', '-l', 'app=only')).items ?? []).map(({ spec }) => spec?.nodeName ?? '');
  }

  async ready(): Promise<boolean> {
    const { items } = await this.stack.get<{ items: Node[] }>('nodes');
    return items.every(({ status }) => status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True');
  }

  /** Processes of the pod that execute. */
  running(): number[] {
    return allProcesses().flatMap(({ pid, words, state }) =>
      words[0] === 'sleep' && words[1] === marker && !'TtZX'.includes(state) ? [pid] : [],
    );
  }

  /** Agent, podman's service, conmon, guard and what the pods run. */
  processesOf(board: Board): number[] {
    const here = board.place.dir;
    const run = runDirOf(board);
    const mine = allProcesses().filter(({ words }) => words.some((word) => word.includes(here) || word.startsWith(run)));
    const containers = allProcesses().filter(({ words, parent }) => words[1] === marker && mine.some(({ pid }) => pid === parent));
    return [...mine, ...containers].map(({ pid }) => pid).filter((pid) => pid !== process.pid);
  }

  servicesOf(board: Board): number[] {
    return allProcesses().flatMap(({ pid, words }) =>
      words.includes('service') && words.some((word) => word.includes(board.place.dir)) ? [pid] : [],
    );
  }

  signal(pids: readonly number[], signal: NodeJS.Signals): void {
    for (const pid of pids) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended.
      }
    }
  }

  /** These go on after a sleep; the guard has a moment to find that their time is over. */
  wake(pids: readonly number[]): void {
    for (const pid of pids) this.#awake.set(pid, performance.now() + wakeMs);
    this.signal(pids, 'SIGCONT');
  }

  /** As the loss of power leaves a board: nothing runs, and what was in memory is gone. */
  async powerCut(board: Board): Promise<void> {
    await board.stop('SIGKILL');
    const run = runDirOf(board);
    this.signal(
      allProcesses().flatMap(({ pid, words }) => (words.some((word) => word.startsWith(run)) ? [pid] : [])),
      'SIGKILL',
    );
    // By podman, which else would not know: it takes a boot for news only where its own folders in memory are gone.
    await board.place.podman('pod', 'kill', '--all');
    await rm(join(runDirOf(board), 'leases'), { recursive: true, force: true });
  }

  /** Forgets what was counted. */
  beginCounting(): void {
    this.most = 0;
    this.looks = 0;
  }

  async one(what: string, deadlineMs = 240_000): Promise<void> {
    await until(what, () => this.running().length === 1, deadlineMs);
  }

  #count(): void {
    this.looks++;
    const now = performance.now();
    const counted = this.running().filter((pid) => now > (this.#awake.get(pid) ?? 0));
    this.most = Math.max(this.most, counted.length);
  }
}

const exclusive: Deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'only' },
  spec: {
    replicas: 1,
    strategy: { type: 'Recreate' },
    selector: { matchLabels: { app: 'only' } },
    template: {
      metadata: {
        labels: { app: 'only' },
        annotations: { 'fleet.flotilla.dev/when-offline': 'Stop', 'fleet.flotilla.dev/offline-after': '6s' },
      },
      spec: {
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'main', image: 'localhost/flotilla-demo:1', command: ['sleep', marker] }],
      },
    },
  },
};

function runDirOf({ dataDir }: Board): string {
  return join(dirname(podmanRunDir(dataDir, process.env)), dataDir.slice(1).replaceAll('/', '_'));
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
  readonly words: readonly string[];
}

function allProcesses(): Process[] {
  const found: Process[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      const [state = '', parent = ''] = (readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1] ?? '').split(' ');
      found.push({ pid: Number(name), parent: Number(parent), state, words });
    } catch {
      // It has ended.
    }
  }
  return found;
}
