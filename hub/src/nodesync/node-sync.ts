import { offlineWords } from '@flotilla/shared/api/offline.js';
import { type Clock, kubeTime } from '@flotilla/shared/clock/clock.js';
import { type StatusError, unavailable } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { type EnvelopeSigner, seal } from '@flotilla/shared/protocol/envelope.js';
import { encodeJson } from '@flotilla/shared/protocol/frame.js';
import type { TokenMessage } from '@flotilla/shared/protocol/link-messages.js';
import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';
import type { RetryMessage } from '@flotilla/shared/protocol/retry-message.js';
import { StreamWindows } from '@flotilla/shared/protocol/stream-windows.js';
import { type Broker, type BrokerHandler, type DeviceSession, type Incident, sessionsPerIncarnation } from '#broker/types.ts';
import type { Client, EventRecorder } from '#client/types.ts';
import type { NodeConnector, NodeShellRequest, NodeStream, NodeStreamRequest, UserInfo } from '#registry/generic/types.ts';
import { ReportIngest } from './ingest/report-ingest.ts';
import { ReportMemory } from './ingest/report-memory.ts';
import type { KeptLogs } from './kept-logs/kept-logs.ts';
import { Leases } from './leases.ts';
import { Liveness } from './liveness.ts';
import { ManifestNumbers } from './manifest/manifest-numbers.ts';
import { ManifestSources } from './manifest/manifest-sources.ts';
import type { BoardHold, NodePart } from './node-part.ts';
import { type IssueToken, NodeSession } from './node-session.ts';
import { IncidentLog, incidentReasons } from './storm/incident-log.ts';
import { Slots } from './storm/slots.ts';
import { laneOf, WorkLanes } from './storm/work-lanes.ts';
import { refusedStream } from './streams/hub-stream.ts';

export interface NodeSyncOptions {
  /** nodesync's own identity: reads everything a node may need, keeps the leases. */
  readonly client: Client;
  /** A client that writes as the given user; asked once per session for `system:node:NAME` in `system:nodes`. */
  readonly clientAs: (user: UserInfo) => Client;
  readonly broker: Broker;
  readonly clusterId: string;
  /** `Store.epoch`. */
  readonly storeEpoch: number;
  readonly signer: EnvelopeSigner;
  readonly issueToken: IssueToken;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** See Liveness. */
  readonly startGraceMs?: number;
  /** Protocol versions that the hub speaks; those of this build when undefined. */
  readonly versions?: readonly number[];
  /** A number that grows with each start of a hub: see `Broker.start`. The newest revision known here when left out. */
  readonly incarnation?: () => Promise<number>;
  /** Further kinds of messages, each with a class of its own. */
  readonly parts?: readonly NodePart[];
  /** What can be read of a board that is away. */
  readonly keptLogs?: Pick<KeptLogs, 'read'>;
  readonly hold?: BoardHold | undefined;
  /** The key of a node that is away was shown by another machine. */
  readonly moved?: (node: string, serial: string) => void;
}

export interface NodeSync {
  /** Fills its caches, then opens the broker. */
  start(): Promise<void>;
  /** Hangs up on all boards; they go on working. */
  stop(): Promise<void>;
  readonly connector: NodeConnector;
  readonly liveness: Pick<Liveness, 'isAlive' | 'awaySinceWallMs' | 'onChange'>;
  /** How a Lease is shown: see Leases. */
  presentLease(lease: KubeObject): KubeObject;
  /** Boards with a live session. */
  connectedNodes(): readonly string[];
  /** What taking the boards' messages has cost on the event loop. */
  readonly workMs: number;
  /** Ends the session of a board that may no longer connect. */
  hangUp(node: string, reason: string): void;
  readonly load: LinkLoad;
}

/** What waits to be done for boards. */
export interface LinkLoad {
  /** Messages that wait for their turn, their bytes, and those refused so far because there was no room. */
  readonly messagesWaiting: number;
  readonly messageBytesWaiting: number;
  readonly messagesRefused: number;
  readonly reportsWritten: number;
  readonly reportsWaiting: number;
}

export function createNodeSync(options: NodeSyncOptions): NodeSync {
  return new DeviceLink(options);
}

/** Streams of all boards, and what may be held for those whose clients do not read, in full windows. */
const streamLimits = { streams: 4096, ampleBytes: 64 * 1024 * 1024 };

/** Reports that are written at one time, and that wait for it: what a slow disk may hold in memory. */
const reportLimits = { atOnce: 128, waiting: 4_096 };
/** A session in which nobody says hello ends. */
const helloWithinMs = 60_000;

/** Hub side of the device link: one NodeSession per connection, told of changes by the informers. */
class DeviceLink implements NodeSync {
  readonly liveness: NodeSync['liveness'];
  readonly #liveness: Liveness;
  readonly connector: NodeConnector;
  readonly #options: NodeSyncOptions;
  readonly #sources: ManifestSources;
  readonly #numbers: ManifestNumbers;
  readonly #leases: Leases;
  readonly #memory: ReportMemory;
  readonly #sessions = new Map<string, NodeSession>();
  readonly #watches: { stop(): void }[] = [];
  readonly #streamWindows = new StreamWindows(streamLimits);
  readonly #lanes: WorkLanes;
  readonly #reportSlots = new Slots(reportLimits);
  readonly #incidents: IncidentLog;
  #workMs = 0;

  constructor(options: NodeSyncOptions) {
    const { client, clock, logger } = options;
    this.#options = options;
    this.#lanes = new WorkLanes(clock);
    this.#incidents = new IncidentLog(clock);
    this.#sources = new ManifestSources(client);
    this.#memory = new ReportMemory(this.#sources);
    this.#numbers = new ManifestNumbers({ epoch: options.storeEpoch, seen: () => this.#sources.revision });
    this.#liveness = new Liveness({
      clock,
      crowded: () => options.broker.load.waiting > 0,
      ...(options.startGraceMs === undefined ? {} : { startGraceMs: options.startGraceMs }),
    });
    this.liveness = {
      isAlive: (node) => this.#liveness.isAlive(node),
      onChange: (listener) => this.#liveness.onChange(listener),
      awaySinceWallMs: (node) => this.#awaySinceWallMs(node),
    };
    this.#leases = new Leases({
      client,
      clock,
      logger,
      connected: () => this.connectedNodes(),
      isConnected: (node) => this.#sessions.has(node),
    });
    this.connector = {
      open: (node, request, signal) => this.#open(node, request, signal),
      logs: (node, pod, logOptions, signal) => this.#logs(node, pod, logOptions, signal),
      awaySinceMs: (node) => (this.#sessions.has(node) ? undefined : (this.#awaySinceWallMs(node) ?? clock.wallMs())),
      keptLog: async (node, containerId, logOptions) => options.keptLogs?.read(node, containerId, logOptions),
    };
  }

  async start(): Promise<void> {
    const { broker, client } = this.#options;
    client.informer('coordination.k8s.io', 'leases');
    await client.synced();
    this.#sources.watch((node) => this.#sessions.get(node)?.changed());
    this.#watches.push(
      client.informer('', 'nodes').on({
        deleted: ({ metadata }) => {
          this.#liveness.forget(metadata?.name ?? '');
          this.#numbers.forget(metadata?.name ?? '');
          this.#memory.forget(metadata?.name ?? '');
        },
      }),
    );
    this.#liveness.start(() => this.#sources.nodes().map((node) => node.metadata?.name ?? ''));
    this.#leases.start();
    const incarnation = (await this.#options.incarnation?.()) ?? this.#sources.revision;
    const handler: BrokerHandler = {
      connected: (session) => this.#connected(session),
      disconnected: (session, reason, idleMs) => this.#disconnected(session, reason, idleMs),
      message: (session, kind, payload) => {
        const own = this.#sessions.get(session.node);
        if (own?.device.epoch !== session.epoch) return;
        const run = (): void => this.#timed(() => own.message(kind, payload));
        const taken = this.#lanes.offer(laneOf(kind), session.node, payload.length, run, { kind, payload });
        if (!taken) own.refuseBusy(kind);
      },
      incident: (incident) => this.#incident(incident),
      backlogMs: () => this.#lanes.backlogMs,
      farewell: (node, bootId, afterMs) => this.#farewell(node, { bootId, afterMs }),
    };
    await broker.start(handler, incarnation);
  }

  async stop(): Promise<void> {
    this.#leases.stop();
    this.#sources.stop();
    for (const watch of this.#watches.splice(0)) watch.stop();
    await this.#options.broker.stop();
    for (const session of this.#sessions.values()) session.end();
    this.#sessions.clear();
    this.#lanes.stop();
    this.#liveness.stop();
  }

  get load(): LinkLoad {
    const { busy, waiting } = this.#reportSlots.load;
    const { items, bytes, refused } = this.#lanes.load;
    return {
      messagesWaiting: items,
      messageBytesWaiting: bytes,
      messagesRefused: refused,
      reportsWritten: busy,
      reportsWaiting: waiting,
    };
  }

  get workMs(): number {
    return this.#workMs;
  }

  presentLease(lease: KubeObject): KubeObject {
    return this.#leases.shown(lease);
  }

  connectedNodes(): readonly string[] {
    return [...this.#sessions.keys()];
  }

  hangUp(node: string, reason: string): void {
    const session = this.#sessions.get(node);
    if (session) this.#options.broker.disconnect(session.device, reason);
  }

  #connected(device: DeviceSession): void {
    // The next start must begin above what this one used: its count in the store goes along.
    if (device.epoch % (sessionsPerIncarnation / 2) === 0) this.#options.incarnation?.().catch(() => {});
    const { broker, clientAs, clock, clusterId, issueToken, logger, signer } = this.#options;
    const { node } = device;
    const log = logger.with({ node, session: device.epoch });
    const client = clientAs({ name: `system:node:${node}`, groups: ['system:nodes', 'system:authenticated'] });
    const session = new NodeSession({
      session: device,
      broker,
      clusterId,
      clock,
      logger: log,
      signer,
      ingest: new ReportIngest({ node, client, sources: this.#sources, clock, logger: log }),
      numbers: this.#numbers,
      build: () => this.#sources.build(node),
      mayHaveToken: (request) => this.#mayHaveToken(node, request),
      issueToken,
      parts: this.#options.parts ?? [],
      streamWindows: this.#streamWindows,
      hold: this.#options.hold,
      memory: this.#memory,
      lanes: this.#lanes,
      reportSlots: this.#reportSlots,
      versions: this.#options.versions,
      warn: (reason, message) => this.#warn(node, reason, message),
    });
    this.#sessions.get(node)?.end();
    this.#lanes.drop(node);
    this.#sessions.set(node, session);
    session.expectHello(helloWithinMs, () => broker.disconnect(device, 'it did not say hello'));
    log.info('a board connected', { transport: device.transport, bootId: device.bootId });
    this.#liveness.connected(node);
    this.#leases.renew(node);
  }

  #timed(work: () => void): void {
    const beganMs = this.#options.clock.monotonicMs();
    work();
    this.#workMs += this.#options.clock.monotonicMs() - beganMs;
  }

  #disconnected(device: DeviceSession, reason: string, idleMs: number): void {
    const session = this.#sessions.get(device.node);
    // Compare and delete: the end of an old session says nothing about the new one.
    if (session?.device.epoch !== device.epoch) return;
    session.end();
    this.#lanes.drop(device.node);
    this.#sessions.delete(device.node);
    this.#options.logger.info('a board disconnected', { node: device.node, session: device.epoch, reason });
    this.#liveness.disconnected(device.node, device.keepAliveMs, idleMs);
  }

  async *#logs(node: string, pod: Parameters<NodeConnector['logs']>[1], options: LogOptions, signal: AbortSignal): AsyncGenerator<Buffer> {
    const session = this.#sessions.get(node);
    if (!session) throw this.#offline(node);
    yield* session.streams.logs(pod, options, signal);
  }

  #open(node: string, request: NodeStreamRequest | NodeShellRequest, signal: AbortSignal): NodeStream {
    return this.#sessions.get(node)?.streams.open(request, signal) ?? refusedStream(this.#offline(node));
  }

  #offline(node: string): StatusError {
    return unavailable(offlineWords(node, kubeTime(this.#awaySinceWallMs(node) ?? this.#options.clock.wallMs())));
  }

  /** By this hub, else as hubs before it wrote it down: in the Node when it went away, in its Lease while it was there. */
  #awaySinceWallMs(node: string): number | undefined {
    if (this.#sessions.has(node)) return undefined;
    const heardMs = this.#liveness.awaySinceWallMs(node);
    if (heardMs !== undefined) return heardMs;
    const known = this.#sources.node(node);
    const ready = known?.status?.conditions?.find(({ type }) => type === 'Ready');
    const lastMs = Date.parse(ready?.lastHeartbeatTime ?? '') || Date.parse(known?.metadata?.creationTimestamp ?? '');
    const leaseMs = ready?.status === 'Unknown' ? Number.NaN : (this.#leases.renewedMs(node) ?? Number.NaN);
    const times = [lastMs, leaseMs].filter((ms) => !Number.isNaN(ms));
    return times.length > 0 ? Math.max(...times) : undefined;
  }

  #mayHaveToken(node: string, { namespace, podName, podUid, serviceAccount }: TokenMessage): boolean {
    const pod = this.#sources.pod(namespace, podName);
    return pod?.metadata?.uid === podUid && pod.spec?.nodeName === node && (pod.spec.serviceAccountName ?? 'default') === serviceAccount;
  }

  /** What asks a board to come again. */
  #farewell(node: string, retry: RetryMessage): Buffer[] {
    const { clusterId, signer } = this.#options;
    return encodeJson(seal(signer, 'retry', { clusterId, node }, retry));
  }

  #incident(incident: Incident): void {
    const { node, type, movedTo } = incident;
    if (movedTo !== undefined) this.#options.moved?.(node, movedTo);
    const message = this.#incidents.message(incident);
    if (message === undefined) return;
    this.#options.logger.warn('incident on the device link', { node, type, incident: message });
    this.#warn(node, incidentReasons[type], message);
  }

  #warn(node: string, reason: string, message: string): void {
    const about = this.#sources.node(node) ?? { apiVersion: 'v1', kind: 'Node', metadata: { name: node, uid: node } };
    this.#options.events.event(about, 'Warning', reason, message);
  }
}
