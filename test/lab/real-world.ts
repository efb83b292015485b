import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Deployment, Pod, PodList } from '@flotilla/shared/api/generated/types.js';
import type { SeededRandom } from '@flotilla/shared/platform/random.js';
import type { Board } from '../harness/board.ts';
import { LinkProxy } from '../harness/link-proxy.ts';
import { SmallDisk } from '../harness/small-disk.ts';
import { Stack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const boardAddress = '127.0.0.2';
const node = 'board-1';
const keepAliveSeconds = 8;

/** How often the agent gives its service manager a sign of life, and how long one may be missing. */
const feedMs = 1_000;
const missingMs = 10_000;

/** Room for a store with its reserve, and for an agent's state. */
const hubDiskBytes = 48 << 20;
const boardDiskBytes = 4 << 20;

interface Disks {
  readonly hub: SmallDisk;
  readonly board: SmallDisk;
}

/** What a container of a pod nobody touches looks like; the same before and after means it did not notice. */
interface StillContainer {
  readonly id: string;
  readonly startedAt: string;
  readonly pod: string;
}

interface Parts {
  readonly stack: Stack;
  readonly disks: Disks | undefined;
  readonly link: LinkProxy;
  readonly board: Board;
  /** Written with each sign of life. */
  readonly fed: string;
}

/** A hub and a board in processes of their own, real containers, a real kubectl, and a line between them that can be harmed. */
export class RealWorld {
  readonly stack: Stack;
  /** Where they were asked for. */
  readonly disks: Disks | undefined;
  readonly #link: LinkProxy;
  readonly #board: Board;
  /** Written with each sign of life. */
  readonly #fed: string;
  #replicas = 2;
  #cleanMs = 0;

  private constructor({ stack, disks, link, board, fed }: Parts) {
    this.stack = stack;
    this.disks = disks;
    this.#fed = fed;
    this.#link = link;
    this.#board = board;
  }

  /** With small disks hub and agent keep their data on disks of their own, which can be filled. */
  static async open({ smallDisks = false } = {}): Promise<RealWorld> {
    const fed = await notifySocket();
    const stack = new Stack({ hubArgs: ['--names', boardAddress] });
    let link: LinkProxy | undefined;
    let hubDisk: SmallDisk | undefined;
    try {
      if (smallDisks) hubDisk = await SmallDisk.mount(join(stack.dir, 'hub'), hubDiskBytes);
      await stack.startHub();
      link = await LinkProxy.open(boardAddress, '127.0.0.1', [stack.ports.api, stack.ports.mqtt ?? 0]);
      const board = await stack.makeBoard(node, { address: boardAddress, args: ['--keep-alive', String(keepAliveSeconds)] });
      const disks = hubDisk && { hub: hubDisk, board: await SmallDisk.mount(board.dataDir, boardDiskBytes) };
      board.start();
      await stack.nodeReady(node);
      const world = new RealWorld({ stack, disks, link, board, fed });
      for (const name of ['still', 'web']) await stack.kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(deployment(name, 2)) });
      await world.converged();
      return world;
    } catch (error) {
      const said = `${stack.boards.map((board) => board.agent?.tail()).join('')}`;
      await link?.close();
      await hubDisk?.unmount();
      await stack.close();
      throw new Error(`the world did not begin: ${error instanceof Error ? error.message : error}\n${said}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#link.close();
    // The board's goes with its place.
    await this.disks?.hub.unmount();
    await this.stack.close();
    await rm(dirname(this.#fed), { recursive: true, force: true });
  }

  get link(): LinkProxy {
    return this.#link;
  }

  get board(): Board {
    return this.#board;
  }

  /** The operator wants something else of `web`: so many replicas, or all of them anew. Needs a hub. */
  async change(random: SeededRandom): Promise<void> {
    const { kubectl } = this.stack;
    if (random.next() < 0.5) {
      // Another number than before, from 1 to 3.
      this.#replicas = 1 + ((this.#replicas + Math.floor(random.next() * 2)) % 3);
      await kubectl.ok(['scale', 'deployment/web', `--replicas=${this.#replicas}`]);
    } else {
      await kubectl.ok(['set', 'env', 'deployment/web', `CHANGED=${random.uuid()}`]);
    }
  }

  /** What the slowest of four changes takes on a good line. */
  async cleanMs(random: SeededRandom): Promise<number> {
    if (this.#cleanMs > 0) return this.#cleanMs;
    for (let turn = 0; turn < 4; turn++) {
      await this.change(random);
      this.#cleanMs = Math.max(this.#cleanMs, await this.converged());
    }
    return this.#cleanMs;
  }

  /** Containers of the pods that nobody changes. */
  async still(): Promise<StillContainer[]> {
    const rows = JSON.parse(await this.#board.place.podman('ps', '--all', '--format', 'json')) as {
      readonly Id: string;
      readonly StartedAt: number;
      readonly State: string;
      readonly IsInfra: boolean;
      readonly Labels: Readonly<Record<string, string>> | null;
    }[];
    return rows
      .map(({ Id, StartedAt, State, IsInfra, Labels }) => ({
        id: Id,
        startedAt: `${StartedAt} ${State}`,
        pod: IsInfra ? '' : (Labels?.['io.kubernetes.pod.name'] ?? ''),
      }))
      .filter(({ pod }) => pod.startsWith('still-'))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Everything is as it was wanted last, on the board and in the API; how long that took. @throws Error that says what is not */
  async converged(deadlineMs = 180_000): Promise<number> {
    const beganMs = Date.now();
    let lacking = '';
    await until(
      'all is as wanted',
      async () => {
        lacking = await this.#lacking();
        return lacking === '';
      },
      deadlineMs,
    ).catch((error: unknown) => {
      throw new Error(
        `converges: ${lacking || (error instanceof Error ? `${error.message} ${error.cause}` : error)}\n${this.#board.agent?.tail()}`,
      );
    });
    return Date.now() - beganMs;
  }

  /** Every pod of the board's has exactly its container, none was started twice, and nothing else is there. */
  async #lacking(): Promise<string> {
    const { items = [] } = await this.stack.get<PodList>('pods');
    const web = await this.stack.get<Deployment>('deployment', 'web');
    const changed = web.spec?.template.spec?.containers[0]?.env?.[0]?.value;
    const of = (name: string): readonly Pod[] => items.filter(({ metadata }) => metadata?.labels?.['app'] === name);
    if (of('web').length !== this.#replicas) return `${of('web').length} pods of web, not ${this.#replicas}`;
    for (const { metadata, spec, status } of items) {
      const ready = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
      if (!ready || metadata?.deletionTimestamp) return `pod ${metadata?.name} is ${status?.phase}, ready: ${ready}`;
      if (metadata?.labels?.['app'] === 'web' && spec?.containers[0]?.env?.[0]?.value !== changed) return `pod ${metadata?.name} is old`;
    }
    const wanted = items.map(({ metadata }) => `${metadata?.name} running`).sort();
    const there = (await this.#board.containers()).map(({ pod, state }) => `${pod} ${state}`).sort();
    return isDeepStrictEqual(there, wanted) ? '' : `the board has ${there.join(', ')}, the API wants ${wanted.join(', ')}`;
  }

  /** Pods whose containers were started more often than once, by what the API shows. */
  async restarted(): Promise<string[]> {
    const { items = [] } = await this.stack.get<PodList>('pods');
    return items
      .filter(({ status }) => status?.containerStatuses?.some(({ restartCount }) => restartCount > 0))
      .map(({ metadata }) => metadata?.name ?? '');
  }

  /** What a service manager does: an agent that gives no sign of life is killed and started anew. Resolves when that was done. */
  async watchdog(): Promise<void> {
    await until('the agent is silent', async () => Date.now() - (await stat(this.#fed)).mtimeMs > missingMs);
    await this.#board.stop('SIGKILL');
    this.#board.start();
    const restartedMs = Date.now();
    await until('it gives signs of life again', async () => (await stat(this.#fed)).mtimeMs > restartedMs);
  }

  /** podman's API service of this board; 0 when none runs. */
  async runtimeService(): Promise<number> {
    for (const pid of await readdir('/proc')) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (line.includes(this.#board.place.dir) && line.includes('\0service\0')) return Number(pid);
    }
    return 0;
  }
}

/** A service manager's end of sd_notify: its program writes a file. The agents that start from here on find it. */
async function notifySocket(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-notify-'));
  const fed = join(dir, 'fed');
  const program = join(dir, 'systemd-notify');
  await writeFile(fed, '');
  await writeFile(program, `#!/bin/sh\n[ "$1" = WATCHDOG=1 ] && echo fed > ${fed}\n`);
  await chmod(program, 0o755);
  process.env['PATH'] = `${dir}:${process.env['PATH']}`;
  process.env['NOTIFY_SOCKET'] = join(dir, 'socket');
  process.env['WATCHDOG_USEC'] = String(feedMs * 3 * 1000);
  return fed;
}

function deployment(name: string, replicas: number): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            { name: 'main', image: 'localhost/flotilla-demo:1', command: ['sh', '-c', 'trap "exit 0" TERM; sleep 100000 & wait'] },
          ],
        },
      },
    },
  };
}
