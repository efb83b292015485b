import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enrol, type HubAddress } from '@flotilla/agent/hublink/enrol.js';
import type { Enrolment } from '@flotilla/agent/hublink/enrolment.js';
import { createHubLink } from '@flotilla/agent/hublink/hub-link.js';
import { idleHandlers } from '@flotilla/agent/hublink/idle-handlers.js';
import { createMqttCourier, type Endpoint } from '@flotilla/agent/hublink/mqtt-courier.js';
import { hubHttp } from '@flotilla/agent/hublink/mqtt-door.js';
import type { ProxyFor } from '@flotilla/agent/hublink/mqtt-proxy.js';
import { keepRenewed, type Renewal } from '@flotilla/agent/hublink/renewal.js';
import { TrustedTime } from '@flotilla/agent/hublink/trusted-time.js';
import type { HubLink } from '@flotilla/agent/hublink/types.js';
import { openPki, type Pki } from '@flotilla/hub/auth/pki/pki.js';
import { EmbeddedBroker } from '@flotilla/hub/broker/embedded/embedded-broker.js';
import { createHub, type Hub } from '@flotilla/hub/hub.js';
import { createJoinToken, type JoinTokenOptions } from '@flotilla/hub/nodesync/enrol/join-token.js';
import { MemoryStore } from '@flotilla/hub/store/memory/memory-store.js';
import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { createLogger, type Logger, silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import type { StatusReport } from '@flotilla/shared/protocol/messages.js';
import { until } from '../harness/until.ts';

/** A whole hub and boards that only have the link, over real TLS, each with a wall clock of its own that the test sets. */

const system = new SystemClock();
const random = new SystemRandom();
const files = new SystemFiles();
export const dayMs = 24 * 3_600_000;

/** The machine's clock but for the wall, and for one timer that fires when it is told to. */
export class WallClock implements Clock {
  /** What is added to the machine's time. */
  aheadMs = 0;
  readonly #held: string;
  #fire: (() => void) | undefined;

  constructor(held: string, wallMs?: number) {
    this.#held = held;
    if (wallMs !== undefined) this.set(wallMs);
  }

  set(wallMs: number): void {
    this.aheadMs = wallMs - system.wallMs();
  }

  wallMs(): number {
    return Math.floor(system.wallMs() + this.aheadMs);
  }

  monotonicMs(): number {
    return system.monotonicMs();
  }

  bootMs(): number {
    return system.bootMs();
  }

  sleep(name: string, delayMs: number, signal?: AbortSignal): Promise<void> {
    return system.sleep(name, delayMs, signal);
  }

  after(name: string, delayMs: number, fire: () => void): Timer {
    if (name !== this.#held) return system.after(name, delayMs, fire);
    this.#fire = fire;
    return { name, cancel: () => {} };
  }

  /** The timer that is held fires, once; nothing happens until it was set again. */
  fire(): void {
    const fire = this.#fire;
    this.#fire = undefined;
    fire?.();
  }
}

interface JoinOptions {
  readonly folder?: string;
  readonly serial?: string;
  readonly proxy?: ProxyFor;
  readonly addresses?: readonly string[];
  readonly logger?: Logger;
}

export interface TrustHub {
  readonly hub: Hub;
  readonly pki: Pki;
  readonly clock: WallClock;
  readonly broker: EmbeddedBroker;
  readonly address: string;
  /** How often new certificates were put to use. */
  readonly renewals: () => number;
  /** The look at the hub's certificates, now; resolves when new ones are in use. */
  renewed(): Promise<void>;
  token(options?: Partial<JoinTokenOptions>): Promise<string>;
  /** A board of this hub, with a directory of its own. */
  join(node: string, options?: JoinOptions): Promise<Enrolment>;
  board(enrolment: Enrolment, options?: BoardOptions): Promise<TrustBoard>;
  close(): Promise<void>;
}

export async function openTrustHub(
  options: { wallMs?: number; dir?: string; store?: MemoryStore; logger?: Logger } = {},
): Promise<TrustHub> {
  const clock = new WallClock('certificate renewal', options.wallMs);
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'flotilla-trust-')));
  const pki = await openPki({ files, dir: join(dir, 'pki'), clock, random });
  const listen = { host: '127.0.0.1', port: 0 };
  const logger = options.logger ?? silentLogger;
  let count = 0;
  let broker: EmbeddedBroker | undefined;
  const hub = createHub(
    { listen },
    {
      clock,
      random,
      logger,
      store: options.store ?? new MemoryStore({ clock }),
      pki,
      renewed: async () => {
        count++;
      },
      link: ({ boards, clusterId }) => {
        const made = new EmbeddedBroker({ clusterId, clock, logger, boards, tls: pki.serverTls(), listen });
        broker = made;
        return {
          broker: made,
          upgrade: (request, socket, head) => void made.upgrade(request, socket, head),
          port: () => made.port,
          setTls: (tls) => made.setTls(tls),
        };
      },
    },
  );
  await hub.start();
  const address = `https://127.0.0.1:${hub.apiPort}`;
  const createSecret = (namespace: string, secret: object) => hub.admin.resource('', 'secrets').create(namespace, secret);
  const token = (wish: Partial<JoinTokenOptions> = {}) =>
    createJoinToken({ createSecret, clock, random, caKeyHash: pki.caKeyHash, ttlMs: 3_600_000, ...wish });
  const boards: TrustBoard[] = [];
  return {
    hub,
    pki,
    clock,
    broker: broker as unknown as EmbeddedBroker,
    address,
    token,
    renewals: () => count,
    async renewed() {
      const before = count;
      // A look that began before may still be under way.
      await until('the hub has new certificates', () => {
        if (count === before) clock.fire();
        return count > before;
      });
    },
    join: async (node, { folder = node, serial = '', proxy, addresses = [address], logger: log = silentLogger } = {}) =>
      enrol({
        ...{ files, dir: join(dir, folder), http: hubHttp, logger: log, hubs: addresses, node, serial, token: await token() },
        ...(proxy ? { proxy } : {}),
      }),
    board: async (enrolment, boardOptions = {}) => {
      const board = await openTrustBoard(enrolment, { dir: join(dir, enrolment.node), ...boardOptions });
      boards.push(board);
      return board;
    },
    async close() {
      for (const board of boards) await board.close();
      await hub.stop();
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

interface BoardOptions {
  readonly wallMs?: number;
  readonly dir?: string;
  readonly transport?: Endpoint['transport'];
  readonly proxy?: ProxyFor;
  readonly endpoints?: readonly Endpoint[];
  readonly hubs?: readonly HubAddress[];
  readonly bootId?: string;
  readonly serial?: string;
  readonly keepAliveMs?: number;
  readonly addresses?: () => ReadonlySet<string>;
  /** Registers its Node, as ready. */
  readonly reports?: boolean;
}

export interface TrustBoard {
  readonly link: HubLink;
  readonly clock: WallClock;
  readonly time: TrustedTime;
  readonly renewal: Renewal;
  /** What the link and all around it said, at every level. */
  readonly log: readonly string[];
  /** Sessions that were welcomed. */
  readonly sessions: () => number;
  /** The hub's times that came with them. */
  readonly times: readonly number[];
  /** Resolves when one session more was welcomed than `before`. */
  welcomed(before: number): Promise<void>;
  close(): Promise<void>;
}

async function openTrustBoard(enrolment: Enrolment, options: BoardOptions & { readonly dir: string }): Promise<TrustBoard> {
  const { dir, proxy, addresses } = options;
  const clock = new WallClock('agent: certificate renewal', options.wallMs);
  const log: string[] = [];
  const logger = createLogger({ level: 'debug', wallMs: () => clock.wallMs(), write: (line) => log.push(line) });
  const time = await TrustedTime.open({ files, dir, clock, logger, floorMs: enrolment.floorMs });
  const hubs = options.hubs ?? [enrolment.hub];
  const renewal = keepRenewed(enrolment, { files, dir, http: hubHttp, clock, logger, time, hubs, ...(proxy ? { proxy } : {}) });
  const { host, port } = enrolment.hub;
  const transport = options.transport ?? 'mqtt';
  const endpoints = options.endpoints ?? [{ transport, host, port: transport === 'mqtt' ? (enrolment.mqttPort ?? 0) : port }];
  const scope = { clusterId: enrolment.clusterId, node: enrolment.node };
  const times: number[] = [];
  let sessions = 0;
  const link = createHubLink({
    courier: createMqttCourier({
      ...{ scope, endpoints, ca: enrolment.ca, logger },
      credentials: () => renewal.current,
      floorMs: () => time.floorMs,
      ...(proxy ? { proxy } : {}),
      ...(addresses ? { addresses } : {}),
    }),
    ...{ clock, random, logger, time },
    identity: {
      ...{ scope, agentVersion: '0.1.0', bootId: options.bootId ?? 'boot-1', serial: options.serial ?? '' },
      manifestKeys: enrolment.manifestKeys,
    },
    retry: { baseMs: 20, maxMs: 200 },
    ...(options.keepAliveMs === undefined ? {} : { keepAliveMs: options.keepAliveMs }),
    handlers: {
      ...idleHandlers,
      connected: () => {
        sessions++;
        void renewal.look();
        if (options.reports) void link.report(readyReport).catch(() => {});
      },
      time: (wallMs) => times.push(wallMs),
    },
  });
  link.start();
  return {
    link,
    clock,
    time,
    renewal,
    log,
    times,
    sessions: () => sessions,
    welcomed: async (before) => {
      await until('a board is welcomed', () => {
        if (sessions > before) return true;
        throw new Error(log.slice(-20).join('\n'));
      });
    },
    async close() {
      renewal.stop();
      await link.stop();
      await time.stop();
    },
  };
}

const readyReport: StatusReport = {
  full: true,
  pods: [],
  events: [],
  applied: undefined,
  node: {
    labels: {},
    taints: [],
    sequence: 1,
    status: {
      capacity: { cpu: '4', memory: '4Gi', pods: '110' },
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'ready' }],
    },
  },
};
