import type { ConnectRefusal, DeviceIntroduction } from '@flotilla/shared/protocol/courier.js';
import type { DownKind, UpKind } from '@flotilla/shared/protocol/topics.js';

/** What a certificate proves about a device. */
export interface DeviceIdentity {
  readonly node: string;
  /** SHA-256 of its public key, base64url: identity is the key, certificates come and go. */
  readonly keyId: string;
}

/** One connection of one device, from CONNECT to its end. Plain data: the broker may move to a thread. */
export interface DeviceSession extends DeviceIdentity, DeviceIntroduction {
  /** Unique and growing, also across restarts of the hub and whatever its clock says; names the session everywhere. */
  readonly epoch: number;
  readonly connectedWallMs: number;
  readonly transport: 'mqtt' | 'websocket' | 'simulated';
}

/** A board that is enrolled. */
export interface Board extends DeviceIdentity {
  /** The machine's serial number as it joined; empty when it named none. */
  readonly serial: string;
}

/** Who may connect; asked at every connect, so that what is revoked stays out. */
export interface Boards {
  get(node: string): Board | undefined;
}

/** Something an operator should know; the counters count them, nodesync makes events of them. */
export interface Incident {
  readonly node: string;
  readonly type: 'Cloned' | 'DeniedPublish' | 'DeniedSubscribe' | 'SlowConsumer';
  readonly message: string;
}

/** Called synchronously; must not throw and must not block. */
export interface BrokerHandler {
  connected(session: DeviceSession): void;
  /**
   * Exactly once for each `connected`, and before the `connected` of the session that takes over: this is the will, and because it
   * names the epoch a late one can never end a newer session.
   * @param idleMs how long nothing had been heard from the device
   */
  disconnected(session: DeviceSession, reason: string, idleMs: number): void;
  /** In the order the device sent them. */
  message(session: DeviceSession, kind: UpKind, payload: Buffer): void;
  incident(incident: Incident): void;
}

/** The port to whatever carries messages: the embedded broker, an external one, the simulated one. One contract suite for all. */
export interface Broker {
  /** @param incarnation a number that grows with each start of a hub of this cluster: epochs begin above it */
  start(handler: BrokerHandler, incarnation?: number): Promise<void>;
  stop(): Promise<void>;
  /** Resolves when the payload was handed to the connection (its buffer has drained), rejects when the session is over. */
  send(session: DeviceSession, kind: DownKind, payload: Buffer): Promise<void>;
  /** Ends the session; a session that is over already is left alone. */
  disconnect(session: DeviceSession, reason: string): void;
  /** The session that is live now. */
  session(node: string): DeviceSession | undefined;
  readonly counters: Readonly<BrokerCounters>;
}

export interface BrokerCounters {
  connects: number;
  disconnects: number;
  messages: number;
  deniedPublishes: number;
  deniedSubscribes: number;
  refused: Record<ConnectRefusal, number>;
}

export function newCounters(): BrokerCounters {
  return {
    connects: 0,
    disconnects: 0,
    messages: 0,
    deniedPublishes: 0,
    deniedSubscribes: 0,
    refused: { quarantined: 0, busy: 0, unauthorized: 0 },
  };
}

/** So many session numbers belong to one incarnation: whoever opened half of them takes another for the rest. */
export const sessionsPerIncarnation = 2 ** 20;

export const brokerLimits = {
  /** Connections in all; one more is not accepted. */
  connections: 20_000,
  /** Connects of one device: so many at once, and so many a second on average. */
  connectBurst: 20,
  connectsPerSecond: 2,
  /** What may wait in one connection's buffer; a device that reads slower is disconnected. */
  queuedBytes: 16 * 1024 * 1024,
  /** How long a full buffer may stay full. */
  drainMs: 30_000,
  /** Denied publishes and subscribes before the device is disconnected. */
  denials: 32,
  keepAliveSeconds: 1200,
  bootIdLength: 64,
  serialLength: 128,
} as const;
