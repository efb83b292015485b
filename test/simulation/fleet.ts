import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { FakeRuntime, FakeRuntimeObserver } from '@flotilla/agent/runtime/fake/fake-runtime.js';
import { openPki, type Pki } from '@flotilla/hub/auth/pki/pki.js';
import { SimulatedBroker, type SimulatedBrokerOptions } from '@flotilla/hub/broker/simulated/simulated-broker.js';
import { calm, type Weather } from '@flotilla/hub/broker/simulated/weather.js';
import { createHub, type Hub } from '@flotilla/hub/hub.js';
import { MemoryStore, type MemoryStoreOptions } from '@flotilla/hub/store/memory/memory-store.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { type Logger, silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import { Life, MachineClock } from './life.ts';
import { ProcessStore } from './process-store.ts';
import { type LinkHooks, SimulatedBoard, type SimulatedBoardOptions } from './simulated-board.ts';

export interface FleetOptions {
  readonly seed: number;
  readonly boards: number;
  readonly weather?: Weather;
  /** Every change of the store goes into `trace`; true when left out. */
  readonly traced?: boolean;
  readonly network?: Pick<SimulatedBrokerOptions, 'struck' | 'lateTimeoutEndsAny'>;
  readonly hooks?: LinkHooks;
  /** Programs of the machines. */
  readonly exec?: SimulatedBoardOptions['exec'];
  /** What the runtime of a board tells. */
  readonly observer?: (node: string) => FakeRuntimeObserver;
  /** Called before the hub starts. */
  readonly prepare?: (store: MemoryStore) => Promise<void>;
  readonly logger?: (who: string) => Logger;
  /** The disk of the hub: a perfect one when left out. */
  readonly disk?: (clock: FakeClock) => Pick<MemoryStoreOptions, 'disk' | 'maxWaiting' | 'historyLimit'>;
}

/** A whole hub and its boards in one process, on one clock and one seed: everything but the disk, the network and podman is real. */
export interface Fleet {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  /** The hub of now, or the last one. */
  readonly hub: Hub;
  readonly hubRuns: boolean;
  readonly hubLife: Life;
  /** Timers of the hub that have not fired. */
  readonly hubTimers: number;
  /** The hub's machine: its wall clock may be wrong. */
  readonly hubMachine: { wallOffsetMs: number; bootedMs: number };
  readonly broker: SimulatedBroker;
  readonly boards: ReadonlyMap<string, SimulatedBoard>;
  readonly runtimes: ReadonlyMap<string, FakeRuntime>;
  readonly clusterId: string;
  /** What happened, in order: every change of an object. */
  readonly trace: readonly string[];
  /** SIGKILL of the hub; what it committed stays. */
  crashHub(): void;
  /** SIGKILL of the hub at its n-th write from now. */
  crashHubAtWrite(writes: number, crashed: () => void): void;
  /** Starts a hub on what was committed. Resolves when it runs. */
  startHub(): Promise<void>;
  stop(): Promise<void>;
}

const dayMs = 86_400_000;

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { seed, boards: count, weather = calm, traced = true, network = {}, logger = () => silentLogger } = options;
  const clock = new FakeClock();
  const random = new SeededRandom(seed);
  const store = new MemoryStore({ clock, ...options.disk?.(clock) });
  const trace: string[] = [];
  const pki = await sharedKeys();
  const clusterId = pki.caKeyHash.slice('sha256:'.length, 'sha256:'.length + 16);
  const names = Array.from({ length: count }, (_, index) => `board-${index}`);
  const enrolled = new Map(names.map((node) => [node, { node, keyId: `key-of-${node}`, serial: node }]));
  if (traced) await follow({ store, clock, pki, trace });
  await options.prepare?.(store);

  const hubMachine = { wallOffsetMs: 0, bootedMs: 0 };
  let current: { hub: Hub; life: Life; clock: MachineClock; store: ProcessStore; broker: SimulatedBroker } | undefined;
  let weatherNow = weather;
  const startHub = async (): Promise<void> => {
    const life = new Life();
    const hubClock = new MachineClock(clock, life, hubMachine);
    const processStore = new ProcessStore(store, life, random);
    // The network is no part of the process: its timers outlive the hub.
    const broker = new SimulatedBroker({
      clusterId,
      clock: wallOf(clock, hubClock),
      random,
      boards: { get: (node) => enrolled.get(node) },
      weather: current?.broker.weather ?? weatherNow,
      ...network,
    });
    life.onEnd(() => broker.abandon());
    const hub = createHub(
      {},
      { clock: hubClock, random, logger: logger('hub'), store: processStore, pki, link: () => ({ broker: boundTo(life, broker) }) },
    );
    current = { hub, life, clock: hubClock, store: processStore, broker };
    await hub.start();
  };
  await startHub();
  const now = (): NonNullable<typeof current> => {
    if (!current) throw new Error('the hub was not started');
    return current;
  };

  const manifestKeys = [{ keyId: keyIdOf(createPublicKey(pki.manifestKey.publicKeyPem)), publicKey: pki.manifestKey.publicKeyPem }];
  const boards = new Map<string, SimulatedBoard>();
  for (const [index, node] of names.entries()) {
    const board = new SimulatedBoard({
      node,
      seed: seed * 101 + index,
      clock,
      identity: { scope: { clusterId, node }, manifestKeys },
      dial: (introduction, end) => now().broker.dial({ node, keyId: `key-of-${node}` })(introduction, end),
      gone: (name, noticed) => now().broker.deviceGone(name, noticed),
      logger: logger(node),
      ...(options.hooks ? { hooks: options.hooks } : {}),
      ...(options.exec ? { exec: options.exec } : {}),
      ...(options.observer ? { observer: options.observer(node) } : {}),
    });
    boards.set(node, board);
    await board.start();
  }

  const crashHub = (): void => {
    weatherNow = now().broker.weather;
    now().life.end();
  };
  return {
    clock,
    store,
    hubMachine,
    boards,
    runtimes: new Map([...boards].map(([node, { runtime }]) => [node, runtime])),
    clusterId,
    trace,
    get hub() {
      return now().hub;
    },
    get hubRuns() {
      return !now().life.ended;
    },
    get hubLife() {
      return now().life;
    },
    get hubTimers() {
      return now().clock.pending;
    },
    get broker() {
      return now().broker;
    },
    crashHub,
    crashHubAtWrite(writes, crashed) {
      now().store.crashAfter(writes, () => {
        crashHub();
        crashed();
      });
    },
    startHub,
    async stop() {
      for (const board of boards.values()) {
        board.resumeRuntime();
        await ended(clock, board.stop());
      }
      if (!now().life.ended) await ended(clock, now().hub.stop());
      now().life.end();
      await store.close();
    },
  };
}

let keys: Promise<Pki> | undefined;

function sharedKeys(): Promise<Pki> {
  keys ??= makeKeys();
  return keys;
}

/** Keys are the one thing no seed makes; nothing that is traced may depend on them, so the cluster is not named after one. */
async function makeKeys(): Promise<Pki> {
  const made: Pki = await openPki({ files: new FakeFiles(), dir: '/pki', clock: new FakeClock(), random: new SeededRandom(0) });
  // But for the one whose signatures travel: how long a message is decides when it arrives. PKCS #8 around 32 bytes.
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const publicKeyPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }) as string;
  const manifestKey = { publicKeyPem, sign: (data: Uint8Array) => sign(null, data, privateKey) };
  return { ...made, manifestKey, caKeyHash: `sha256:${'5eed'.repeat(16)}` };
}

async function follow({ store, clock, pki, trace }: { store: MemoryStore; clock: FakeClock; pki: Pki; trace: string[] }): Promise<void> {
  // The authority's certificate stands in objects; its keys come from no seed.
  const authority = JSON.stringify(pki.caCertPem).slice(1, -1);
  const fingerprint = (value = ''): string => createHash('sha256').update(value.replaceAll(authority, 'CA')).digest('hex').slice(0, 12);
  await store.watch('/registry/', 0, {
    events: (events) => {
      for (const { type, key, revision, value } of events)
        trace.push(`${clock.monotonicMs()} ${revision} ${type} ${key} ${fingerprint(value)}`);
    },
    ended: (error) => trace.push(`ended ${error.message}`),
  });
}

/** Timers of the world, the date of a machine. */
function wallOf(world: FakeClock, machine: MachineClock): SimulatedBrokerOptions['clock'] {
  return {
    wallMs: () => machine.wallMs(),
    monotonicMs: () => world.monotonicMs(),
    bootMs: () => world.bootMs(),
    after: (name, delayMs, fire) => world.after(name, delayMs, fire),
    sleep: (name, delayMs, signal) => world.sleep(name, delayMs, signal),
  };
}

/** What arrives waits while the hub is frozen. */
function boundTo(life: Life, broker: SimulatedBroker): SimulatedBroker {
  const start: SimulatedBroker['start'] = (handler) =>
    broker.start({
      connected: (session) => life.run(() => handler.connected(session)),
      disconnected: (session, reason, idleMs) => life.run(() => handler.disconnected(session, reason, idleMs)),
      message: (session, kind, payload) => life.run(() => handler.message(session, kind, payload)),
      incident: (incident) => life.run(() => handler.incident(incident)),
      backlogMs: () => handler.backlogMs?.() ?? 0,
      farewell: (node, bootId, afterMs) => handler.farewell?.(node, bootId, afterMs) ?? [],
    });
  return new Proxy(broker, {
    get: (target, name) => {
      if (name === 'start') return start;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Moves time on until something that waits for it has ended. */
async function ended(clock: FakeClock, waiting: Promise<void>): Promise<void> {
  let done = false;
  const settled = waiting.finally(() => {
    done = true;
  });
  for (let passedMs = 0; !done && passedMs < dayMs; passedMs += 1000) await clock.advance(1000);
  await settled;
}
