import { join } from 'node:path';
import { freePort } from '../harness/free-port.ts';
import { Program } from '../harness/program.ts';
import { flotilla } from '../harness/stack.ts';
import { checkHistory } from './history/check-history.ts';
import type { History } from './history/history.ts';
import type { Lab } from './lab-goal.ts';
import { type DiskCall, tracedBy } from './strace.ts';

/** What a hub does when it is killed, on its own history. */
export interface Scene {
  readonly calls: readonly DiskCall[];
  /** Kills at one point after the other; ends where the scene was over before it. */
  sweep(world: CrashWorld, call: DiskCall, points: Iterable<number>): Promise<void>;
}

const recoveryMs = 2000;
export const nodeCommand = [process.execPath, '--disable-warning=ExperimentalWarning'];

export interface CrashWorldOptions {
  readonly dir: string;
  readonly scene: string;
  readonly lab: Lab;
  /** Somebody does this to the folder of a hub that was killed. */
  readonly spoil?: ((dir: string) => void) | undefined;
}

/** A hub on a folder of its own that is killed and started again and again. */
export class CrashWorld {
  readonly dir: string;
  readonly #lab: Lab;
  readonly #scene: string;
  readonly #spoil: CrashWorldOptions['spoil'];
  readonly #recoveries: number[] = [];
  #firstMs = 0;
  #port = 0;
  #hub: Program | undefined;
  #ranUnder: Program | undefined;
  points = 0;

  constructor({ dir, scene, lab, spoil }: CrashWorldOptions) {
    this.dir = dir;
    this.#scene = scene;
    this.#lab = lab;
    this.#spoil = spoil;
  }

  get hub(): Program {
    if (!this.#hub) throw new Error('the hub was not started');
    return this.#hub;
  }

  get kubeconfig(): string {
    return join(this.dir, 'admin.kubeconfig');
  }

  async command(): Promise<string[]> {
    this.#port ||= await freePort();
    const listen = ['--listen', `127.0.0.1:${this.#port}`, '--mqtt-listen', 'none', '--controllers=-*', '--scheduler=false'];
    return [...nodeCommand, flotilla, 'hub', '--data-dir', this.dir, ...listen];
  }

  /** Starts the hub on what there is. */
  async start({ recovers = true } = {}): Promise<void> {
    const beganMs = performance.now();
    const [node = '', flag = '', entry = '', ...args] = await this.command();
    if (node !== process.execPath || !flag) throw new Error('another program');
    this.#hub = Program.node('hub', entry, args, { env: { ...process.env, KUBECONFIG: undefined, INIT_CWD: undefined } });
    await this.#hub.says(/^The hub is ready$/m);
    const tookMs = performance.now() - beganMs;
    if (recovers) this.#recoveries.push(tookMs);
    else this.#firstMs = tookMs;
  }

  /** Starts a hub that was killed. */
  async recover(): Promise<void> {
    await this.hub.ended;
    this.#spoil?.(this.dir);
    await this.start();
  }

  /** The hub's first start, under strace. */
  under(strace: Program): void {
    this.#ranUnder = strace;
  }

  struck(call: DiskCall): void {
    this.points++;
    this.#lab.tally.fault(`${this.#scene}: ${call}`);
  }

  /** @throws Error with the faults */
  judge(history: History, where: string): void {
    const faults = checkHistory(history);
    for (const name of ['revisions only grow', 'a watch is a prefix without a gap', 'nothing acknowledged is missing']) {
      this.#lab.tally.invariant(name);
    }
    if (faults.length > 0) throw new Error(`${this.#scene}, ${where}: ${faults.slice(0, 5).join('; ')}`);
  }

  /** What the scene came to. @throws Error when the hub usually takes too long to come back, for what a first start takes here */
  summary(judged: boolean): string {
    const sorted = this.#recoveries.sort((a, b) => a - b);
    const median = sorted[sorted.length >> 1] ?? 0;
    const took = sorted.length > 0 ? `, back after ${Math.round(median)} ms (at most ${Math.round(sorted.at(-1) ?? 0)})` : '';
    const text = `${this.#scene}: killed at ${this.points} points${took}`;
    if (judged && median > Math.max(recoveryMs, this.#firstMs * 1.5)) throw new Error(`${text}: more than ${recoveryMs} ms`);
    return text;
  }

  async close(): Promise<void> {
    if (this.#ranUnder?.running) {
      const pid = await tracedBy(this.#ranUnder).catch(() => 0);
      if (pid > 0) process.kill(pid, 'SIGKILL');
      await this.#ranUnder.end('SIGKILL');
    }
    await this.#hub?.end('SIGKILL');
  }
}
