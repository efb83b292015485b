import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { Listeners } from '@flotilla/shared/platform/listeners.js';
import type { PodStream } from '@flotilla/shared/protocol/stream-messages.js';
import type { RuntimeLogOptions } from '../log-filter.ts';
import type { AttachRequest, ExecRequest, SandboxSpec, SandboxState } from '../types.ts';
import { type ContainerSpec, type ContainerState, type ImageState, type RegistryAuth, type Runtime, RuntimeError } from '../types.ts';
import { containerBody } from './container-body.ts';
import { ExitWatch } from './exit-watch.ts';
import { type HostFacts, readHostFacts } from './host-facts.ts';
import { readK8sLog } from './k8s-log-file.ts';
import { changedMeanwhile, type LibpodAnswer, type LibpodCall, LibpodClient, LibpodError } from './libpod-client.ts';
import type { LibpodContainer, LibpodInspect, LibpodPod } from './libpod-types.ts';
import { containerName, podmanLabels, shortHash } from './pod-names.ts';
import { PodNetwork } from './pod-network.ts';
import { PodmanImages } from './podman-images.ts';
import { PodmanIndex } from './podman-index.ts';
import { PodmanService } from './podman-service.ts';
import { PodmanStreams } from './podman-streams.ts';
import { preflight, shortcomings } from './preflight.ts';
import { isIn } from './process-table.ts';
import { podListeners } from './rootless-listeners.ts';
import { SandboxMaker } from './sandbox-maker.ts';
import { containerState, inspectedContainer, inspectedTimes, listedKey, sandboxStates, statusOf } from './sandbox-states.ts';
import { UnnoticedEnds } from './unnoticed-ends.ts';

export interface PodmanRuntimeOptions {
  readonly clock: Clock;
  readonly exec: Exec;
  readonly log: Logger;
  /** Kept across reboots: container logs and hosts files, below `sandboxes/UID`. Absolute. */
  readonly dataDir: string;
  /** For the API socket; `podmanRunDir(dataDir)` is a good one. */
  readonly runDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Storage of one's own instead of the caller's default: several boards on one machine. */
  readonly storage?: { readonly root: string; readonly runroot: string; readonly tmpdir: string; readonly networkConfigDir: string };
  /** Whose pods these are, when several agents share one podman; by default each data directory is somebody. */
  readonly owner?: string;
  /** Where a container's log begins anew; 10 MiB (the kubelet's containerLogMaxSize) when left out. */
  readonly logMaxBytes?: number;
  readonly pullTimeoutMs?: number;
  readonly facts?: HostFacts;
}

const createTimeoutMs = 120_000;
const graceRoomMs = 30_000;
const inspectAtOnce = 4;
/** How often, and after how long, a look that something's end has spoilt is taken again. */
const lookAgain = 40;
const lookAgainMs = 25;
const removeAgain = 4;

/** Pods with podman, through its REST API. How it works and how it fails: agent/docs/runtime.md. */
export class PodmanRuntime implements Runtime {
  readonly name = 'podman';
  readonly #options: PodmanRuntimeOptions;
  readonly #facts: HostFacts;
  readonly #owner: string;
  readonly #service: PodmanService;
  readonly #client: LibpodClient;
  readonly #network: PodNetwork;
  readonly #images: PodmanImages;
  readonly #exits = new ExitWatch((id) => this.#notify(this.#index.uidOf(id) || undefined));
  readonly #watchers = new Set<(podUid: string | undefined) => void>();
  readonly #index = new PodmanIndex();
  readonly #maker: SandboxMaker;
  readonly #unnoticed: UnnoticedEnds;
  readonly #streams: PodmanStreams;
  readonly listeners: Listeners | undefined;
  #swept: Promise<void> | undefined;

  constructor(options: PodmanRuntimeOptions) {
    this.#options = options;
    this.#facts = options.facts ?? readHostFacts(options.env['PATH']);
    this.#owner = options.owner ?? shortHash(options.dataDir, 12);
    const { clock, exec, log, dataDir, runDir, env, storage } = options;
    const flags = storage
      ? ['--root', storage.root, '--runroot', storage.runroot, '--tmpdir', storage.tmpdir, '--network-config-dir', storage.networkConfigDir]
      : [];
    this.#service = new PodmanService({
      clock,
      exec,
      log,
      facts: this.#facts,
      dataDir,
      runDir,
      flags,
      env,
      onRestarted: () => this.#notify(undefined),
    });
    this.#client = new LibpodClient({ socketPath: this.#service.socketPath, clock });
    this.#network = new PodNetwork(this.#client, this.#owner);
    this.#images = new PodmanImages(this.#client, { pullTimeoutMs: options.pullTimeoutMs ?? 3_600_000 });
    this.#maker = new SandboxMaker({
      clock,
      owner: this.#owner,
      network: this.#network,
      index: this.#index,
      call: (method, path, call) => this.#call(method, path, call),
      list: (signal) => this.list(signal),
      remove: (id, signal) => this.removeSandbox(id, signal),
      folderOf: (uid) => this.#sandboxDir(uid),
    });
    this.#streams = new PodmanStreams({
      ...{ clock, exec, log, runDir },
      facts: this.#facts,
      socketPath: this.#service.socketPath,
      inspect: (id, signal) => this.#inspect(id, signal),
      call: (method, path, call) => this.#call(method, path, call),
    });
    this.listeners = podListeners({
      clock,
      facts: this.#facts,
      running: async () => (await this.#call('GET', '/containers/json')).body as LibpodContainer[],
      inspect: (id) => this.#inspect(id, undefined),
    });
    this.#unnoticed = new UnnoticedEnds({ clock, inspect: (id) => this.#inspect(id, undefined) });
  }

  async version(): Promise<string> {
    await this.#service.ready();
    return `podman://${this.#service.version || 'unknown'}`;
  }

  preflight(look: 'thorough' | 'quick' = 'thorough'): Promise<readonly string[]> {
    for (const shortcoming of shortcomings(this.#facts)) this.#options.log.warn(shortcoming);
    return preflight(this.#facts, look === 'thorough' ? this.#options.exec : undefined);
  }

  begin(): void {
    this.#service.begin();
  }

  async start(signal?: AbortSignal): Promise<void> {
    await mkdir(this.#options.dataDir, { recursive: true });
    await Promise.all([this.#service.start(signal), this.#streams.sweep()]);
  }

  async close(): Promise<void> {
    this.#exits.stop();
    this.#watchers.clear();
    await this.#streams.close();
    this.#client.close();
    await this.#service.stop();
  }

  async setPodCidr(podCIDR: string, signal?: AbortSignal): Promise<void> {
    await this.#service.ready();
    await this.#network.use(podCIDR, signal);
  }

  async list(signal?: AbortSignal): Promise<readonly SandboxState[]> {
    const states = await this.#list(signal);
    this.#swept ??= this.#sweep(states);
    await this.#swept;
    return states;
  }

  /** Clears away what is left of pods whose removal was cut short after podman had done its part; nobody makes any before the first list. */
  async #sweep(states: readonly SandboxState[]): Promise<void> {
    const uids = new Set(states.map((sandbox) => sandbox.uid));
    for (const uid of await readdir(join(this.#options.dataDir, 'sandboxes')).catch(() => [])) {
      if (!uids.has(uid)) await rm(this.#sandboxDir(uid), { recursive: true, force: true });
    }
  }

  async #list(signal: AbortSignal | undefined): Promise<readonly SandboxState[]> {
    const filters = JSON.stringify({ label: [`${podmanLabels.owner}=${this.#owner}`] });
    const [pods, containers] = await Promise.all([
      this.#look('/pods/json', { query: { filters }, signal }).then(({ body }) => (body ?? []) as LibpodPod[]),
      this.#look('/containers/json', { query: { filters, all: 'true' }, signal }).then(({ body }) => (body ?? []) as LibpodContainer[]),
    ]);
    await this.#learnTimes(containers, signal);
    const states = sandboxStates(pods, await this.#unnoticed.correct(containers), this.#index.times);
    this.#index.fill(states, pods, containers);
    return states;
  }

  watch(onChange: (podUid: string | undefined) => void): { stop(): void } {
    this.#watchers.add(onChange);
    return { stop: () => this.#watchers.delete(onChange) };
  }

  createSandbox(spec: SandboxSpec, signal?: AbortSignal): Promise<SandboxState> {
    return this.#maker.create(spec, signal);
  }

  async createContainer(sandbox: SandboxState, spec: ContainerSpec, signal?: AbortSignal): Promise<ContainerState> {
    const folder = join(this.#sandboxDir(sandbox.uid), spec.name);
    await mkdir(folder, { recursive: true });
    const imageUser = spec.runAsGroup !== undefined && spec.runAsUser === undefined ? ((await this.image(spec.image))?.user ?? '') : '';
    const { memoryController, cpuController, swapAccounting } = this.#facts;
    const body = containerBody(sandbox, spec, {
      owner: this.#owner,
      logPath: join(folder, `${spec.attempt}.log`),
      logMaxBytes: this.#options.logMaxBytes ?? 10 << 20,
      hostsPath: join(this.#sandboxDir(sandbox.uid), 'hosts'),
      limits: { memory: memoryController, swap: memoryController && swapAccounting, cpu: cpuController },
      hostNamespaces: this.#index.hostNamespacesOf(sandbox.uid),
      imageUser,
      targetPid: spec.targetContainerId === undefined ? undefined : await this.#pidOf(spec.targetContainerId, signal),
    });
    const id = await this.#createOrFind(sandbox, spec, body, signal);
    this.#index.belongs(id, sandbox.uid);
    await this.#call('POST', `/containers/${id}/start`, { accept: [304], timeoutMs: createTimeoutMs, signal }).catch((error: unknown) => {
      throw failed('RunContainerError', error);
    });
    const inspected = await this.#inspect(id, signal);
    if (!inspected) throw new RuntimeError('NotFound', `container ${id} is gone`);
    if (!this.#exits.watching) {
      await this.#exits.learn(inspected.State.ConmonPid);
      // It may have ended before anybody watched.
      this.#notify(sandbox.uid);
    }
    const times = inspectedTimes(inspected);
    this.#index.times.set(id, times);
    return containerState(inspectedContainer(inspected, sandbox.id), times);
  }

  async stopContainer(id: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    const query = { timeout: String(graceSeconds) };
    const timeoutMs = graceSeconds * 1000 + graceRoomMs;
    await this.#call('POST', `/containers/${id}/stop`, { query, timeoutMs, signal, accept: [304, 404] });
  }

  async removeContainer(id: string, signal?: AbortSignal): Promise<void> {
    const inspected = await this.#inspect(id, signal);
    if (!inspected) return;
    const logPath = inspected.HostConfig.LogConfig.Path;
    if (statusOf(inspected.State.Status) === 'running') {
      await this.#call('POST', `/containers/${id}/kill`, { query: { signal: 'KILL' }, signal, accept: [404, 409, 500] });
    }
    await this.#remove(`/containers/${id}`, { force: 'true', v: 'true', timeout: '0' }, signal);
    if (logPath) await rm(logPath, { force: true });
    this.#index.times.delete(id);
  }

  async cgroupOf({ id }: SandboxState): Promise<string> {
    const { body } = await this.#call('GET', `/pods/${id}/json`);
    const { CgroupPath: path } = body as { CgroupPath?: string };
    if (!path) throw new RuntimeError('Failed', 'podman gives pods no cgroup of their own here');
    return path.startsWith('/') ? path : `/${path}`;
  }

  async removeSandbox(id: string, signal?: AbortSignal): Promise<void> {
    const uid = this.#index.uidOf(id) ?? (await this.list(signal)).find((sandbox) => sandbox.id === id)?.uid;
    // Removing by force alone waits some 15 s for a stop that somebody began and gave up.
    await this.#call('POST', `/pods/${id}/kill`, {
      query: { signal: 'KILL' },
      timeoutMs: createTimeoutMs,
      signal,
      accept: [404, 409, 500],
    });
    await this.#remove(`/pods/${id}`, { force: 'true', timeout: '0' }, signal);
    if (!uid) return;
    this.#index.forget(uid);
    await rm(this.#sandboxDir(uid), { recursive: true, force: true });
  }

  async image(reference: string): Promise<ImageState | undefined> {
    await this.#service.ready();
    return this.#images.find(reference);
  }

  async images(): Promise<readonly ImageState[]> {
    await this.#service.ready();
    return this.#images.list();
  }

  async pullImage(reference: string, auth: RegistryAuth | undefined, signal?: AbortSignal): Promise<ImageState> {
    await this.#service.ready();
    return this.#images.pull(reference, auth, signal);
  }

  async *logs(containerId: string, options: RuntimeLogOptions, signal: AbortSignal): AsyncIterable<Buffer> {
    const inspected = await this.#inspect(containerId, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      return undefined;
    });
    if (signal.aborted) return;
    if (!inspected) throw new RuntimeError('NotFound', `container ${containerId} is not there`);
    const source = {
      path: inspected.HostConfig.LogConfig.Path,
      nowWallMs: this.#options.clock.wallMs(),
      // Without the caller's signal: the reader looks at that itself, and ends without an error.
      ended: async () =>
        this.#unnoticed.has(containerId) || statusOf((await this.#inspect(containerId, undefined))?.State.Status ?? 'exited') === 'exited',
      onMaybeEnded: (wake: () => void) => this.#exits.listen(containerId, wake),
    };
    yield* readK8sLog(source, options, signal);
  }

  exec(containerId: string, request: ExecRequest, signal: AbortSignal): Promise<PodStream> {
    return this.#streams.exec(containerId, request, signal);
  }

  attach(containerId: string, request: AttachRequest, signal: AbortSignal): Promise<PodStream> {
    return this.#streams.attach(containerId, request, signal);
  }

  connect(sandbox: SandboxState, port: number, signal: AbortSignal): Promise<PodStream> {
    return this.#streams.connect(sandbox, port, signal);
  }

  /** Of a container's own process. @throws RuntimeError CreateContainerError when it does not run */
  async #pidOf(containerId: string, signal: AbortSignal | undefined): Promise<number> {
    const pid = (await this.#inspect(containerId, signal))?.State.Pid;
    if (!pid || !(await isIn(containerId, pid))) throw new RuntimeError('CreateContainerError', `container ${containerId} does not run`);
    return pid;
  }

  async #createOrFind(sandbox: SandboxState, spec: ContainerSpec, body: unknown, signal: AbortSignal | undefined): Promise<string> {
    try {
      const created = await this.#call('POST', '/containers/create', { body, timeoutMs: createTimeoutMs, signal });
      return (created.body as { Id: string }).Id;
    } catch (error) {
      if (!(error instanceof LibpodError)) throw error;
      if (/already in use/.test(error.message)) {
        const there = await this.#inspect(containerName(sandbox, spec.name, spec.attempt), signal);
        if (there) return there.Id;
      }
      if (/image not known|no such image/i.test(error.message)) throw new RuntimeError('ImageNotFound', error.message, { cause: error });
      if (/no such pod/.test(error.message)) throw new RuntimeError('NotFound', error.message, { cause: error });
      throw failed('CreateContainerError', error);
    }
  }

  async #inspect(idOrName: string, signal: AbortSignal | undefined): Promise<LibpodInspect | undefined> {
    const { status, body } = await this.#look(`/containers/${idOrName}/json`, { signal, accept: [404] });
    return status === 404 ? undefined : (body as LibpodInspect);
  }

  /**
   * Inspects each container that has ended, once: the list has whole seconds and does not tell of lack of memory. One that runs is inspected
   * only to learn where exits are told of; its milliseconds the pod's record has.
   */
  async #learnTimes(containers: readonly LibpodContainer[], signal: AbortSignal | undefined): Promise<void> {
    const stale = containers.filter(
      (one) =>
        !one.IsInfra && !['created', 'running'].includes(statusOf(one.State)) && this.#index.times.get(one.Id)?.key !== listedKey(one),
    );
    const running = containers.filter(isRunning)[Symbol.iterator]();
    const next = stale[Symbol.iterator]();
    const learn = async (): Promise<void> => {
      for (const { Id: id } of running) {
        if (this.#exits.watching) return;
        await this.#exits.learn((await this.#inspect(id, signal))?.State.ConmonPid);
      }
    };
    const worker = async (): Promise<void> => {
      for (const container of next) {
        const inspected = await this.#inspect(container.Id, signal);
        if (inspected) this.#index.times.set(container.Id, inspectedTimes(inspected));
      }
    };
    await Promise.all([learn(), ...Array.from({ length: Math.min(inspectAtOnce, stale.length) }, worker)]);
  }

  /** Of a process that ended unnoticed podman learns only when it fails to kill it: then it can remove it, and then what held it. */
  async #remove(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal | undefined): Promise<void> {
    for (let again = removeAgain; ; again -= 1) {
      try {
        await this.#call('DELETE', path, { query, timeoutMs: createTimeoutMs, signal, accept: [404] });
        return;
      } catch (error) {
        if (again === 0 || !(error instanceof LibpodError && /container state improper/.test(error.message))) throw error;
      }
    }
  }

  async #look(path: string, options: LibpodCall): Promise<LibpodAnswer> {
    for (let again = lookAgain; ; again -= 1) {
      try {
        return await this.#call('GET', path, options);
      } catch (error) {
        if (again === 0 || !changedMeanwhile(error)) throw error;
        await this.#options.clock.sleep('podman: a container is ending', lookAgainMs);
      }
    }
  }

  async #call(method: 'GET' | 'POST' | 'DELETE', path: string, options: LibpodCall = {}): Promise<LibpodAnswer> {
    if (options.signal?.aborted) throw new RuntimeError('Aborted', 'the call was aborted', { cause: options.signal.reason });
    await this.#service.ready();
    return this.#client.call(method, path, options);
  }

  #notify(podUid: string | undefined): void {
    for (const watcher of this.#watchers) watcher(podUid);
  }

  #sandboxDir(uid: string): string {
    return join(this.#options.dataDir, 'sandboxes', uid);
  }
}

/** A folder in memory for this data directory's socket. */
export function podmanRunDir(dataDir: string, env: Readonly<Record<string, string | undefined>>): string {
  const base = process.getuid?.() === 0 ? '/run' : (env['XDG_RUNTIME_DIR'] ?? `/tmp/flotilla-${process.getuid?.()}`);
  return join(base, 'flotilla', shortHash(dataDir, 12));
}

function isRunning(container: LibpodContainer): boolean {
  return statusOf(container.State) === 'running';
}

function failed(reason: 'CreateContainerError' | 'RunContainerError', error: unknown): unknown {
  return error instanceof LibpodError ? new RuntimeError(reason, error.message, { cause: error }) : error;
}
