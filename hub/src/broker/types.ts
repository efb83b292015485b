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
  readonly type:
    | 'Cloned'
    | 'DeniedPublish'
    | 'DeniedSubscribe'
    | 'SlowConsumer'
    | 'TooMuch'
    | 'TooLarge'
    | 'ConnectsTooOften'
    | 'NotAllowed';
  readonly message: string;
  /** Of a `Cloned` one: the other machine's serial number, when the registered machine is not connected itself. */
  readonly movedTo?: string;
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
  /**
   * Whether new sessions have to wait, and for how long about; 0 when they need not. Asked at each connect.
   */
  backlogMs?(): number;
  /** The payloads that ask a board to come again after a time (`retry`). Without it connections just end. */
  farewell?(node: string, bootId: string, afterMs: number): readonly Buffer[];
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
  /** So many bytes of this board were asked for: they do not count against what it may send. */
  expect(session: DeviceSession, bytes: number): void;
  /** A message of this board was none that it may send: that counts as many. */
  charge(session: DeviceSession): void;
  /** The session that is live now. */
  session(node: string): DeviceSession | undefined;
  readonly counters: Readonly<BrokerCounters>;
  readonly load: BrokerLoad;
}

/** What the link carries at this moment. */
export interface BrokerLoad {
  readonly sessions: number;
  /** What waits to be sent, over all boards. */
  readonly queuedBytes: number;
  /** New connections a second that the loop was found to carry, those that wait, and those that waited in vain. */
  readonly admittedPerSecond: number;
  readonly waiting: number;
  readonly dropped: number;
}

export interface BrokerCounters {
  connects: number;
  disconnects: number;
  messages: number;
  deniedPublishes: number;
  deniedSubscribes: number;
  /** Sessions that were asked to come again later: the hub stopped, or had too much to do. */
  sentAway: number;
  /** Sessions ended because the board did not read, or sent too much for too long. */
  slowConsumers: number;
  floods: number;
  /** Connections ended because of a packet above the limit. */
  tooLarge: number;
  /** Pauses in reading, because a board sent too much. */
  slowed: number;
  refused: Record<ConnectRefusal, number>;
}

export function newCounters(): BrokerCounters {
  return {
    connects: 0,
    disconnects: 0,
    messages: 0,
    deniedPublishes: 0,
    deniedSubscribes: 0,
    sentAway: 0,
    slowConsumers: 0,
    floods: 0,
    tooLarge: 0,
    slowed: 0,
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
  connectsPerSecond: 0.2,
  /** TLS handshakes a second: what is tried first, and between which bounds it follows what the loop carries. */
  handshakesPerSecond: { first: 200, least: 100, most: 2_000 },
  handshakeBurst: 64,
  /** Connections that wait for their handshake, and for how long; a board gives up after 15 s. */
  waitingHandshakes: 10_000,
  handshakeWaitMs: 9_000,
  /** Handshakes that have begun; the oldest gives way. */
  handshakesUnderWay: 2_000,
  handshakeMs: 15_000,
  /** New sessions wait when so much is to be done for those that are there. */
  backlogMs: 3_000,
  /** The furthest away that the hub itself sends a board. */
  longestRetryMs: 120_000,
  /** A device that is refused again and again gets its answer so late: meanwhile it does not knock. */
  refusalHeldMs: 5_000,
  heldRefusals: 2_000,
  /** What one device may send on average and at once, beside what it was asked for. */
  messagesPerSecond: 40,
  messageBurst: 600,
  bytesPerSecond: 256 * 1024,
  byteBurst: 8 * 1024 * 1024,
  /** What is refused for what it is costs as much of that as so many messages: fifteen at once, then one a second. */
  refusedAsMessages: 40,
  /** One owes so long a pause at most, which may become twice as long in a crowd: a board's ping comes after what is too much. */
  longestPauseMs: 10_000,
  /** Too much without a pause: after so long it is reported, after so long it is disconnected; so long a rest ends it. */
  excessReportedMs: 10_000,
  excessEndedMs: 60_000,
  excessEndsMs: 2_000,
  /** What may wait for one device, and for all; one that reads slower is disconnected. */
  queuedBytes: 16 * 1024 * 1024,
  queuedBytesInAll: 256 * 1024 * 1024,
  /** How full a connection's own buffer may be before the next message goes into it. */
  bufferedBytes: 16 * 1024,
  /** How long a full buffer may stay full. */
  drainMs: 30_000,
  /** Denied publishes and subscribes before the device is disconnected. */
  denials: 32,
  keepAliveSeconds: 1200,
  bootIdLength: 64,
  serialLength: 128,
} as const;
