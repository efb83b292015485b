import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { containerBody } from '@flotilla/agent/runtime/podman/container-body.js';
import { readHostFacts } from '@flotilla/agent/runtime/podman/host-facts.js';
import { LibpodClient } from '@flotilla/agent/runtime/podman/libpod-client.js';
import { podmanRunDir } from '@flotilla/agent/runtime/podman/podman-runtime.js';
import { sandboxBody } from '@flotilla/agent/runtime/podman/sandbox-body.js';
import type { ContainerSpec, SandboxSpec, SandboxState } from '@flotilla/agent/runtime/types.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import type { Board } from '../harness/board.ts';

/** Within the board's /26, far from the addresses that the agent gives first; nobody has them while the bare pods run. */
const firstAddress = 40;

/**
 * The calls the agent makes for a pod of one container and nothing else, to the podman service it uses: same network, mounts,
 * environment and limits. The pods belong to nobody, so the agent leaves them alone.
 */
export class BarePodman {
  readonly #client: LibpodClient;
  readonly #dir: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #image: string;
  readonly #network: string;
  readonly #facts = readHostFacts();
  readonly #address: (n: number) => string;

  private constructor(
    board: Board,
    client: LibpodClient,
    seen: { image: string; network: string; address: (n: number) => string; env: Record<string, string> },
  ) {
    this.#client = client;
    this.#dir = join(board.place.dir, 'bare');
    this.#image = seen.image;
    this.#network = seen.network;
    this.#address = seen.address;
    this.#env = seen.env;
  }

  /** Learns image, network and addresses from a container that the agent made. */
  static async like(board: Board, containerId: string): Promise<BarePodman> {
    const socketPath = join(podmanRunDir(board.dataDir, board.place.env), 'podman.sock');
    const client = new LibpodClient({ socketPath, clock: new SystemClock() });
    const container = (await client.call('GET', `/containers/${containerId}/json`)).body as {
      Image: string;
      Config: { Env: string[] };
    };
    const networks = (await client.call('GET', '/networks/json')).body as { name: string; subnets?: { subnet: string }[] }[];
    const own = networks.find((network) => network.name !== 'podman');
    if (!own) throw new Error('the agent has no network in podman');
    const [a, b, c, d] = (own.subnets?.[0]?.subnet ?? '').split(/[./]/).map(Number);
    const address = (n: number): string => [a, b, c, (d ?? 0) + firstAddress + n].join('.');
    const env = Object.fromEntries(container.Config.Env.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]));
    return new BarePodman(board, client, { image: `sha256:${container.Image}`, network: own.name, address, env });
  }

  /** Milliseconds until `count` pods run, `atOnce` of them under way at a time; removes them afterwards. */
  async time(count: number, atOnce: number): Promise<number> {
    const pods = await Promise.all(Array.from({ length: count }, (_, n) => this.#prepare(n)));
    const ids: string[] = [];
    const beganMs = performance.now();
    const next = pods[Symbol.iterator]();
    const worker = async (): Promise<void> => {
      for (const pod of next) ids.push(await this.#start(pod));
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    const tookMs = performance.now() - beganMs;
    for (const id of ids) {
      await this.#client.call('POST', `/pods/${id}/kill`, { query: { signal: 'KILL' }, accept: [404, 409, 500] });
      await this.#client.call('DELETE', `/pods/${id}`, { query: { force: 'true', timeout: '0' }, timeoutMs: 60_000 });
    }
    await rm(this.#dir, { recursive: true, force: true });
    return tookMs;
  }

  close(): void {
    this.#client.close();
  }

  /** The files that are mounted: making them is the agent's work, not podman's. */
  async #prepare(n: number): Promise<{ spec: SandboxSpec; folder: string; ip: string }> {
    const name = `bare-${n}`;
    const folder = join(this.#dir, name);
    await mkdir(join(folder, 'token'), { recursive: true });
    for (const file of ['hosts', 'message', 'token/token']) await writeFile(join(folder, file), '');
    const spec: SandboxSpec = {
      ...{ namespace: 'bench', name, uid: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`, hostname: name, labels: {} },
      ...{ hostNetwork: false, hostPid: false, hostIpc: false, sharePid: false, ip: undefined, ports: [], hostAliases: [], sysctls: {} },
      dns: undefined,
    };
    return { spec, folder, ip: this.#address(n) };
  }

  async #start({ spec, folder, ip }: { spec: SandboxSpec; folder: string; ip: string }): Promise<string> {
    const owner = 'bench';
    const place = { owner, createdWallMs: 0, ip, network: this.#network };
    const { Id: id } = (await this.#client.call('POST', '/pods/create', { body: sandboxBody(spec, place), timeoutMs: 60_000 })).body as {
      Id: string;
    };
    await this.#client.call('POST', `/pods/${id}/start`, { timeoutMs: 60_000 });
    const sandbox: SandboxState = { ...spec, id, ready: true, ip, createdWallMs: 0, containers: [] };
    const body = containerBody(sandbox, this.#container(folder), {
      ...{
        owner,
        logPath: join(folder, 'log'),
        logMaxBytes: 10 << 20,
        hostsPath: join(folder, 'hosts'),
        hostNamespaces: [],
        imageUser: '',
      },
      limits: { memory: this.#facts.memoryController, swap: this.#facts.swapAccounting, cpu: this.#facts.cpuController },
    });
    const made = (await this.#client.call('POST', '/containers/create', { body, timeoutMs: 60_000 })).body as { Id: string };
    await this.#client.call('POST', `/containers/${made.Id}/start`, { timeoutMs: 60_000 });
    return id;
  }

  #container(folder: string): ContainerSpec {
    return {
      ...{ name: 'main', attempt: 0, hash: 'bench', image: this.#image, command: ['sleep', '3600'], args: undefined, env: this.#env },
      workingDir: undefined,
      mounts: [
        { hostPath: join(folder, 'token'), containerPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
        { hostPath: join(folder, 'message'), containerPath: '/dev/termination-log', readOnly: false },
      ],
      ...{ cpuLimitMillis: 100, cpuRequestMillis: 10, memoryLimitBytes: 32 << 20, tty: false, stdin: false },
      ...{ runAsUser: undefined, runAsGroup: undefined, supplementalGroups: [], readOnlyRootFilesystem: false, privileged: false },
      ...{ allowPrivilegeEscalation: true, capabilitiesAdd: [], capabilitiesDrop: [], terminationMessagePath: undefined },
    };
  }
}
