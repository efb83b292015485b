/**
 * What hub and board say to each other, as data. How it is framed, signed and sent is in the other files of this folder and in
 * shared/docs/protocol.md. Both directions carry state with a generation; a duplicate or a reordered message changes nothing.
 */

/** Orders what a board was sent, even across a restore of the hub: first by epoch, then by revision. */
export interface Generation {
  readonly epoch: number;
  readonly revision: number;
  /** Names the content (content.ts): a board that has it needs no copy, whichever hub numbered it. Takes no part in the order. */
  readonly digest: string;
}

export function compareGenerations(a: Omit<Generation, 'digest'>, b: Omit<Generation, 'digest'>): number {
  return a.epoch - b.epoch || a.revision - b.revision;
}

/** The status of one pod as its board sees it. */
export interface PodReport {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Grows with every change of this pod's report; survives agent restarts. */
  readonly sequence: number;
  /** v1.PodStatus without what only the hub knows. */
  readonly status: Record<string, unknown>;
  /** The containers are gone for good and nothing of the pod is left: the API object may go. */
  readonly gone?: boolean;
}

/** What happened on the board and shall become an Event of the API. */
export interface BoardEvent {
  /** Unique on this board; the hub stores an event once. */
  readonly id: string;
  readonly involvedObject: {
    readonly kind: string;
    readonly namespace?: string;
    readonly name: string;
    readonly uid?: string;
    readonly fieldPath?: string;
  };
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** The board's best guess. */
  readonly wallMs: number;
  /** True time in which it happened, by the hub's own word; exact when both are the same. Without them the board's clock is all there is. */
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

/** v1.Node as the board knows itself; the hub merges it into the Node object. */
export interface NodeReport {
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
  /** Grows with every change. */
  readonly sequence: number;
  /** capacity, allocatable, conditions, addresses, nodeInfo, images. */
  readonly status: Record<string, unknown>;
}

/** Board → hub: everything that changed since the hub's last acknowledgement; idempotent. */
export interface StatusReport {
  readonly node?: NodeReport;
  readonly pods: readonly PodReport[];
  readonly events: readonly BoardEvent[];
  /** The manifest this board has taken over. */
  readonly applied: Generation | undefined;
  /** True in the first report of a session: `pods` is all this board has; what is missing here has no trace left on it. */
  readonly full: boolean;
}
