import type { Deployment, ReplicaSet } from '@flotilla/shared/api/generated/types.js';

/** The arithmetic of rollouts (pkg/controller/deployment/util/deployment_util.go). All pure. */

export const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxAnnotation = 'deployment.kubernetes.io/max-replicas';

export const replicasOf = (of: Deployment | ReplicaSet): number => of.spec?.replicas ?? 1;
export const isRolling = (deployment: Deployment): boolean => deployment.spec?.strategy?.type !== 'Recreate';

export function sumReplicas(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + replicasOf(set), 0);
}

export function sumStatus(sets: readonly ReplicaSet[], field: 'replicas' | 'readyReplicas' | 'availableReplicas'): number {
  return sets.reduce((sum, set) => sum + (set.status?.[field] ?? 0), 0);
}

export const active = (sets: readonly ReplicaSet[]): ReplicaSet[] => sets.filter((set) => replicasOf(set) > 0);

function scaled(value: unknown, total: number, up: boolean): number {
  if (typeof value === 'number') return value;
  const percent = typeof value === 'string' && value.endsWith('%') ? Number(value.slice(0, -1)) : Number.NaN;
  if (Number.isNaN(percent)) return 0;
  const exact = (percent * total) / 100;
  return up ? Math.ceil(exact) : Math.floor(exact);
}

/** Surge rounds up, unavailable down; when both come out as nothing one may be unavailable, or nothing could ever move. */
function fenceposts(deployment: Deployment): { surge: number; unavailable: number } {
  const rolling = deployment.spec?.strategy?.rollingUpdate;
  const total = replicasOf(deployment);
  const surge = scaled(rolling?.maxSurge ?? '25%', total, true);
  const unavailable = scaled(rolling?.maxUnavailable ?? '25%', total, false);
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

export function maxSurge(deployment: Deployment): number {
  return isRolling(deployment) ? fenceposts(deployment).surge : 0;
}

export function maxUnavailable(deployment: Deployment): number {
  if (!isRolling(deployment) || replicasOf(deployment) === 0) return 0;
  return Math.min(fenceposts(deployment).unavailable, replicasOf(deployment));
}

/** How many replicas the new ReplicaSet shall have now. */
export function newReplicas(deployment: Deployment, all: readonly ReplicaSet[], current: number): number {
  const wanted = replicasOf(deployment);
  if (!isRolling(deployment)) return wanted;
  const room = wanted + maxSurge(deployment) - sumReplicas(all);
  return room <= 0 ? current : current + Math.min(room, wanted - current);
}

/** The size of one ReplicaSet after a proportional scaling in the middle of a rollout, relative to now. */
export function proportion(set: ReplicaSet, deployment: Deployment, toAdd: number, added: number): number {
  if (replicasOf(set) === 0 || toAdd === 0 || toAdd === added) return 0;
  const share = fraction(set, deployment);
  const left = toAdd - added;
  return toAdd > 0 ? Math.min(share, left) : Math.max(share, left);
}

function fraction(set: ReplicaSet, deployment: Deployment): number {
  const size = replicasOf(set);
  if (replicasOf(deployment) === 0) return -size;
  const before = Number(set.metadata?.annotations?.[maxAnnotation]) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((size * (replicasOf(deployment) + maxSurge(deployment))) / before) - size;
}

/** Oldest first; of the same second by name. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const left = a.metadata?.creationTimestamp ?? '';
  const right = b.metadata?.creationTimestamp ?? '';
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1;
}
