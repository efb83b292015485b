import type { Pod, Taint } from '@flotilla/shared/api/generated/types.js';
import { isReplaced, leaseOf, offlineAnnotations } from '@flotilla/shared/api/offline-policy.js';
import { isActive, isFinished } from '../pod-state.ts';

export type TaintsOf = (node: string | undefined) => readonly Taint[] | undefined;

/**
 * The pods that count towards the number wanted: not finished, not going, and not those that wait for their board's return while
 * another has their place. When the board is back they count again, and there is one too many.
 */
export function countedPods(pods: readonly Pod[], taintsOf: TaintsOf): Pod[] {
  return pods.filter((pod) => isActive(pod) && !isReplaced(pod, taintsOf(pod.spec?.nodeName)));
}

/**
 * How many pods are to go and must be gone before another takes their place: a pod that stops with its lease is one that nobody wants
 * to run twice. Kubernetes does not wait for any.
 */
export function lingering(pods: readonly Pod[]): number {
  return pods.filter((pod) => pod.metadata?.deletionTimestamp !== undefined && !isFinished(pod) && leaseOf(pod) !== undefined).length;
}

/** Whether another was made for this pod while its board was away, and it was not yet told that it has its place back. */
export function wasReplaced({ metadata }: Pod): boolean {
  return metadata?.annotations?.[offlineAnnotations.replacedIn] !== undefined;
}

/**
 * Those of the returned pods that have their place back: everything else that runs, or may still run, is no more than what is wanted
 * beside them. Until then a pod that stops with its lease is granted none.
 */
export function settledReturns(pods: readonly Pod[], replicas: number, taintsOf: TaintsOf): Pod[] {
  if (!pods.some(wasReplaced)) return [];
  const present = pods.filter((pod) => !isFinished(pod) && !isReplaced(pod, taintsOf(pod.spec?.nodeName)));
  return present.length > replicas ? [] : present.filter((pod) => wasReplaced(pod) && isActive(pod));
}

export function withoutReplaced(pod: Pod): Pod {
  const { [offlineAnnotations.replacedIn]: _gone, ...annotations } = pod.metadata?.annotations ?? {};
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}
