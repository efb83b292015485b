import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { isFinished } from '../pod-state.ts';
import { newSetAnnotations, nextRevision, revisionAnnotation, revisionOf, sameAnnotations } from './annotations.ts';
import { newReplicaSet } from './new-replica-set.ts';
import { active, byAge, desiredAnnotation, isRolling, newReplicas, replicasOf } from './replicas.ts';
import { planRollingDown, planScaling, type Resize } from './scaling.ts';
import { calculateStatus, conditionOf, hasDeadline, isComplete, progressCheckMs, rolloutStatus, withCondition } from './status.ts';
import { templateText } from './template-hash.ts';

/** What is known of one Deployment; `pods` are those of each of its ReplicaSets, by uid. */
export interface DeploymentView {
  readonly deployment: Deployment;
  readonly replicaSets: readonly ReplicaSet[];
  readonly podsOf: (set: ReplicaSet) => readonly Pod[];
  /** How many pods there are that a new ReplicaSet would adopt: nobody's, and as its template wants them. None when left out. */
  readonly adoptable?: (set: ReplicaSet) => number;
  readonly nowMs: number;
}

export type DeploymentStep =
  | { readonly type: 'create'; readonly replicaSet: ReplicaSet }
  | { readonly type: 'annotate'; readonly set: ReplicaSet; readonly annotations: Record<string, string>; readonly minReadySeconds: number }
  | ({ readonly type: 'resize' } & Resize)
  | { readonly type: 'remove'; readonly set: ReplicaSet }
  | { readonly type: 'revision'; readonly revision: string }
  /** `created`: a step before has made a ReplicaSet, and written how that went. */
  | { readonly type: 'status'; readonly status: DeploymentStatus; readonly created?: boolean };

export interface DeploymentPlan {
  readonly steps: readonly DeploymentStep[];
  readonly requeueAfterMs?: number;
}

/**
 * The next steps of a Deployment (pkg/controller/deployment). One look takes one kind of step: what it changes brings the
 * key back, so that a plan is always made from what is and never from what was meant.
 */
export function planDeployment(view: DeploymentView): DeploymentPlan {
  const { deployment, nowMs } = view;
  const sets = [...view.replicaSets].sort(byAge);
  const text = templateText(deployment.spec?.template ?? { spec: { containers: [] } });
  const newSet = sets.find((set) => set.spec?.template && templateText(set.spec.template) === text);
  const old = sets.filter((set) => set !== newSet);
  const shape: Shape = { view, sets, newSet, old };

  if (deployment.metadata?.deletionTimestamp) return finish(shape, [], calculateStatus(deployment, sets, newSet, nowMs));
  const paused = pausedCondition(deployment, nowMs);
  if (paused) return { steps: [{ type: 'status', status: paused }] };
  const existing = newSet ? planExisting(deployment, newSet, old) : [];
  if (deployment.spec?.paused || isScaling(deployment, sets)) {
    const steps = [...existing, ...planScaling(deployment, newSet, old).map(resize)];
    if (deployment.spec?.paused) steps.push(...planHistory(deployment, old));
    return finish(shape, steps, calculateStatus(deployment, sets, newSet, nowMs));
  }
  if (existing.some(({ type }) => type === 'annotate')) return finish(shape, existing, foundStatus(shape));
  const steps = isRolling(deployment) ? planRolling(shape) : planRecreate(shape);
  if (steps.length === 0 && isComplete(deployment, deployment.status)) steps.push(...planHistory(deployment, old));
  return finish(shape, [...existing, ...steps], foundStatus(shape));
}

interface Shape {
  readonly view: DeploymentView;
  readonly sets: readonly ReplicaSet[];
  readonly newSet: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
}

const resize = (change: Resize): DeploymentStep => ({ type: 'resize', ...change });

function finish({ view }: Shape, steps: readonly DeploymentStep[], status: DeploymentStatus): DeploymentPlan {
  const { deployment, nowMs } = view;
  const after = progressCheckMs(deployment, status, nowMs);
  const created = steps.some(({ type }) => type === 'create');
  return {
    steps: sameStatus(deployment.status, status) ? steps : [...steps, { type: 'status', status, created }],
    ...(after === undefined ? {} : { requeueAfterMs: after }),
  };
}

function sameStatus(a: DeploymentStatus | undefined, b: DeploymentStatus): boolean {
  const sorted = (status: DeploymentStatus): string => JSON.stringify(status, Object.keys(flatten(status)).sort());
  return a !== undefined && sorted(a) === sorted(b);
}

/** All property names of a status, for a comparison that does not care for their order. */
function flatten(status: DeploymentStatus): Record<string, true> {
  const names: Record<string, true> = {};
  for (const [key, value] of Object.entries(status)) {
    names[key] = true;
    if (Array.isArray(value)) for (const item of value) for (const name of Object.keys(item)) names[name] = true;
  }
  return names;
}

function pausedCondition(deployment: Deployment, nowMs: number): DeploymentStatus | undefined {
  if (!hasDeadline(deployment)) return undefined;
  const condition = conditionOf(deployment.status, 'Progressing');
  if (condition?.reason === 'ProgressDeadlineExceeded') return undefined;
  const known = condition?.reason === 'DeploymentPaused';
  const paused = deployment.spec?.paused ?? false;
  if (paused === known) return undefined;
  const [reason, message] = paused ? ['DeploymentPaused', 'Deployment is paused'] : ['DeploymentResumed', 'Deployment is resumed'];
  const conditions = withCondition(deployment.status?.conditions ?? [], { type: 'Progressing', status: 'Unknown', reason, message }, nowMs);
  return { ...deployment.status, conditions: [...conditions] };
}

/** What the new ReplicaSet that is there already, and the Deployment's revision, still lack. */
function planExisting(deployment: Deployment, set: ReplicaSet, old: readonly ReplicaSet[]): DeploymentStep[] {
  const steps: DeploymentStep[] = [];
  const annotations = newSetAnnotations(deployment, set, nextRevision(old));
  const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
  if (!sameAnnotations(set.metadata?.annotations, annotations) || (set.spec?.minReadySeconds ?? 0) !== minReadySeconds) {
    steps.push({ type: 'annotate', set, annotations, minReadySeconds });
  }
  const revision = annotations[revisionAnnotation];
  if (revision && deployment.metadata?.annotations?.[revisionAnnotation] !== revision) steps.push({ type: 'revision', revision });
  return steps;
}

/** The rollout's status; a ReplicaSet that was found rather than made counts as a first sign of progress. */
function foundStatus({ view: { deployment, nowMs }, sets, newSet }: Shape): DeploymentStatus {
  const status = rolloutStatus(deployment, sets, newSet, nowMs);
  if (!newSet || !hasDeadline(deployment) || conditionOf(status, 'Progressing')) return status;
  const message = `Found new replica set "${newSet.metadata?.name}"`;
  const condition = { type: 'Progressing', status: 'True', reason: 'FoundNewReplicaSet', message };
  return { ...status, conditions: [...withCondition(status.conditions ?? [], condition, nowMs)] };
}

function isScaling(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return active(sets).some((set) => {
    const desired = set.metadata?.annotations?.[desiredAnnotation];
    return desired !== undefined && Number(desired) !== replicasOf(deployment);
  });
}

/** A rollout begins small; but pods that run already as the new template wants them are adopted, never deleted as surplus. */
function createSet({ deployment, adoptable = () => 0 }: DeploymentView, old: readonly ReplicaSet[], replicas: number): DeploymentStep {
  const found = Math.min(replicasOf(deployment), adoptable(newReplicaSet(deployment, old, replicas)));
  return { type: 'create', replicaSet: newReplicaSet(deployment, old, Math.max(replicas, found)) };
}

function planRolling({ view, sets, newSet, old }: Shape): DeploymentStep[] {
  const { deployment } = view;
  if (!newSet) return [createSet(view, old, newReplicas(deployment, sets, 0))];
  const current = replicasOf(newSet);
  const wanted = replicasOf(deployment);
  const to = current > wanted ? wanted : newReplicas(deployment, sets, current);
  if (current !== wanted && to !== current) return [resize({ set: newSet, to })];
  return planRollingDown(deployment, newSet, old).map(resize);
}

function planRecreate({ view, newSet, old }: Shape): DeploymentStep[] {
  const { deployment, podsOf } = view;
  const down = active(old);
  if (down.length > 0) return down.map((set) => resize({ set, to: 0 }));
  // A pod on a board that is away has not confirmed its stop: it still counts.
  if (old.some((set) => podsOf(set).some((pod) => !isFinished(pod)))) return [];
  if (!newSet) return [createSet(view, old, replicasOf(deployment))];
  return replicasOf(newSet) === replicasOf(deployment) ? [] : [resize({ set: newSet, to: replicasOf(deployment) })];
}

/** Which old ReplicaSets go beyond revisionHistoryLimit: the oldest revisions, and only what is surely empty. */
function planHistory(deployment: Deployment, old: readonly ReplicaSet[]): DeploymentStep[] {
  const limit = deployment.spec?.revisionHistoryLimit;
  if (limit === undefined || limit === 2 ** 31 - 1) return [];
  const alive = old.filter((set) => !set.metadata?.deletionTimestamp).sort((a, b) => Number(revisionOf(a) - revisionOf(b)) || byAge(a, b));
  return alive
    .slice(0, Math.max(0, alive.length - limit))
    .filter((set) => replicasOf(set) === 0 && (set.status?.replicas ?? 0) === 0)
    .filter((set) => (set.metadata?.generation ?? 0) <= (set.status?.observedGeneration ?? 0))
    .map((set) => ({ type: 'remove', set }));
}
