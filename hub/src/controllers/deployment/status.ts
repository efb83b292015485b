import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { maxUnavailable, replicasOf, sumReplicas, sumStatus } from './replicas.ts';

const noDeadline = 2 ** 31 - 1;
/** Reasons of the Progressing condition after which time alone changes nothing. */
const final: ReadonlySet<string> = new Set(['NewReplicaSetAvailable', 'ProgressDeadlineExceeded']);

export type ConditionInput = Pick<DeploymentCondition, 'type' | 'status' | 'reason' | 'message'>;

export function hasDeadline(deployment: Deployment): boolean {
  const seconds = deployment.spec?.progressDeadlineSeconds;
  return seconds !== undefined && seconds !== noDeadline;
}

export function conditionOf(status: DeploymentStatus | undefined, type: string): DeploymentCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** Sets a condition unless it says the same already; its transition time moves only with its status. */
export function withCondition(
  conditions: readonly DeploymentCondition[],
  input: ConditionInput,
  nowMs: number,
): readonly DeploymentCondition[] {
  const old = conditions.find(({ type }) => type === input.type);
  if (old && old.status === input.status && old.reason === input.reason) return conditions;
  return replaceCondition(conditions, input, nowMs);
}

/** The same, and what is there already gets a new update time: a sign of progress. */
function replaceCondition(
  conditions: readonly DeploymentCondition[],
  input: ConditionInput,
  nowMs: number,
): readonly DeploymentCondition[] {
  const old = conditions.find(({ type }) => type === input.type);
  const now = kubeTime(nowMs);
  const lastTransitionTime = old?.status === input.status ? (old.lastTransitionTime ?? now) : now;
  return [...without(conditions, input.type), { ...input, lastTransitionTime, lastUpdateTime: now }];
}

function without(conditions: readonly DeploymentCondition[], type: string): readonly DeploymentCondition[] {
  return conditions.filter((condition) => condition.type !== type);
}

/** Counts and the Available condition; the other conditions as they are. */
export function calculateStatus(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  newSet: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus {
  const availableReplicas = sumStatus(all, 'availableReplicas');
  const enough = availableReplicas >= replicasOf(deployment) - maxUnavailable(deployment);
  const conditions = withCondition(
    deployment.status?.conditions ?? [],
    {
      type: 'Available',
      status: enough ? 'True' : 'False',
      reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: enough ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.',
    },
    nowMs,
  );
  const counts = {
    replicas: sumStatus(all, 'replicas'),
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: sumStatus(all, 'readyReplicas'),
    availableReplicas,
    unavailableReplicas: Math.max(0, sumReplicas(all) - availableReplicas),
  };
  const { collisionCount } = deployment.status ?? {};
  return {
    observedGeneration: deployment.metadata?.generation ?? 0,
    // Counts of nothing are left out, as Go leaves out zeros.
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: [...conditions],
  };
}

export function isComplete(deployment: Deployment, status: DeploymentStatus | undefined): boolean {
  const wanted = replicasOf(deployment);
  return (
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.replicas ?? 0) === wanted &&
    (status?.availableReplicas ?? 0) === wanted &&
    (status?.observedGeneration ?? 0) >= (deployment.metadata?.generation ?? 0)
  );
}

function hasProgressed(old: DeploymentStatus | undefined, now: DeploymentStatus): boolean {
  const count = (status: DeploymentStatus | undefined, field: 'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas') =>
    status?.[field] ?? 0;
  const stale = (status: DeploymentStatus | undefined): number => count(status, 'replicas') - count(status, 'updatedReplicas');
  return (
    count(now, 'updatedReplicas') > count(old, 'updatedReplicas') ||
    stale(now) < stale(old) ||
    count(now, 'readyReplicas') > count(old, 'readyReplicas') ||
    count(now, 'availableReplicas') > count(old, 'availableReplicas')
  );
}

function hasTimedOut(deployment: Deployment, nowMs: number): boolean {
  const condition = conditionOf(deployment.status, 'Progressing');
  if (!condition || condition.reason === 'NewReplicaSetAvailable') return false;
  if (condition.reason === 'ProgressDeadlineExceeded') return true;
  return nowMs > deadlineMs(deployment, condition);
}

function deadlineMs(deployment: Deployment, condition: DeploymentCondition): number {
  return Date.parse(condition.lastUpdateTime ?? '') + (deployment.spec?.progressDeadlineSeconds ?? 0) * 1000;
}

/** The status during a rollout, with its Progressing condition; what an unmodified `kubectl rollout status` reads. */
export function rolloutStatus(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  newSet: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus {
  const status = calculateStatus(deployment, all, newSet, nowMs);
  let conditions: readonly DeploymentCondition[] = status.conditions ?? [];
  const current = conditionOf(deployment.status, 'Progressing');
  const settled = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable';
  const subject = newSet ? `ReplicaSet "${newSet.metadata?.name}"` : `Deployment "${deployment.metadata?.name}"`;
  if (!hasDeadline(deployment)) conditions = without(conditions, 'Progressing');
  else if (!settled) {
    const type = 'Progressing';
    if (isComplete(deployment, status)) {
      const message = `${subject} has successfully progressed.`;
      conditions = withCondition(conditions, { type, status: 'True', reason: 'NewReplicaSetAvailable', message }, nowMs);
    } else if (hasProgressed(deployment.status, status)) {
      const message = `${subject} is progressing.`;
      conditions = replaceCondition(conditions, { type, status: 'True', reason: 'ReplicaSetUpdated', message }, nowMs);
    } else if (hasTimedOut(deployment, nowMs)) {
      const message = `${subject} has timed out progressing.`;
      conditions = withCondition(conditions, { type, status: 'False', reason: 'ProgressDeadlineExceeded', message }, nowMs);
    }
  }
  const failure = [newSet, ...all].flatMap((set) => set?.status?.conditions ?? []).find(({ type }) => type === 'ReplicaFailure');
  conditions = failure
    ? withCondition(conditions, { type: failure.type, status: failure.status, reason: failure.reason, message: failure.message }, nowMs)
    : without(conditions, 'ReplicaFailure');
  return { ...status, conditions: [...conditions] };
}

/** When to look again for a rollout that stands still; undefined when nothing is to be expected. */
export function progressCheckMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const condition = conditionOf(status, 'Progressing');
  if (!hasDeadline(deployment) || !condition) return undefined;
  // A rollout that once was complete never times out, whatever becomes of its pods: without this, each of a board that is away would be
  // looked at every second.
  if (isComplete(deployment, status) || final.has(condition.reason ?? '')) return undefined;
  if (deployment.spec?.paused) return undefined;
  return Math.max(0, deadlineMs(deployment, condition) - nowMs) + 1000;
}
