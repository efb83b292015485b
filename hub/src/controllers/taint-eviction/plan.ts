import type { Node, Pod, Taint } from '@flotilla/shared/api/generated/types.js';
import { absenceOf, absenceTaints, isReplaced, offlinePolicy } from '@flotilla/shared/api/offline-policy.js';
import { tolerates } from '@flotilla/shared/api/tolerations.js';
import { controllerOf } from '@flotilla/shared/meta/object.js';

/** How a pod leaves its node, and in how many milliseconds. */
export type Departure =
  /** Marked for deletion: as Kubernetes does. */
  | { readonly how: 'delete'; readonly afterMs: number }
  /** Removed at once, for nothing of it can be running any more. `afterMs` is from the ledger of leases. */
  | { readonly how: 'remove'; readonly afterMs: number }
  /** Kept for its board's return, while its ReplicaSet makes another: `absence` is what `absenceOf` says. */
  | { readonly how: 'replace'; readonly afterMs: number; readonly absence: string; readonly lease: boolean };

export interface DepartureView {
  readonly pod: Pod;
  readonly node: Node;
  /** Annotations of the pod's Namespace. */
  readonly namespace: Readonly<Record<string, string>> | undefined;
  /** Milliseconds since a taint was added. */
  readonly elapsedMs: (taint: Taint) => number;
  /** Milliseconds until the pod's last lease is over; asked only for pods that have one. */
  readonly leaseOverInMs: () => number;
}

/**
 * Whether, how and when a pod leaves its node because of the node's NoExecute taints; undefined for never. Absence alone is no reason
 * to leave: that is for the pod's policy to say. Any other NoExecute taint was set by somebody who means it, and works as in
 * Kubernetes (pkg/controller/tainteviction): of the first toleration that fits each taint, the shortest `tolerationSeconds` counts.
 */
export function planDeparture(view: DepartureView): Departure | undefined {
  const taints = (view.node.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
  const going = view.pod.metadata?.deletionTimestamp !== undefined;
  let soonest: Departure | undefined;
  for (const taint of taints) {
    const departure = absenceTaints.has(taint.key) ? byPolicy(view, taint) : byToleration(view, taint);
    // One that is marked for deletion already can only be removed.
    if (!departure || (going && departure.how !== 'remove')) continue;
    if (!soonest || departure.afterMs < soonest.afterMs) soonest = departure;
  }
  return soonest;
}

function byToleration({ pod, elapsedMs }: DepartureView, taint: Taint): Departure | undefined {
  const toleration = pod.spec?.tolerations?.find((one) => tolerates(one, taint));
  if (!toleration) return { how: 'delete', afterMs: 0 };
  if (toleration.tolerationSeconds === undefined) return undefined;
  return { how: 'delete', afterMs: Math.max(0, toleration.tolerationSeconds * 1000 - elapsedMs(taint)) };
}

function byPolicy({ pod, node, namespace, elapsedMs, leaseOverInMs }: DepartureView, taint: Taint): Departure | undefined {
  const policy = offlinePolicy({ pod, namespace, node: node.metadata?.annotations, taint });
  if (policy.when === 'Keep') return undefined;
  const lease = policy.when === 'Stop';
  if (lease && pod.metadata?.deletionTimestamp) return { how: 'remove', afterMs: leaseOverInMs() };
  if (isReplaced(pod, node.spec?.taints)) return undefined;
  const controller = controllerOf(pod);
  // Nobody makes another of a pod that is on its own: to delete it would be no replacement, unless its author asked in Kubernetes' words.
  if (!controller && policy.byToleration !== true) return undefined;
  const afterMs = lease ? leaseOverInMs() : Math.max(0, policy.afterMs - elapsedMs(taint));
  if (policy.onReturn === 'KeepOriginal' && controller?.kind === 'ReplicaSet') {
    return { how: 'replace', afterMs, absence: absenceOf(node.spec?.taints) ?? '', lease };
  }
  return { how: lease ? 'remove' : 'delete', afterMs };
}
