import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { RuntimeError } from '../types.ts';
import { inUsersOf } from './oci-command.ts';

export interface InsideConnectorOptions {
  readonly clock: Clock;
  readonly nsenter: string;
  readonly isRoot: boolean;
  /** How long a helper stays when nobody asks it any more. */
  readonly idleMs?: number;
}

interface Helper {
  readonly child: ChildProcess;
  readonly waiting: Map<number, { resolve(socket: Socket): void; reject(error: Error): void }>;
  idle: Timer | undefined;
}

const connectMs = 10_000;

/**
 * What runs in the pod's network: connects to a port of its own localhost, as asked, and hands the connection over (Node passes sockets
 * between processes). Nothing is read before that, so nothing is lost. It ends with whoever started it.
 */
const program = `
const { connect } = require('node:net');
process.on('disconnect', () => process.exit(0));
process.on('message', ({ id, port }) => {
  const attempt = (hosts, before) => {
    const socket = connect({ host: hosts[0], port });
    socket.pause();
    socket.setTimeout(${connectMs}, () => socket.destroy(new Error('no answer within ${connectMs / 1000} s')));
    socket.once('error', (error) => {
      if (hosts.length > 1) attempt(hosts.slice(1), error);
      else process.send({ id, error: (before ?? error).message });
    });
    socket.once('connect', () => {
      socket.setTimeout(0);
      process.send({ id }, socket);
    });
  };
  attempt(['127.0.0.1', '::1']);
});
`;

/** Opens connections to the localhost of pods: a small process in a pod's network makes them, and stays for the next. */
export class InsideConnector {
  readonly #options: InsideConnectorOptions;
  /** By the process whose network it is. */
  readonly #helpers = new Map<number, Helper>();
  #lastId = 0;

  constructor(options: InsideConnectorOptions) {
    this.#options = options;
  }

  /** @param pid a process in the pod's network. @throws RuntimeError with the system's words */
  async connect(pid: number, port: number, signal: AbortSignal): Promise<Socket> {
    const helper = this.#helpers.get(pid) ?? this.#start(pid);
    const id = ++this.#lastId;
    helper.idle?.cancel();
    const giveUp = (): void => helper.waiting.get(id)?.reject(new Error('given up'));
    try {
      return await new Promise<Socket>((resolve, reject) => {
        helper.waiting.set(id, { resolve, reject });
        signal.addEventListener('abort', giveUp, { once: true });
        if (signal.aborted) giveUp();
        helper.child.send({ id, port }, (error) => error && reject(error));
      });
    } catch (error) {
      throw new RuntimeError('Failed', error instanceof Error ? error.message : String(error));
    } finally {
      signal.removeEventListener('abort', giveUp);
      helper.waiting.delete(id);
      if (helper.waiting.size === 0) this.#rest(pid, helper);
    }
  }

  close(): void {
    for (const { child, idle } of this.#helpers.values()) {
      idle?.cancel();
      child.kill('SIGKILL');
    }
    this.#helpers.clear();
  }

  #start(pid: number): Helper {
    const users = this.#options.isRoot ? [] : inUsersOf(pid);
    const args = [...users, `--net=/proc/${pid}/ns/net`, process.execPath, '--disable-warning=ExperimentalWarning', '-e', program];
    const child = spawn(this.#options.nsenter, args, { cwd: '/', env: {}, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const helper: Helper = { child, waiting: new Map(), idle: undefined };
    this.#helpers.set(pid, helper);
    child.on('message', ({ id, error }: { id: number; error?: string }, socket) => {
      const waiting = helper.waiting.get(id);
      if (error !== undefined) waiting?.reject(new Error(error));
      else if (waiting && socket instanceof Socket) {
        // Either side may have said all it has to say while the other goes on.
        socket.allowHalfOpen = true;
        waiting.resolve(socket);
      } else if (socket instanceof Socket) socket.destroy();
    });
    const over = (): void => {
      if (this.#helpers.get(pid) === helper) this.#helpers.delete(pid);
      helper.idle?.cancel();
      for (const { reject } of helper.waiting.values()) reject(new Error("the pod's network cannot be entered"));
    };
    child.once('exit', over);
    child.once('error', over);
    child.unref();
    child.channel?.unref();
    return helper;
  }

  #rest(pid: number, helper: Helper): void {
    if (this.#helpers.get(pid) !== helper) return;
    helper.idle?.cancel();
    helper.idle = this.#options.clock.after('podman: nobody connects into a pod', this.#options.idleMs ?? 10_000, () => {
      this.#helpers.delete(pid);
      helper.child.kill('SIGKILL');
    });
  }
}
