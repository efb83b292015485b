import type { EnvelopePurpose } from '@flotilla/shared/protocol/envelope.js';
import type { TokenRequest } from '@flotilla/shared/protocol/link-messages.js';
import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';
import type { ManifestUpdate, ObjectPart, ObjectWant } from '@flotilla/shared/protocol/manifest-messages.js';
import type { Generation, StatusReport } from '@flotilla/shared/protocol/messages.js';
import type { PodStream, StreamRequest } from '@flotilla/shared/protocol/stream-messages.js';
import type { DownKind, UpKind } from '@flotilla/shared/protocol/topics.js';

/** What the rest of the agent asks of the link. Implemented over MQTT, and by a simulated courier. */
export interface HubLink {
  /** `start` will follow: what takes its time and tells the hub nothing may begin. */
  prepare?(): void;
  /** Begins to connect and keeps at it for ever. Never throws because the hub is away. */
  start(): void;
  stop(): Promise<void>;
  readonly connected: boolean;
  /** Sends a report; resolves when the hub acknowledged it, rejects when the session ends first (send it again on the next). */
  report(report: StatusReport): Promise<void>;
  /** A token for a pod's projected volume (TokenRequest, bound to the pod). Rejects while the hub is away. */
  requestToken(request: TokenRequest): Promise<{ token: string; expirationWallMs: number }>;
}

/** What the link asks of the rest of the agent. */
export interface LinkHandlers {
  /**
   * What the hub signed for this node; it may be old, a copy, or lack objects. Resolves when it is safe on disk and acted upon, or with
   * what is missing: the link fetches that. @throws ProtocolError `Gap` when a complete one is needed
   */
  manifest(update: ManifestUpdate): Promise<ManifestOutcome>;
  /** Objects that were missing, or pieces of them. As `manifest`. */
  objects(parts: readonly ObjectPart[]): Promise<ManifestOutcome>;
  /** The generation in hand, told to the hub at hello so that an unchanged board is sent nothing. */
  applied(): Generation | undefined;
  /** What the hub has of this board's reports, told to it at hello: see `Hello.reported`. */
  reported?(): number | undefined;
  /** A session began. Send a full report, unless the hub has what `reported` said: then only what changed since. */
  connected(hubHasReports?: boolean): void;
  disconnected(): void;
  /** The hub's clock, proven fresh by a nonce: from here on at least this late. */
  time?(hubWallMs: number): void;
  /** Log text of a container. @throws Error with a message for the client */
  logs(pod: { namespace: string; name: string; uid: string }, options: LogOptions, signal: AbortSignal): AsyncIterable<Buffer>;
  /** Exec, attach, port-forward, calls to the API; a board without it says so to its hub. */
  openStream?: OpenStream;
}

/**
 * Opens a stream to a pod of this board. The signal's end closes it; what an exec started is killed then.
 * @throws StatusError whose words and code go to the client
 */
export type OpenStream = (request: StreamRequest, signal: AbortSignal) => Promise<PodStream>;

/** What came of a message about the manifest. */
export interface ManifestOutcome {
  /** Something new is in hand, safe on disk. */
  readonly applied: boolean;
  /** What has to be fetched before the newest manifest can be taken over; empty when nothing waits. */
  readonly wants: readonly ObjectWant[];
}

/** One session as a part sees it: from the welcome to the end of the connection. */
export interface LinkChannel {
  /** The number from the welcome: goes into every message of this session. */
  readonly session: number;
  readonly bootId: string;
  /** Rejects when the session is over, with ProtocolError `TooLarge` when the message does not fit. */
  send(kind: UpKind, value: unknown): Promise<void>;
  /** What the hub signed for this very board and purpose. @throws ProtocolError */
  open(purpose: EnvelopePurpose, value: unknown): unknown;
}

/** Counts what travels over the link. */
export interface LinkMeter {
  /** @param bytes of topic and payload */
  message(direction: 'up' | 'down', kind: UpKind | DownKind, bytes: number): void;
  /** A ping, or the answer to one. */
  ping(direction: 'up' | 'down', bytes: number): void;
}

/** Kinds of messages with a class of their own, registered with the link; lives over all sessions. */
export interface LinkPart {
  /** What of the hub's messages is its own. */
  readonly kinds: readonly DownKind[];
  /** A session was welcomed. */
  begin?(channel: LinkChannel): void;
  /** Called in a welcomed session only. @throws ProtocolError the link tells the hub that it refuses the message, and why */
  receive(kind: DownKind, value: unknown, channel: LinkChannel): void;
  /** The session of the last `begin` is over. */
  end?(): void;
}
