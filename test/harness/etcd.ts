import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from './free-port.ts';
import './owner.ts';
import { until } from './until.ts';

const program = process.env['ETCD'] ?? 'etcd';

/** A real etcd on loopback; killed, it can be started again on what it wrote. */
export class Etcd {
  readonly #dir: string;
  readonly #ports: readonly [number, number];
  #process: ChildProcess | undefined;

  private constructor(dir: string, ports: readonly [number, number]) {
    this.#dir = dir;
    this.#ports = ports;
  }

  /** On free ports, running. */
  static async start(dir: string): Promise<Etcd> {
    const etcd = new Etcd(dir, [await freePort(), await freePort()]);
    await etcd.start();
    return etcd;
  }

  /** What clients are given. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#ports[0]}`;
  }

  async start(): Promise<void> {
    const peer = `http://127.0.0.1:${this.#ports[1]}`;
    const flags = [
      '--data-dir',
      this.#dir,
      '--listen-client-urls',
      this.endpoint,
      '--advertise-client-urls',
      this.endpoint,
      '--listen-peer-urls',
      peer,
    ];
    const cluster = [
      '--initial-advertise-peer-urls',
      peer,
      '--initial-cluster',
      `default=${peer}`,
      '--logger',
      'zap',
      '--log-level',
      'error',
    ];
    this.#process = spawn(program, [...flags, ...cluster], { stdio: 'ignore' });
    await until('etcd is healthy', async () => {
      const answer = (await (await fetch(`${this.endpoint}/health`)).json()) as { health?: string };
      return answer.health === 'true';
    });
  }

  async kill(): Promise<void> {
    const etcd = this.#process;
    if (!etcd || etcd.exitCode !== null || etcd.signalCode !== null) return;
    const exited = once(etcd, 'exit');
    etcd.kill('SIGKILL');
    await exited;
  }
}
