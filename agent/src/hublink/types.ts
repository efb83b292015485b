import type { EnvelopePurpose } from '@flotilla/shared/protocol/envelope.js';
import type { TokenRequest } from '@flotilla/shared/protocol/link-messages.js';
import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';
import type { NodeManifest, StatusReport } from '@flotilla/shared/protocol/messages.js';
import type { DownKind, UpKind } from '@flotilla/shared/protocol/topics.js';

/** What the rest of the agent asks of the link. Implemented over MQTT, and by a simulated courier. */
export interface HubLink {
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
  /** A verified manifest for this node, newer than the one in hand. Resolves when it is safe on disk; then it is acknowledged. */
  manifest(manifest: NodeManifest): Promise<void>;
  /** The generation in hand, told to the hub at hello so that an unchanged board is sent nothing. */
  applied(): NodeManifest['generation'] | undefined;
  /** A session began: send a full report. */
  connected(): void;
  disconnected(): void;
  /** The hub's clock, proven fresh by a nonce: from here on at least this late. */
  time?(hubWallMs: number): void;
  /** Log text of a container. @throws Error with a message for the client */
  logs(pod: { namespace: string; name: string; uid: string }, options: LogOptions, signal: AbortSignal): AsyncIterable<Buffer>;
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
