import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Program } from '../harness/program.ts';
import { until } from '../harness/until.ts';
import type { BenchHub } from './bench-hub.ts';

const withinMs = 900_000;
/** A process with more spends its time collecting garbage. */
const boardsPerProcess = 2_500;

/** Simulated boards in processes of their own, out of the agent's bundle; they are called `sim-NUMBER`. */
export class Fleet {
  readonly #command: string;
  readonly #hub: BenchHub;
  readonly #shares: { readonly boards: number; readonly program: Program }[] = [];

  constructor(bundleDir: string, hub: BenchHub) {
    this.#command = join(bundleDir, 'cmd/flotilla-agent.js');
    this.#hub = hub;
  }

  get boards(): number {
    return this.#shares.reduce((sum, share) => sum + share.boards, 0);
  }

  /** As the processes told last, at most a second ago. */
  get connected(): number {
    return this.#shares.reduce(
      (sum, { program }) => sum + Number(/(\d+) of \d+ boards are connected\n$/.exec(program.stdout)?.[1] ?? 0),
      0,
    );
  }

  /** Adds boards until there are so many; resolves when all are connected. */
  async grow(boards: number): Promise<void> {
    const missing = boards - this.boards;
    const parts = Math.ceil(missing / boardsPerProcess);
    for (let part = 0; part < parts; part++)
      await this.#start(Math.floor((missing * (part + 1)) / parts) - Math.floor((missing * part) / parts));
    await this.allConnected();
  }

  async allConnected(): Promise<void> {
    await until(
      'all simulated boards are connected',
      () => {
        for (const { program } of this.#shares) if (!program.running) throw new Error(program.tail());
        return this.connected === this.boards;
      },
      withinMs,
    );
  }

  async #start(boards: number): Promise<void> {
    if (boards <= 0) return;
    const token = await this.#hub.token(boards);
    const args = ['simulate', '--hub', `https://127.0.0.1:${this.#hub.port}`, '--prefix', 'sim', '--boards', String(boards)];
    const env = { ...process.env, FLOTILLA_JOIN_TOKEN: token };
    const command = ['--max-semi-space-size=8', this.#command, ...args, '--first', String(this.boards)];
    this.#shares.push({ boards, program: new Program('simulate', spawn(process.execPath, command, { stdio: 'pipe', env })) });
  }

  tail(): string {
    return this.#shares.map(({ program }) => program.tail()).join('');
  }

  async close(): Promise<void> {
    await Promise.all(this.#shares.map(({ program }) => program.end('SIGKILL')));
  }
}
