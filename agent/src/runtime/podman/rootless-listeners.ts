import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { type Listener, type Listeners, SystemListeners } from '@flotilla/shared/platform/listeners.js';
import type { HostFacts } from './host-facts.ts';
import type { LibpodContainer, LibpodInspect } from './libpod-types.ts';
import { inUsersOf, isCarrier } from './oci-command.ts';

interface RootlessListenersOptions {
  readonly clock: Clock;
  readonly nsenter: string;
  /** Containers that run now, whoever's. */
  readonly running: () => Promise<readonly LibpodContainer[]>;
  readonly inspect: (id: string) => Promise<LibpodInspect | undefined>;
}

/** Where pods connect to this agent; undefined where it cannot reach their network. */
export function podListeners(options: Omit<RootlessListenersOptions, 'nsenter'> & { readonly facts: HostFacts }): Listeners | undefined {
  const { isRoot, found } = options.facts;
  if (isRoot) return new SystemListeners();
  return found.nsenter === undefined ? undefined : new RootlessListeners({ ...options, nsenter: found.nsenter });
}

/** The network that podman keeps for the bridges of a user without root. */
interface UserNetwork {
  /** As the kernel names the namespace: `net:[4026532327]`. */
  readonly id: string;
  /** Where it is mounted in podman's own namespace of mounts. */
  readonly path: string;
}

/** A conmon, which is in the namespaces of users and mounts that podman made for this user. */
interface Carrier {
  readonly pid: number;
  readonly containerId: string;
}

const loopback = '127.0.0.1';
const startWithinMs = 10_000;

/** What runs in that network for a moment: listens there and hands the listening socket over (Node passes sockets between processes). */
const program = `
const server = require('node:net').createServer((socket) => socket.destroy());
process.on('disconnect', () => process.exit(0));
server.on('error', ({ code, message }) => process.send({ code, message }));
server.listen({ host: process.argv[1], port: Number(process.argv[2]) }, () => process.send({}, server));
`;

/**
 * Takes connections where the pods of a user without root are: on a bridge in a network that podman makes with the first of them, and
 * takes away with the last. On loopback it takes those of this machine.
 */
class RootlessListeners implements Listeners {
  readonly #options: RootlessListenersOptions;
  readonly #own = new SystemListeners();
  #carrier: Carrier | undefined;

  constructor(options: RootlessListenersOptions) {
    this.#options = options;
  }

  /** @throws Error with the system's code: EADDRNOTAVAIL also where there is no such network yet */
  async listen(at: { readonly host: string; readonly port: number }, accept: (connection: Duplex) => void): Promise<Listener> {
    if (at.host === loopback) return this.#own.listen(at, accept);
    // One user may have more than one podman: only on the network of this one is there such an address.
    for (const network of await this.#networks()) {
      const server = await this.#listenIn(network, at).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'EADDRNOTAVAIL') return undefined;
        throw error;
      });
      if (!server) continue;
      server.on('connection', (socket: Socket) => {
        // Either side may have said all it has to say while the other goes on.
        socket.allowHalfOpen = true;
        socket.setNoDelay(true);
        socket.on('error', () => socket.destroy());
        accept(socket);
      });
      server.on('error', () => {});
      server.unref();
      const isThere = (now: readonly UserNetwork[]): boolean => now.some(({ id }) => id === network.id);
      // When podman cannot tell, it is what it was.
      const current = (): Promise<boolean> => this.#networks().then(isThere, () => true);
      return { current, close: () => void server.close() };
    }
    throw Object.assign(new Error(`listen EADDRNOTAVAIL: address not available ${at.host}:${at.port}`), { code: 'EADDRNOTAVAIL' });
  }

  async #networks(): Promise<readonly UserNetwork[]> {
    const carrier = await this.#living();
    if (!carrier) return [];
    return userNetworks(await readFile(`/proc/${carrier.pid}/mountinfo`, 'utf8').catch(() => ''));
  }

  async #living(): Promise<Carrier | undefined> {
    const { running, inspect } = this.#options;
    if (this.#carrier && (await isCarrier(this.#carrier.pid, this.#carrier.containerId))) return this.#carrier;
    this.#carrier = undefined;
    for (const { Id: containerId } of await running()) {
      const pid = (await inspect(containerId))?.State.ConmonPid ?? 0;
      if (pid > 0 && (await isCarrier(pid, containerId))) {
        this.#carrier = { pid, containerId };
        break;
      }
    }
    return this.#carrier;
  }

  async #listenIn({ path }: UserNetwork, { host, port }: { readonly host: string; readonly port: number }): Promise<Server> {
    const { clock, nsenter } = this.#options;
    const carrier = this.#carrier;
    if (!carrier) throw new Error('nothing runs in the pod network');
    const inside = [...inUsersOf(carrier.pid), `--net=/proc/${carrier.pid}/root${path}`];
    const args = [...inside, process.execPath, '--disable-warning=ExperimentalWarning', '-e', program, host, String(port)];
    const child = spawn(nsenter, args, { cwd: '/', env: {}, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const timer = clock.after('podman: listens in the pod network', startWithinMs, () => child.kill('SIGKILL'));
    try {
      return await handedOver(child);
    } finally {
      timer.cancel();
      child.kill('SIGKILL');
    }
  }
}

function handedOver(child: ChildProcess): Promise<Server> {
  return new Promise((resolve, reject) => {
    child.once('message', ({ code, message }: { code?: string; message?: string }, server) => {
      if (server instanceof Server) resolve(server);
      else reject(Object.assign(new Error(message), { code }));
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error("the pods' network cannot be entered")));
  });
}

/** Those that `/proc/PID/mountinfo` (proc_pid_mountinfo(5)) shows, the newest first. */
export function userNetworks(mountinfo: string): UserNetwork[] {
  const found: UserNetwork[] = [];
  for (const line of mountinfo.split('\n')) {
    const [, , , id = '', path = ''] = line.split(' ');
    // podman 4 has netns/rootless-netns-HASH, podman 5 rootless-netns/rootless-netns.
    if (id.startsWith('net:[') && path.includes('/rootless-netns')) found.unshift({ id, path: path.replace(/\\([0-7]{3})/g, unescaped) });
  }
  return found;
}

function unescaped(_: string, octal: string): string {
  return String.fromCharCode(Number.parseInt(octal, 8));
}
