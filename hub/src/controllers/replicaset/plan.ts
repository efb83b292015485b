import type { Pod, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '@flotilla/shared/api/generated/types.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { controllerRef } from '../ownership.ts';
import { isReady, untilAvailableMs } from '../pod-state.ts';
import { deletionOrder } from './rank.ts';

/** The most pods one look creates or deletes (replicaset.BurstReplicas). */
const burst = 500;

export type ReplicaSetStep =
  | { readonly type: 'create'; readonly count: number }
  | { readonly type: 'delete'; readonly pods: readonly Pod[] };

export interface ReplicaSetView {
  readonly replicaSet: ReplicaSet;
  /** Claimed, not finished, not going. */
  readonly pods: readonly Pod[];
  /** Those that are going and must be gone before another is made. */
  readonly lingering: number;
  /** How many pods of the same family run on this pod's node. */
  readonly sameNode: (pod: Pod) => number;
  readonly nowMs: number;
}

export function planReplicas({ replicaSet, pods, lingering, sameNode, nowMs }: ReplicaSetView): ReplicaSetStep | undefined {
  if (replicaSet.metadata?.deletionTimestamp) return undefined;
  const missing = (replicaSet.spec?.replicas ?? 1) - pods.length;
  if (missing > lingering) return { type: 'create', count: Math.min(missing - lingering, burst) };
  if (missing < 0) return { type: 'delete', pods: deletionOrder(pods, sameNode, nowMs).slice(0, Math.min(-missing, burst)) };
  return undefined;
}

/** Sizes of the batches in which `count` creations go out: 1, 2, 4, … so that a hopeless template fails once, not 500 times. */
export function* slowStart(count: number): Generator<number> {
  for (let size = 1, left = count; left > 0; size *= 2) {
    const batch = Math.min(size, left);
    yield batch;
    left -= batch;
  }
}

export function podFor(replicaSet: ReplicaSet): Pod {
  const template = replicaSet.spec?.template;
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${replicaSet.metadata?.name}-`,
      namespace: replicaSet.metadata?.namespace ?? '',
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [controllerRef(replicaSet, replicaSet.apiVersion ?? 'apps/v1', replicaSet.kind ?? 'ReplicaSet')],
    },
    ...(template?.spec ? { spec: template.spec } : {}),
  };
}

export interface Failure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
}

/** The status that these pods make, and when it changes by time alone. */
export function planStatus(
  replicaSet: ReplicaSet,
  pods: readonly Pod[],
  failure: Failure | undefined,
  nowMs: number,
): { status: ReplicaSetStatus; requeueAfterMs?: number } {
  const wanted = Object.entries(replicaSet.spec?.template?.metadata?.labels ?? {});
  const minReadySeconds = replicaSet.spec?.minReadySeconds ?? 0;
  const counts = { fullyLabeledReplicas: 0, readyReplicas: 0, availableReplicas: 0 };
  let next = Number.POSITIVE_INFINITY;
  for (const pod of pods) {
    if (wanted.every(([key, value]) => pod.metadata?.labels?.[key] === value)) counts.fullyLabeledReplicas++;
    if (!isReady(pod)) continue;
    counts.readyReplicas++;
    const wait = untilAvailableMs(pod, minReadySeconds, nowMs);
    if (wait === 0) counts.availableReplicas++;
    else if (wait !== undefined) next = Math.min(next, wait);
  }
  const conditions = withFailure(replicaSet.status?.conditions ?? [], failure, nowMs);
  const status: ReplicaSetStatus = {
    replicas: pods.length,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    observedGeneration: replicaSet.metadata?.generation ?? 0,
    ...(conditions.length > 0 ? { conditions: [...conditions] } : {}),
  };
  return { status, ...(Number.isFinite(next) ? { requeueAfterMs: next } : {}) };
}

function withFailure(
  conditions: readonly ReplicaSetCondition[],
  failure: Failure | undefined,
  nowMs: number,
): readonly ReplicaSetCondition[] {
  const known = conditions.some(({ type }) => type === 'ReplicaFailure');
  if (!failure) return known ? conditions.filter(({ type }) => type !== 'ReplicaFailure') : conditions;
  if (known) return conditions;
  return [...conditions, { type: 'ReplicaFailure', status: 'True', ...failure, lastTransitionTime: kubeTime(nowMs) }];
}

export function sameStatus(a: ReplicaSetStatus | undefined, b: ReplicaSetStatus): boolean {
  const fields = ['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration'] as const;
  const failure = (status: ReplicaSetStatus | undefined) => status?.conditions?.find(({ type }) => type === 'ReplicaFailure')?.reason;
  return a !== undefined && fields.every((field) => (a[field] ?? 0) === (b[field] ?? 0)) && failure(a) === failure(b);
}
