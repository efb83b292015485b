import type { TokenRequest } from '@flotilla/shared/protocol/link-messages.js';
import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';
import type { NodeManifest, StatusReport } from '@flotilla/shared/protocol/messages.js';

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
