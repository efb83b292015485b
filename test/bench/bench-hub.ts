import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../harness/free-port.ts';
import { Program } from '../harness/program.ts';
import { BenchApi } from './bench-api.ts';

const startWithinMs = 120_000;
/** As a clone and images start it. */
const hubNodeFlags = ['--max-semi-space-size=8'];

/** A hub in a process of its own, out of its bundle. */
export class BenchHub {
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #dir: string;
  #program: Program | undefined;
  /** It keeps its ports over a restart. */
  readonly port: number;
  readonly mqttPort: number;

  private constructor(bundleDir: string, dir: string, args: readonly string[], ports: { readonly api: number; readonly mqtt: number }) {
    this.#command = join(bundleDir, 'cmd/flotilla.js');
    this.#dir = dir;
    this.#args = args;
    this.port = ports.api;
    this.mqttPort = ports.mqtt;
  }

  static async start(bundleDir: string, args: readonly string[] = []): Promise<BenchHub> {
    const ports = { api: await freePort(), mqtt: await freePort() };
    const hub = new BenchHub(bundleDir, await mkdtemp(join(tmpdir(), 'flotilla-bench-hub-')), args, ports);
    await hub.#spawn().says(/^The hub is ready$/m);
    return hub;
  }

  get pid(): number {
    return this.#program?.pid ?? -1;
  }

  get kubeconfig(): string {
    return join(this.#dir, 'admin.kubeconfig');
  }

  /** Kills it and starts it anew; milliseconds from the start of the process until /readyz answers 200. */
  async restart(): Promise<number> {
    await this.#program?.end('SIGKILL');
    const api = new BenchApi(this.kubeconfig, { sockets: 1 });
    const beganMs = performance.now();
    const program = this.#spawn();
    while ((await api.call('GET', '/readyz').catch(() => undefined))?.status !== 200) {
      if (!program.running || performance.now() - beganMs > startWithinMs) throw new Error(`the hub is not ready\n${program.tail()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const tookMs = performance.now() - beganMs;
    api.close();
    return tookMs;
  }

  /** A join token for so many boards. */
  async token(uses = 1000): Promise<string> {
    const args = [this.#command, 'token', 'create', '--uses', String(uses), '--kubeconfig', this.kubeconfig];
    const program = new Program('flotilla token create', spawn(process.execPath, args, { stdio: 'pipe' }));
    if ((await program.ended) !== 0) throw new Error(program.tail());
    return program.stdout.trim();
  }

  tail(): string {
    return this.#program?.tail() ?? '';
  }

  async close(): Promise<void> {
    await this.#program?.end('SIGKILL');
    await rm(this.#dir, { recursive: true, force: true });
  }

  #spawn(): Program {
    const listen = ['--data-dir', this.#dir, '--listen', `127.0.0.1:${this.port}`, '--mqtt-listen', `127.0.0.1:${this.mqttPort}`];
    // An absolute folder counts as it is, wherever the command was typed.
    const child = spawn(process.execPath, [...hubNodeFlags, this.#command, 'hub', ...listen, ...this.#args], { stdio: 'pipe' });
    this.#program = new Program('hub', child);
    return this.#program;
  }
}
