import { createPublicKey } from 'node:crypto';
import { Ledger } from '@flotilla/hub/auth/pki/ledger.js';
import { openPki, type Pki } from '@flotilla/hub/auth/pki/pki.js';
import { SimulatedBroker } from '@flotilla/hub/broker/simulated/simulated-broker.js';
import type { Boards } from '@flotilla/hub/broker/types.js';
import { createHub, type Hub } from '@flotilla/hub/hub.js';
import type { RecoveryState } from '@flotilla/hub/recovery/recovery-state.js';
import { findStartingPoint, nextFirstRevision } from '@flotilla/hub/recovery/starting-point.js';
import { type MemoryBackup, MemoryStore } from '@flotilla/hub/store/memory/memory-store.js';
import type { ConfigMap, Deployment, Event, Pod } from '@flotilla/shared/api/generated/types.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { type EnvelopeSigner, keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import { Life, MachineClock } from '../life.ts';
import { ProcessStore } from '../process-store.ts';
import { type LinkHooks, SimulatedBoard } from '../simulated-board.ts';

export interface WorldOptions {
  readonly boards: number;
  readonly hooks?: LinkHooks;
}

interface Running {
  readonly hub: Hub;
  readonly life: Life;
  readonly broker: SimulatedBroker;
  readonly processStore: ProcessStore;
}

let keys: Promise<Pki> | undefined;

/** A hub whose store can be lost or replaced, with its ledger, and boards that go on; on one clock. */
export class RecoveryWorld {
  readonly clock = new FakeClock();
  readonly boards = new Map<string, SimulatedBoard>();
  /** The disk with the keys. */
  readonly files = new FakeFiles();
  readonly pki: Pki;
  readonly clusterId: string;
  store: MemoryStore;
  #running: Running | undefined;
  #hubs = 0;

  private constructor(pki: Pki) {
    this.pki = pki;
    this.clusterId = pki.caKeyHash.slice('sha256:'.length, 'sha256:'.length + 16);
    this.store = new MemoryStore({ clock: this.clock });
  }

  static async open({ boards, hooks }: WorldOptions): Promise<RecoveryWorld> {
    keys ??= openPki({ files: new FakeFiles(), dir: '/pki', clock: new FakeClock(), random: new SeededRandom(0) });
    const world = new RecoveryWorld(await keys);
    const names = Array.from({ length: boards }, (_, index) => `board-${index}`);
    const ledger = await world.ledger();
    for (const node of names) await ledger.enter({ node, keyId: `key-of-${node}`, serial: node });
    await world.startHub();
    for (const [index, node] of names.entries()) world.#addBoard(node, index, hooks);
    for (const board of world.boards.values()) await board.start();
    await world.until('all boards are there', () => world.pods() && world.nodesReady() === boards);
    return world;
  }

  ledger(): Promise<Ledger> {
    return Ledger.open({ files: this.files, dir: '/pki/ledger' });
  }

  get hub(): Hub {
    if (!this.#running) throw new Error('the hub does not run');
    return this.#running.hub;
  }

  get broker(): SimulatedBroker {
    if (!this.#running) throw new Error('the hub does not run');
    return this.#running.broker;
  }

  get signer(): EnvelopeSigner {
    return { keyId: keyIdOf(createPublicKey(this.pki.manifestKey.publicKeyPem)), sign: (bytes) => this.pki.manifestKey.sign(bytes) };
  }

  /** Starts a hub on the store there is. */
  async startHub(): Promise<void> {
    const life = new Life();
    const clock = new MachineClock(this.clock, life, { wallOffsetMs: 0, bootedMs: 0 });
    const random = new SeededRandom(1000 + ++this.#hubs);
    const processStore = new ProcessStore(this.store, life, random);
    const ledger = await this.ledger();
    const start = await findStartingPoint({ store: processStore, ledger });
    const late: { broker?: SimulatedBroker } = {};
    const link = ({ boards }: { readonly boards: Boards }): { broker: SimulatedBroker } => {
      late.broker = new SimulatedBroker({ clusterId: this.clusterId, clock: this.clock, random, boards });
      return { broker: late.broker };
    };
    const hub = createHub(
      {},
      {
        clock,
        random,
        logger: silentLogger,
        store: processStore,
        pki: this.pki,
        link,
        start,
      },
    );
    const broker = late.broker as SimulatedBroker;
    life.onEnd(() => broker.abandon());
    this.#running = { hub, life, broker, processStore };
    for (const [group, resource] of [
      ['', 'pods'],
      ['', 'nodes'],
      ['', 'events'],
      ['', 'configmaps'],
      ['apps', 'replicasets'],
      ['apps', 'deployments'],
    ] as const) {
      hub.admin.informer(group, resource);
    }
    await hub.start();
    await hub.admin.synced();
  }

  /** SIGKILL. */
  crashHub(): void {
    this.#running?.life.end();
    this.#running = undefined;
  }

  /** SIGKILL at the n-th write from now; resolves when it came. */
  crashAtWrite(writes: number, crashed: () => void): void {
    this.#running?.processStore.crashAfter(writes, () => {
      this.crashHub();
      crashed();
    });
  }

  /** The hub dies and its data are gone, but for the keys and what is beside them. */
  async loseStore(): Promise<void> {
    this.crashHub();
    this.store = new MemoryStore({ clock: this.clock, firstRevision: nextFirstRevision(await this.ledger()) });
  }

  /** The hub dies, and its data are those of a backup. */
  async restore(backup: MemoryBackup): Promise<void> {
    this.crashHub();
    this.store = new MemoryStore({ clock: this.clock, restored: backup, firstRevision: nextFirstRevision(await this.ledger()) });
  }

  /** `flotilla recover --finish`. */
  async finish(): Promise<RecoveryState> {
    const finishing = this.hub.recovery?.finish() ?? Promise.reject(new Error('this hub has no recovery'));
    let done = false;
    const settled = finishing.finally(() => {
      done = true;
    });
    settled.catch(() => {});
    await this.until('the recovery is over', () => done);
    return settled;
  }

  pods(): readonly Pod[] {
    return this.hub.admin.informer<Pod>('', 'pods').list('default');
  }

  pod(name: string): Pod | undefined {
    return this.hub.admin.informer<Pod>('', 'pods').get(`default/${name}`);
  }

  object<T extends KubeObject>(group: string, resource: string, key: string): T | undefined {
    return this.hub.admin.informer<T>(group, resource).get(key);
  }

  events(reason: string): string[] {
    return this.hub.admin
      .informer<Event>('', 'events')
      .list()
      .filter((event) => event.reason === reason)
      .map(({ message }) => message ?? '');
  }

  /** `kube-system/flotilla-recovery`. */
  get notice(): Record<string, string> {
    return this.object<ConfigMap>('', 'configmaps', 'kube-system/flotilla-recovery')?.data ?? {};
  }

  get recovering(): boolean {
    return (this.notice['state'] ?? '').startsWith('recovering');
  }

  readyPods(): readonly Pod[] {
    return this.pods().filter(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'));
  }

  nodesReady(): number {
    const nodes = this.hub.admin
      .informer<KubeObject & { status?: { conditions?: { type: string; status: string }[] } }>('', 'nodes')
      .list();
    return nodes.filter(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True')).length;
  }

  /** Names, uids and nodes of all pods: what a recovery must not change. */
  identities(): string[] {
    return this.pods()
      .map(({ metadata, spec }) => `${metadata?.name} ${metadata?.uid} ${spec?.nodeName}`)
      .sort();
  }

  /** How often containers were started, and what became of them, over all boards. */
  containers(): string[] {
    return [...this.boards.values()]
      .flatMap(({ node, runtime }) =>
        runtime.containers().map(({ pod, container }) => `${node} ${pod.uid} ${container.id} ${container.status}`),
      )
      .sort();
  }

  starts(): number {
    return [...this.boards.values()].flatMap(({ runtime }) => [...runtime.starts.values()]).reduce((sum, count) => sum + count, 0);
  }

  async apply(...objects: (Deployment | Pod | ConfigMap)[]): Promise<void> {
    for (const object of objects) {
      const resources = { Deployment: ['apps', 'deployments'], Pod: ['', 'pods'], ConfigMap: ['', 'configmaps'] } as const;
      const [group, resource] = resources[object.kind as keyof typeof resources];
      const client = this.hub.admin.resource<KubeObject>(group, resource);
      const name = object.metadata?.name ?? '';
      if (this.object(group, resource, `default/${name}`))
        await client.update('default', name, (current) => ({
          ...current,
          ...object,
          metadata: { ...current.metadata, ...object.metadata },
        }));
      else await client.create('default', object);
    }
  }

  /** Lets time pass until something holds. @throws Error after ten simulated minutes */
  async until(what: string, holds: () => unknown, limitMs = 600_000): Promise<void> {
    for (let passedMs = 0; passedMs < limitMs; passedMs += 200) {
      if (holds()) return;
      await this.clock.advance(200);
    }
    throw new Error(`waited in vain until ${what}`);
  }

  async close(): Promise<void> {
    for (const board of this.boards.values()) board.kill();
    this.crashHub();
    await this.store.close();
  }

  #addBoard(node: string, index: number, hooks: LinkHooks | undefined): void {
    const manifestKeys = [{ keyId: this.signer.keyId, publicKey: this.pki.manifestKey.publicKeyPem }];
    const board = new SimulatedBoard({
      node,
      seed: 77 + index,
      clock: this.clock,
      identity: { scope: { clusterId: this.clusterId, node }, manifestKeys },
      dial: async (introduction, end) => {
        if (!this.#running) throw new Error('connection refused');
        return this.#running.broker.dial({ node, keyId: `key-of-${node}` })(introduction, end);
      },
      gone: (name, noticed) => this.#running?.broker.deviceGone(name, noticed),
      ...(hooks ? { hooks } : {}),
    });
    this.boards.set(node, board);
  }
}

export function deployment(image: string, replicas = 3): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: podSpec(image, { configMapRef: { name: 'settings' } }) },
    },
  };
}

export function barePod(name: string, more: Partial<NonNullable<Pod['spec']>> = {}): Pod {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec: { ...podSpec('localhost/app:1'), ...more } };
}

export function settings(value: string): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'default' }, data: { VALUE: value } };
}

function podSpec(image: string, from?: { configMapRef: { name: string } }): NonNullable<Pod['spec']> {
  return {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'main', image, ...(from ? { envFrom: [from] } : {}) }],
  };
}
