import type { Envelope, EnvelopePurpose } from '@flotilla/shared/protocol/envelope.js';
import type { StreamRequest } from '@flotilla/shared/protocol/stream-messages.js';
import type { DownKind, UpKind } from '@flotilla/shared/protocol/topics.js';
import type { DeviceSession } from '#broker/types.ts';
import type { NodeStream } from '#registry/generic/types.ts';

/** One session of one board as a part sees it: from hello to the end of the connection. */
export interface NodeChannel {
  /** `epoch` goes into every message of this session. */
  readonly device: DeviceSession;
  /** Rejects when the session is over, with ProtocolError `TooLarge` when the message does not fit. */
  send(kind: DownKind, value: unknown): Promise<void>;
  /** Signs for this very board and purpose. */
  seal(purpose: EnvelopePurpose, payload: unknown): Envelope;
  /** The signal's end closes it. */
  open(request: StreamRequest, signal: AbortSignal): NodeStream;
  /** Something an operator should see as an Event of the Node. */
  warn(reason: string, message: string): void;
}

/** Kinds of messages with a class of their own, registered with nodesync; one object for all boards and sessions. */
export interface NodePart {
  /** What of the boards' messages is its own. */
  readonly kinds: readonly UpKind[];
  /** A board said hello; once in a session. */
  begin?(channel: NodeChannel): void;
  /** Called after hello only. @throws ProtocolError the board is told that the message is refused, and why */
  receive(kind: UpKind, value: unknown, channel: NodeChannel): void;
  /** The session is over; after `begin` only, and before the `begin` of the session that takes over. */
  end?(channel: NodeChannel): void;
}

/** While the hub recovers, a board waits until what it runs is known here. */
export interface BoardHold {
  /** Resolves when this board's reports may be taken in; undefined when they may. */
  reports(node: string): Promise<void> | undefined;
  /** Resolves when this board may be told what it shall run; undefined when it may. */
  manifests(node: string): Promise<void> | undefined;
}
