import { createHash } from 'node:crypto';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { PodStream } from '@flotilla/shared/protocol/stream-messages.js';
import { AddressPool } from '../address-pool.ts';
import { isImageId, parseImageReference } from '../image-reference.ts';
import { LogFilter, type RuntimeLogOptions } from '../log-filter.ts';
import type { AttachRequest, ExecRequest, SandboxSpec, SandboxState } from '../types.ts';
import { type ContainerSpec, type ContainerState, type ImageState, type RegistryAuth, type Runtime, RuntimeError } from '../types.ts';
import { behaviourFromEnv, type FakeBehaviour, type FakeImage } from './fake-behaviour.ts';
import { FakeContainer } from './fake-container.ts';
import { type FakeProgram, type FakeProgramIo, fakeStream, refused } from './fake-streams.ts';

interface FakeSandbox {
  readonly id: string;
  readonly spec: SandboxSpec;
  readonly ip: string | undefined;
  readonly createdWallMs: number;
  ready: boolean;
  readonly containers: Map<string, FakeContainer>;
}

export interface FakeRuntimeOptions {
  readonly clock: Clock;
  /** What is known of images, by name. Any other valid name can be pulled at once and runs for ever. */
  readonly images?: Readonly<Record<string, FakeImage>>;
  /** What every container does unless its image or its environment says otherwise. */
  readonly behaviour?: FakeBehaviour;
  readonly observer?: FakeRuntimeObserver;
  /** What can be executed in its containers beside `fakePrograms`. */
  readonly programs?: Readonly<Record<string, FakeProgram>>;
  /** What answers on the ports of its pods; the pod's uid is the first argument. */
  readonly servers?: Readonly<Record<number, FakeProgram>>;
}

/** Told as it happens, with the pod the container belongs to. */
export interface FakeRuntimeObserver {
  started?(pod: SandboxSpec, container: ContainerState): void;
  /** The agent ends a container that runs. */
  stopping?(pod: SandboxSpec, container: ContainerState): void;
  /** However it came to its end. */
  ended?(pod: SandboxSpec, container: ContainerState): void;
}

/**
 * Containers that exist in memory only, with the same rules as real ones. It outlives the agent: hand the same object to the next
 * agent and it finds its containers. What a container does is scripted by image (`images`, `script`) or by its environment.
 */
export class FakeRuntime implements Runtime {
  readonly name = 'fake';
  /** How often each container was started, by `namespace/pod/container`. */
  readonly starts = new Map<string, number>();
  /** How often each image was asked of its registry, by canonical name. */
  readonly pulls = new Map<string, number>();
  /** Programs that were executed and still run, clients attached, connections to pods. */
  openStreams = 0;
  readonly #clock: Clock;
  readonly #observer: FakeRuntimeObserver;
  readonly #programs: Readonly<Record<string, FakeProgram>>;
  readonly #servers: Readonly<Record<number, FakeProgram>>;
  readonly #behaviour: FakeBehaviour;
  readonly #scripts = new Map<string, FakeImage>();
  readonly #images = new Map<string, ImageState>();
  readonly #sandboxes = new Map<string, FakeSandbox>();
  readonly #watchers = new Set<(podUid: string | undefined) => void>();
  readonly #logListeners = new Set<() => void>();
  readonly #failures = new Map<string, Error[]>();
  #pool: AddressPool | undefined;
  #started = false;
  #lastId = 0;

  constructor(options: FakeRuntimeOptions) {
    this.#clock = options.clock;
    this.#observer = options.observer ?? {};
    this.#programs = options.programs ?? {};
    this.#servers = options.servers ?? {};
    this.#behaviour = options.behaviour ?? {};
    for (const [name, image] of Object.entries(options.images ?? {})) this.script(name, image);
  }

  // What tests do to it.

  /** From now on the image is, and does, this. */
  script(reference: string, image: FakeImage): void {
    const { canonical } = parseImageReference(reference);
    this.#scripts.set(canonical, image);
    if (image.present) this.#keepImage(canonical, image);
  }

  /** The next call of the method fails with this; call it again for more. */
  failNext(method: keyof Runtime, error: Error): void {
    this.#failures.set(method, [...(this.#failures.get(method) ?? []), error]);
  }

  /** The container ends as if it had been killed from outside. */
  kill(containerId: string, exitCode = 137, oomKilled = false): void {
    this.#container(containerId)?.container.exit(exitCode, oomKilled);
  }

  /** Writes to the container's log. */
  write(containerId: string, text: string): void {
    this.#container(containerId)?.container.write(text);
  }

  /** The board lost power: no process is left, everything else is. */
  reboot(): void {
    for (const sandbox of this.#sandboxes.values()) {
      sandbox.ready = false;
      for (const container of sandbox.containers.values()) container.exit(137);
    }
  }

  /** Every container there is, whether an agent runs or not. */
  containers(): { readonly pod: SandboxSpec; readonly container: ContainerState }[] {
    return [...this.#sandboxes.values()].flatMap(({ spec, containers }) =>
      [...containers.values()].map((container) => ({ pod: spec, container: container.state() })),
    );
  }

  removeImage(reference: string): void {
    this.#images.delete(parseImageReference(reference).canonical);
  }

  // What the agent does with it.

  async version(): Promise<string> {
    return 'fake://1.0.0';
  }

  async preflight(): Promise<readonly string[]> {
    return [];
  }

  async start(): Promise<void> {
    this.#failIfTold('start');
    this.#started = true;
  }

  async close(): Promise<void> {
    this.#started = false;
    this.#watchers.clear();
  }

  async setPodCidr(podCIDR: string): Promise<void> {
    this.#enter('setPodCidr');
    if (this.#pool?.subnet !== podCIDR) this.#pool = new AddressPool(podCIDR);
  }

  async list(signal?: AbortSignal): Promise<readonly SandboxState[]> {
    this.#enter('list', signal);
    return [...this.#sandboxes.values()].map(sandboxState);
  }

  watch(onChange: (podUid: string | undefined) => void): { stop(): void } {
    this.#watchers.add(onChange);
    return { stop: () => this.#watchers.delete(onChange) };
  }

  async createSandbox(spec: SandboxSpec, signal?: AbortSignal): Promise<SandboxState> {
    this.#enter('createSandbox', signal);
    const existing = [...this.#sandboxes.values()].find((sandbox) => sandbox.spec.uid === spec.uid);
    if (existing) return sandboxState(existing);
    const ip = spec.hostNetwork ? undefined : this.#takeAddress(spec.ip);
    const sandbox = { id: this.#newId(), spec, ip, createdWallMs: this.#clock.wallMs(), ready: true, containers: new Map() };
    this.#sandboxes.set(sandbox.id, sandbox);
    this.#notify(spec.uid);
    return sandboxState(sandbox);
  }

  async createContainer(sandboxState: SandboxState, spec: ContainerSpec, signal?: AbortSignal): Promise<ContainerState> {
    this.#enter('createContainer', signal);
    const sandbox = this.#sandboxes.get(sandboxState.id);
    if (!sandbox?.ready) throw new RuntimeError('NotFound', `sandbox ${sandboxState.id} is not there`);
    const image = this.#findImage(spec.image);
    if (!image) throw new RuntimeError('ImageNotFound', `${spec.image}: image not known`);
    const { targetContainerId: target } = spec;
    if (target !== undefined && !this.#container(target)?.container.running)
      throw new RuntimeError('CreateContainerError', `container ${target} does not run`);
    const container = this.#createOrAdopt(sandbox, spec, image);
    if (container.state().status !== 'created') return container.state();
    const { startMs, startError } = container.behaviour;
    if (startMs !== undefined) await this.#wait('fake container starts', startMs, signal);
    if (startError !== undefined) throw new RuntimeError('RunContainerError', startError);
    const key = `${sandbox.spec.namespace}/${sandbox.spec.name}/${spec.name}`;
    this.starts.set(key, (this.starts.get(key) ?? 0) + 1);
    container.start();
    this.#observer.started?.(sandbox.spec, container.state());
    return container.state();
  }

  async stopContainer(id: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    this.#enter('stopContainer', signal);
    const { container, sandbox } = this.#container(id) ?? {};
    if (!container?.running || !sandbox) return;
    this.#observer.stopping?.(sandbox.spec, container.state());
    const onTerm = container.behaviour.onTerm ?? 143;
    if (graceSeconds === 0) return container.exit(137);
    if (onTerm !== 'ignore') return container.exit(onTerm);
    const ended = new AbortController();
    const either = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
    void container.untilExit().then(() => ended.abort());
    await this.#clock.sleep('fake container grace', graceSeconds * 1000, either).catch(() => {});
    if (signal?.aborted) throw aborted(signal);
    container.exit(137);
  }

  async removeContainer(id: string, signal?: AbortSignal): Promise<void> {
    this.#enter('removeContainer', signal);
    const found = this.#container(id);
    if (!found) return;
    if (found.container.running) this.#observer.stopping?.(found.sandbox.spec, found.container.state());
    found.container.exit(137);
    found.sandbox.containers.delete(id);
    this.#notify(found.sandbox.spec.uid);
  }

  async cgroupOf({ uid }: SandboxState): Promise<string> {
    this.#enter('cgroupOf');
    return `/fake/${uid}`;
  }

  async removeSandbox(id: string, signal?: AbortSignal): Promise<void> {
    this.#enter('removeSandbox', signal);
    const sandbox = this.#sandboxes.get(id);
    if (!sandbox) return;
    for (const container of sandbox.containers.values()) {
      if (container.running) this.#observer.stopping?.(sandbox.spec, container.state());
      container.exit(137);
    }
    this.#sandboxes.delete(id);
    this.#notify(sandbox.spec.uid);
  }

  async image(reference: string): Promise<ImageState | undefined> {
    this.#enter('image');
    return this.#findImage(reference);
  }

  async images(): Promise<readonly ImageState[]> {
    this.#enter('images');
    return [...this.#images.values()];
  }

  async pullImage(reference: string, _auth: RegistryAuth | undefined, signal?: AbortSignal): Promise<ImageState> {
    this.#enter('pullImage', signal);
    const { canonical } = parseImageReference(reference);
    const count = this.pulls.get(canonical) ?? 0;
    this.pulls.set(canonical, count + 1);
    const script = this.#scripts.get(canonical) ?? {};
    if (script.pullMs !== undefined) await this.#wait('fake image pull', script.pullMs, signal);
    const error = typeof script.pullError === 'object' ? script.pullError[count] : script.pullError;
    if (error) throw new RuntimeError('ErrImagePull', error);
    return this.#keepImage(canonical, script);
  }

  async *logs(containerId: string, options: RuntimeLogOptions, signal: AbortSignal): AsyncIterable<Buffer> {
    this.#enter('logs');
    const container = this.#container(containerId)?.container;
    if (!container) throw new RuntimeError('NotFound', `container ${containerId} is not there`);
    const filter = new LogFilter(options, this.#clock.wallMs());
    let next = options.tailLines === undefined ? 0 : Math.max(0, container.records.length - options.tailLines);
    while (!signal.aborted) {
      for (let record = container.records[next]; record && !filter.full; record = container.records[++next]) {
        const text = filter.push(record);
        if (text) yield text;
      }
      if (!options.follow || filter.full || !container.running || signal.aborted) return;
      await this.#nextChange(signal);
    }
  }

  async exec(containerId: string, { command: [name = '', ...args] }: ExecRequest, signal: AbortSignal): Promise<PodStream> {
    this.#enter('exec', signal);
    if (!this.#container(containerId)?.container.running) throw new RuntimeError('NotFound', `container ${containerId} does not run`);
    return this.#count(fakeStream(name, args, signal, this.#programs));
  }

  async attach(containerId: string, _request: AttachRequest, signal: AbortSignal): Promise<PodStream> {
    this.#enter('attach', signal);
    const container = this.#container(containerId)?.container;
    if (!container?.running) throw new RuntimeError('NotFound', `container ${containerId} does not run`);
    const attached = async ({ input, write, signal: ending }: FakeProgramIo): Promise<number> => {
      void (async () => {
        for await (const data of input) container.write(data.toString());
      })();
      let next = container.records.length;
      while (!ending.aborted) {
        for (let record = container.records[next]; record; record = container.records[++next])
          await write(1, Buffer.concat([record.text, Buffer.from(record.endsLine ? '\n' : '')]));
        if (!container.running) return 0;
        await this.#nextChange(ending);
      }
      return 0;
    };
    const stream = this.#count(fakeStream('attach', [], signal, { attach: attached }));
    return { ...stream, result: stream.result.then(() => ({ exitCode: undefined })) };
  }

  async connect({ id }: SandboxState, port: number, signal: AbortSignal): Promise<PodStream> {
    this.#enter('connect', signal);
    const sandbox = this.#sandboxes.get(id);
    if (!sandbox?.ready) throw new RuntimeError('NotFound', `sandbox ${id} is not there`);
    const server = this.#servers[port];
    if (!server) return refused(port);
    const stream = this.#count(fakeStream('serve', [sandbox.spec.uid], signal, { serve: server }));
    return { ...stream, result: stream.result.then(() => ({ exitCode: undefined })) };
  }

  #count(stream: PodStream): PodStream {
    this.openStreams++;
    void stream.result.catch(() => {}).then(() => this.openStreams--);
    return stream;
  }

  #createOrAdopt(sandbox: FakeSandbox, spec: ContainerSpec, image: ImageState): FakeContainer {
    const same = [...sandbox.containers.values()].find((one) => one.spec.name === spec.name && one.spec.attempt === spec.attempt);
    if (same) return same;
    const behaviour = { ...this.#behaviour, ...(this.#scripts.get(image.names[0] ?? '') ?? {}), ...behaviourFromEnv(spec.env) };
    if (behaviour.createError !== undefined) throw new RuntimeError('CreateContainerError', behaviour.createError);
    const container = new FakeContainer({
      id: this.#newId(),
      imageId: image.id,
      spec,
      behaviour,
      clock: this.#clock,
      onChange: (what) => {
        for (const wake of this.#logListeners) wake();
        if (what !== 'status') return;
        this.#notify(sandbox.spec.uid);
        const state = container.state();
        if (state.status === 'exited') this.#observer.ended?.(sandbox.spec, state);
      },
    });
    sandbox.containers.set(container.id, container);
    return container;
  }

  #takeAddress(wanted: string | undefined): string {
    if (!this.#pool) throw new RuntimeError('NetworkNotReady', 'network is not ready: this node has no podCIDR yet');
    const taken = new Set([...this.#sandboxes.values()].map((sandbox) => sandbox.ip));
    if (wanted !== undefined && taken.has(wanted)) throw new RuntimeError('CreatePodSandboxError', `address ${wanted} is in use`);
    const ip = wanted ?? this.#pool.take((one) => taken.has(one));
    if (ip === undefined) throw new RuntimeError('CreatePodSandboxError', `no address is left in ${this.#pool.subnet}`);
    return ip;
  }

  #keepImage(canonical: string, image: FakeImage): ImageState {
    const id = `sha256:${createHash('sha256').update(canonical).digest('hex')}`;
    const state = { id, names: [canonical], digest: id, bytes: image.bytes ?? 1_000_000, user: image.user ?? '' };
    this.#images.set(canonical, state);
    return state;
  }

  #findImage(reference: string): ImageState | undefined {
    if (!isImageId(reference)) return this.#images.get(parseImageReference(reference).canonical);
    const id = reference.startsWith('sha256:') ? reference : `sha256:${reference}`;
    return [...this.#images.values()].find((image) => image.id === id);
  }

  #container(id: string): { readonly sandbox: FakeSandbox; readonly container: FakeContainer } | undefined {
    for (const sandbox of this.#sandboxes.values()) {
      const container = sandbox.containers.get(id);
      if (container) return { sandbox, container };
    }
    return undefined;
  }

  #newId(): string {
    return createHash('sha256')
      .update(`fake ${++this.#lastId}`)
      .digest('hex');
  }

  #notify(podUid: string): void {
    // As with a real runtime, the news comes after the call that caused it went on.
    this.#clock.after('fake runtime event', 0, () => {
      for (const watcher of this.#watchers) watcher(podUid);
    });
  }

  #nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#logListeners.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#logListeners.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  async #wait(name: string, ms: number, signal: AbortSignal | undefined): Promise<void> {
    await this.#clock.sleep(name, ms, signal).catch(() => {
      throw aborted(signal);
    });
  }

  #enter(method: keyof Runtime, signal?: AbortSignal): void {
    if (!this.#started) throw new RuntimeError('Unavailable', `fake runtime: ${method} before start`);
    if (signal?.aborted) throw aborted(signal);
    this.#failIfTold(method);
  }

  #failIfTold(method: keyof Runtime): void {
    const error = this.#failures.get(method)?.shift();
    if (error) throw error;
  }
}

function sandboxState(sandbox: FakeSandbox): SandboxState {
  const { id, spec, ip, ready, createdWallMs } = sandbox;
  const containers = [...sandbox.containers.values()].map((container) => container.state());
  return { id, namespace: spec.namespace, name: spec.name, uid: spec.uid, ready, ip, createdWallMs, containers };
}

function aborted(signal: AbortSignal | undefined): RuntimeError {
  return new RuntimeError('Aborted', 'the call was aborted', { cause: signal?.reason });
}
