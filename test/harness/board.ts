import { mkdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { podmanRunDir } from '@flotilla/agent/runtime/podman/podman-runtime.js';
import type { LanPlace } from './lan.ts';
import { type PodmanPlace, podmanPlace } from './podman.ts';
import { Program } from './program.ts';

const entry = resolve(import.meta.dirname, '../../agent/src/cmd/flotilla-agent.ts');

export interface BoardOptions {
  readonly name: string;
  /** The address of the hub as this board sees it. */
  readonly hub: string;
  /** A join token; not needed again once the board has joined. */
  readonly token: string;
  readonly args?: readonly string[];
  /** Its machine; this one when left out. */
  readonly place?: Pick<LanPlace, 'enter'> | undefined;
}

export interface BoardContainer {
  readonly id: string;
  /** As in the pod's spec; empty for what holds the pod together. */
  readonly name: string;
  readonly pod: string;
  /** running, exited, created … */
  readonly state: string;
}

/** An agent in a process of its own with a podman of its own. */
export class Board {
  readonly name: string;
  readonly place: PodmanPlace;
  readonly dataDir: string;
  agent: Program | undefined;
  readonly #options: BoardOptions;

  private constructor(options: BoardOptions, place: PodmanPlace) {
    this.name = options.name;
    this.place = place;
    this.dataDir = join(place.dir, 'agent');
    this.#options = options;
  }

  static async make(options: BoardOptions): Promise<Board> {
    const board = new Board(options, await podmanPlace(options.place?.enter));
    await mkdir(board.dataDir);
    return board;
  }

  start(): Program {
    const { name, hub, token, args = [], place } = this.#options;
    const env: NodeJS.ProcessEnv = { ...this.place.env, FLOTILLA_JOIN_TOKEN: token };
    delete env['INIT_CWD'];
    const own = ['--hub', hub, '--data-dir', this.dataDir, '--node-name', name, '--podman-storage', this.place.dir, ...args];
    this.agent = Program.node(`agent of ${name}`, entry, own, { env }, place?.enter);
    return this.agent;
  }

  /** How the agent ended; its containers run on. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string | undefined> {
    return this.agent?.end(signal);
  }

  /** What `flotilla-agent ARGS` answers at the board. @throws Error when it fails */
  async ask(...args: readonly string[]): Promise<string> {
    const at = ['--data-dir', this.dataDir, '--podman-storage', this.place.dir];
    const asked = Program.node(`flotilla-agent ${args.join(' ')}`, entry, [...args, ...at], {
      env: { ...this.place.env, INIT_CWD: undefined },
    });
    if ((await asked.ended) !== 0) throw new Error(asked.stderr);
    return asked.stdout;
  }

  /** What podman has, stopped containers too, without the ones that only hold a pod together. */
  async containers(): Promise<BoardContainer[]> {
    const rows = JSON.parse(await this.place.podman('ps', '--all', '--format', 'json')) as {
      readonly Id: string;
      readonly State: string;
      readonly IsInfra: boolean;
      readonly Labels: Readonly<Record<string, string>> | null;
    }[];
    return rows
      .filter(({ IsInfra }) => !IsInfra)
      .map(({ Id, State, Labels }) => ({
        id: Id,
        state: State,
        name: Labels?.['io.kubernetes.container.name'] ?? '',
        pod: Labels?.['io.kubernetes.pod.name'] ?? '',
      }));
  }

  /** The running container of a pod. @throws Error when there is none or more than one */
  async container(pod: string, name: string): Promise<BoardContainer> {
    const all = (await this.containers()).filter((one) => one.pod === pod && one.name === name && one.state === 'running');
    const [only] = all;
    if (!only || all.length > 1) throw new Error(`${all.length} containers ${name} of ${pod} are running`);
    return only;
  }

  /** Ends the agent and removes everything it made. */
  async close(): Promise<void> {
    await this.stop('SIGKILL');
    await this.place.close();
    await removeRunDirs(this.dataDir);
  }
}

/** Removes what an agent keeps in memory beside its data directory: like the machine's reboot. */
export async function removeRunDirs(dataDir: string): Promise<void> {
  const podman = podmanRunDir(dataDir, process.env);
  await rm(podman, { recursive: true, force: true });
  await rm(join(dirname(podman), dataDir.slice(1).replaceAll('/', '_')), { recursive: true, force: true });
}
