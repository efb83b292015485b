import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { Board } from './board.ts';
import { freePort } from './free-port.ts';
import { demoImages } from './images.ts';
import { findKubectls, Kubectl } from './kubectl.ts';
import type { LanPlace } from './lan.ts';
import { Program } from './program.ts';
import { until } from './until.ts';

export const repository = resolve(import.meta.dirname, '../..');
export const flotilla = join(repository, 'hub/src/cmd/flotilla.ts');

export interface StackOptions {
  readonly hubArgs?: readonly string[];
  /** MQTT's own port: an address to listen at (the port is chosen), or none. */
  readonly mqtt?: string | undefined;
}

export interface AddBoardOptions {
  /** Where the board finds the hub; 127.0.0.1 when left out. */
  readonly address?: string;
  readonly args?: readonly string[];
  /** The images of the demo; true when left out. */
  readonly images?: boolean;
  /** A new one when left out. */
  readonly token?: string;
  /** Its machine; this one when left out. */
  readonly place?: Pick<LanPlace, 'enter'>;
}

/** A hub and boards as a user runs them: processes of their own, a real kubectl, real containers. */
export class Stack {
  readonly dir = mkdtempSync(join(tmpdir(), 'flotilla-stack-'));
  readonly boards: Board[] = [];
  readonly #options: StackOptions;
  #hub: Program | undefined;
  #kubectl: Kubectl | undefined;
  #ports: { readonly api: number; readonly mqtt: number | undefined } | undefined;

  constructor(options: StackOptions = {}) {
    this.#options = options;
  }

  get hub(): Program {
    if (!this.#hub) throw new Error('the hub was not started');
    return this.#hub;
  }

  /** The newest kubectl found. */
  get kubectl(): Kubectl {
    if (!this.#kubectl) throw new Error('the hub was not started');
    return this.#kubectl;
  }

  get kubeconfig(): string {
    return join(this.dir, 'hub/admin.kubeconfig');
  }

  /** The ports the hub took at its first start; it keeps them. */
  get ports(): { readonly api: number; readonly mqtt: number | undefined } {
    if (!this.#ports) throw new Error('the hub was not started');
    return this.#ports;
  }

  get env(): NodeJS.ProcessEnv {
    const env = { ...process.env };
    // Where `npm test` was typed is no business of the programs under test.
    delete env['INIT_CWD'];
    delete env['KUBECONFIG'];
    return env;
  }

  async startHub(): Promise<void> {
    const { hubArgs = [], mqtt = '127.0.0.1' } = this.#options;
    const [apiPort, mqttPort] = [this.#ports?.api ?? (await freePort()), this.#ports?.mqtt ?? (await freePort())];
    const listen = ['--listen', `127.0.0.1:${apiPort}`, '--mqtt-listen', mqtt === 'none' ? 'none' : `${mqtt}:${mqttPort}`];
    this.#hub = Program.node('hub', flotilla, ['hub', '--data-dir', join(this.dir, 'hub'), ...listen, ...hubArgs], { env: this.env });
    await this.#hub.says(/^The hub is ready$/m);
    const said = /^MQTT: port (\d+)$/m.exec(this.#hub.stdout)?.[1];
    this.#ports = {
      api: Number(/^API: https:\/\/127\.0\.0\.1:(\d+)$/m.exec(this.#hub.stdout)?.[1]),
      mqtt: said === undefined ? undefined : Number(said),
    };
    this.#kubectl ??= new Kubectl(findKubectls().newest, this.kubeconfig);
  }

  /** Runs `flotilla ARGS` as a user of this hub. */
  async flotilla(...args: string[]): Promise<{ readonly code: number | string; readonly stdout: string; readonly stderr: string }> {
    const program = Program.node('flotilla', flotilla, args, { env: { ...this.env, KUBECONFIG: this.kubeconfig } });
    const code = await program.ended;
    return { code, stdout: program.stdout.trim(), stderr: program.stderr.trim() };
  }

  /** A board that has joined and is Ready. */
  async addBoard(name: string, options: AddBoardOptions = {}): Promise<Board> {
    const board = await this.makeBoard(name, options);
    board.start();
    await this.nodeReady(name);
    return board;
  }

  /** A board with a token whose agent was not started yet. */
  async makeBoard(name: string, { address = '127.0.0.1', args = [], images = true, token, place }: AddBoardOptions = {}): Promise<Board> {
    const board = await Board.make({
      name,
      hub: `https://${address}:${this.ports.api}`,
      token: token ?? (await this.joinToken()),
      args,
      place,
    });
    this.boards.push(board);
    if (images) await demoImages(board.place);
    return board;
  }

  async joinToken(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.flotilla('token', 'create', ...args);
    if (code !== 0) throw new Error(`flotilla token create ended with ${code}: ${stderr}`);
    return stdout;
  }

  async nodeReady(name: string): Promise<void> {
    await until(`${name} has joined`, async () => (await this.kubectl.run(['get', 'node', name])).code === 0);
    await this.waitFor('condition=Ready', `node/${name}`);
  }

  /** `kubectl wait --for=WHAT OBJECT …`. @throws Error at the deadline */
  async waitFor(what: string, ...args: string[]): Promise<void> {
    await this.kubectl.ok(['wait', `--for=${what}`, '--timeout=120s', ...args]);
  }

  /** One object, or a list. */
  async get<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.kubectl.ok(['get', '-o', 'json', ...args])) as T;
  }

  async close(): Promise<void> {
    await Promise.all(this.boards.map((board) => board.close()));
    await this.#hub?.end('SIGKILL');
    this.#kubectl?.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A stack for the tests of one file, which run in order; says what its programs said when one fails. */
export function useStack(options: StackOptions, prepare: (stack: Stack) => Promise<void>): Stack {
  const stack = new Stack(options);
  beforeAll(async () => {
    try {
      await stack.startHub();
      await prepare(stack);
    } catch (error) {
      tell();
      throw error;
    }
  });
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') tell();
  });
  afterAll(() => stack.close());
  function tell(): void {
    for (const board of stack.boards) process.stderr.write(board.agent?.tail() ?? '');
    process.stderr.write(stack.hub.tail());
  }
  return stack;
}
