import type { Generation, StatusReport } from './messages.ts';
import type { RefusalReason } from './protocol-error.ts';

/** First message of a connection. Part of the frozen core: fields are only ever added. */
export interface Hello {
  readonly agentVersion: string;
  /** The protocol versions this board speaks. */
  readonly versions: readonly number[];
  /** The kernel's boot id: tells a reboot from a clone. */
  readonly bootId: string;
  /** Chosen anew for each connection; comes back in the signed welcome. */
  readonly nonce: string;
  /** 1: it opens exec, attach and forward streams, 2: shells too; missing: only those of logs. */
  readonly streams?: number;
  readonly applied?: Generation;
  /** The highest sequence of what a hub has acknowledged since the board's start, where nothing else waits for an acknowledgement. */
  readonly reported?: number;
}

/** The hub's answer, in a signed envelope. Part of the frozen core. */
export interface Welcome {
  readonly nonce: string;
  /** The version both shall speak from here on. */
  readonly version: number;
  /** Names this session: goes into every message of the board from here on. */
  readonly session: number;
  /** The hub's clock; fresh, because the nonce is. */
  readonly wallMs: number;
  /** The hub has all that `hello.reported` speaks of, unchanged: the board tells only what changed since. */
  readonly reported?: boolean;
}

export interface ReportMessage {
  readonly session: number;
  /** Counts up in a session; the same report sent again keeps its number. */
  readonly number: number;
  readonly report: StatusReport;
}

/** Everything in the report of this number is committed. */
export interface AckMessage {
  readonly session: number;
  readonly number: number;
}

/** Answers a manifest with what the board has in hand, whether it took that one over or not. */
export interface AppliedMessage {
  readonly session: number;
  readonly applied?: Generation;
}

/** A token that a pod shall have: bound to the pod, for the service account's name. */
export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName: string;
  readonly podUid: string;
  readonly audience?: string;
  readonly expirationSeconds: number;
}

export interface TokenMessage extends TokenRequest {
  readonly session: number;
  readonly id: string;
}

export type TokenAnswer = { readonly session: number; readonly id: string } & (
  | { readonly token: string; readonly expirationWallMs: number }
  | { readonly error: string }
);

export interface PodReference {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A message that was not taken, and why. */
export interface Refusal {
  /** The kind, or the topic where it was not a known kind. */
  readonly about: string;
  readonly reason: RefusalReason;
  readonly message: string;
}
