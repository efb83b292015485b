import { createAdmission } from '@flotilla/hub/admission/create-admission.js';
import { createClient } from '@flotilla/hub/client/client.js';
import { Informers } from '@flotilla/hub/client/informers.js';
import type { Client } from '@flotilla/hub/client/types.js';
import type { NodeLiveness } from '@flotilla/hub/controllers/node-lifecycle/liveness.js';
import { startControllers } from '@flotilla/hub/controllers/start-controllers.js';
import type { LeaseLedger } from '@flotilla/hub/controllers/taint-eviction/lease-ledger.js';
import { ServiceAllocator } from '@flotilla/hub/registry/core/service-allocator.js';
import { definitions } from '@flotilla/hub/registry/definitions.js';
import { bootstrap } from '@flotilla/hub/registry/generic/bootstrap.js';
import { createRegistry } from '@flotilla/hub/registry/generic/create-registry.js';
import type { Admission, Registry } from '@flotilla/hub/registry/generic/types.js';
import { startScheduler } from '@flotilla/hub/scheduler/start-scheduler.js';
import { MemoryStore } from '@flotilla/hub/store/memory/memory-store.js';
import { WatchCache } from '@flotilla/hub/store/watch-cache.js';
import type { Event, Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { createLogger, type Logger, silentLogger } from '@flotilla/shared/log/logger.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';

export interface ControlPlaneOptions {
  /** Has a say after the hub's own admission. */
  readonly validate?: Admission['validate'];
  /** As `--controllers`; all when left out, none for []. */
  readonly controllers?: readonly string[];
  readonly scheduler?: boolean;
  /** What the hub knows of leases; nothing when left out. */
  readonly leases?: LeaseLedger;
  /** Which pods the simulated boards report Ready; all when left out. */
  readonly becomesReady?: (pod: Pod) => boolean;
  readonly seed?: number;
  /** Shows the log, for a test that is being written. */
  readonly verbose?: boolean;
}

/** Boards whose presence a test switches. */
class FakeLiveness implements NodeLiveness {
  readonly #away = new Map<string, number | undefined>();
  readonly #listeners = new Set<(node: string) => void>();

  isAlive(node: string): boolean {
    return !this.#away.has(node);
  }

  onChange(changed: (node: string) => void): { stop(): void } {
    this.#listeners.add(changed);
    return { stop: () => void this.#listeners.delete(changed) };
  }

  awaySinceWallMs(node: string): number | undefined {
    return this.#away.get(node);
  }

  /** @param sinceWallMs when it was heard last */
  set(node: string, alive: boolean, sinceWallMs?: number): void {
    if (alive) this.#away.delete(node);
    else this.#away.set(node, sinceWallMs);
    for (const changed of this.#listeners) changed(node);
  }
}

/** The hub's registry and admission on a memory store, controllers, scheduler and simulated boards on one fake clock. */
export class ControlPlane {
  readonly clock: FakeClock;
  readonly liveness = new FakeLiveness();
  readonly registry: Registry;
  readonly informers: Informers;
  /** The administrator's. */
  readonly client: Client;
  /** What the boards started, in order: a restart would show here. */
  readonly started: string[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];

  private constructor(cache: WatchCache, options: ControlPlaneOptions, clock: FakeClock, random: SeededRandom, logger: Logger) {
    this.clock = clock;
    const builtIn = createAdmission({ registry: () => this.registry, clock, random });
    const admission: Admission = {
      mutate: builtIn.mutate,
      async validate(attributes) {
        await builtIn.validate(attributes);
        await options.validate?.(attributes);
      },
    };
    const ranges = { clusterIpRange: '10.96.0.0/12', nodePortRange: '30000-32767' };
    const allocators = { '/services': new ServiceAllocator({ cache, random, ...ranges }) };
    this.registry = createRegistry({ cache, clock, random, admission, definitions, allocators });
    this.informers = new Informers({ registry: this.registry, clock, random, logger });
    const user = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };
    this.client = createClient({ registry: this.registry, informers: this.informers, user, logger });
  }

  static async start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
    const clock = new FakeClock();
    const random = new SeededRandom(options.seed ?? 1);
    const write = (line: string): void => void process.stderr.write(line);
    const logger = options.verbose ? createLogger({ level: 'debug', wallMs: () => clock.wallMs(), write }) : silentLogger;
    const cache = new WatchCache({ store: new MemoryStore({ clock }), logger });
    await cache.start();
    const plane = new ControlPlane(cache, options, clock, random, logger);
    const { registry, informers, liveness } = plane;
    await bootstrap(registry);
    // Pods wait for the account of their namespace, and no controller may be there to make it.
    await plane.client.resource('', 'serviceaccounts').create('default', { metadata: { name: 'default' } });
    const parts = { registry, informers, clock, random, logger };
    const { signal } = plane.#stop;
    const { controllers = ['*'] } = options;
    if (controllers.length > 0)
      plane.#running.push(
        startControllers(
          { ...parts, liveness, caPem: 'the CA', controllers, ...(options.leases ? { leases: options.leases } : {}) },
          signal,
        ),
      );
    if (options.scheduler ?? true) plane.#running.push(startScheduler(parts, signal));
    plane.#simulateBoards(options.becomesReady ?? (() => true));
    await plane.client.synced();
    return plane;
  }

  /** A board that is there and has said so. */
  async addNode(name: string, more: Partial<Node> & { cpu?: string; pods?: string } = {}): Promise<Node> {
    const { cpu = '4', pods = '50', ...node } = more;
    const nodes = this.client.resource<Node>('', 'nodes');
    await nodes.create('', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { 'kubernetes.io/hostname': name }, ...node.metadata },
      spec: node.spec ?? {},
    });
    await nodes.updateStatus('', name, (current) => ({
      ...current,
      status: {
        allocatable: { cpu, memory: '4Gi', pods },
        capacity: { cpu, memory: '4Gi', pods },
        conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', lastTransitionTime: kubeTime(this.clock.wallMs()) }],
        ...node.status,
      },
    }));
    // As the node lifecycle controller does when a new node has become ready: it may not be running.
    return nodes.update('', name, (current) => {
      const taints = current.spec?.taints?.filter(({ key }) => key !== 'node.kubernetes.io/not-ready');
      return { ...current, spec: { ...current.spec, taints: taints ?? [] } };
    });
  }

  pods(namespace = 'default'): readonly Pod[] {
    return this.client.informer<Pod>('', 'pods').list(namespace);
  }

  events(reason: string, name?: string): string[] {
    return this.client
      .informer<Event>('', 'events')
      .list()
      .filter((event) => event.reason === reason && (name === undefined || event.involvedObject.name === name))
      .map(({ message }) => message ?? '');
  }

  /** Lets time pass until something holds. @throws Error after ten simulated minutes */
  async until(what: string, holds: () => boolean, limitMs = 600_000): Promise<void> {
    for (let waitedMs = 0; waitedMs < limitMs; waitedMs += waitedMs < 2000 ? 20 : 1000) {
      await this.clock.advance(waitedMs < 2000 ? 20 : 1000);
      if (holds()) return;
    }
    throw new Error(`waited in vain until ${what}`);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.informers.stop();
    await this.clock.advance(1);
    await Promise.all(this.#running);
  }

  #simulateBoards(becomesReady: (pod: Pod) => boolean): void {
    const pods = this.client.resource<Pod>('', 'pods');
    const see = (pod: Pod): void => {
      const node = pod.spec?.nodeName;
      if (!node || !this.liveness.isAlive(node)) return;
      void this.#board(pods, pod, becomesReady(pod)).catch(() => {});
    };
    this.client.informer<Pod>('', 'pods').on({ added: see, updated: see });
    this.client.informer<Event>('', 'events');
    this.liveness.onChange((node) =>
      this.pods('')
        .filter(({ spec }) => spec?.nodeName === node)
        .forEach(see),
    );
  }

  async #board(pods: ReturnType<Client['resource']>, seen: Pod, ready: boolean): Promise<void> {
    const { namespace = '', name = '', uid = '' } = seen.metadata ?? {};
    if (seen.metadata?.deletionTimestamp) return pods.delete(namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } });
    const running = seen.status?.phase === 'Running';
    if (running && (seen.status?.conditions?.some(({ type, status }) => type === 'Ready' && (status === 'True') === ready) ?? false))
      return;
    if (!running) this.started.push(objectKey(seen));
    const now = kubeTime(this.clock.wallMs());
    await pods.updateStatus(namespace, name, (current) => {
      const { status = {} } = current as Pod;
      const others = (status.conditions ?? []).filter(({ type }) => type !== 'Ready');
      const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: now };
      return { ...current, status: { ...status, phase: 'Running', conditions: [...others, condition] } };
    });
  }
}
