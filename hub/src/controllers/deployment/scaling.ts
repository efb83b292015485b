import type { Deployment, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { sameAnnotations, scaleAnnotations } from './annotations.ts';
import {
  active,
  byAge,
  desiredAnnotation,
  isRolling,
  maxSurge,
  maxUnavailable,
  proportion,
  replicasOf,
  sumReplicas,
  sumStatus,
} from './replicas.ts';

export interface Resize {
  readonly set: ReplicaSet;
  readonly to: number;
}

/** Brings the ReplicaSets to a new size of the Deployment without moving the rollout on. */
export function planScaling(deployment: Deployment, newSet: ReplicaSet | undefined, old: readonly ReplicaSet[]): Resize[] {
  const wanted = replicasOf(deployment);
  const single = activeOrLatest(newSet, old);
  if (single) return needed(deployment, [{ set: single, to: wanted }]);
  if (newSet && isSaturated(deployment, newSet)) return active(old).map((set) => ({ set, to: 0 }));
  return isRolling(deployment) ? proportional(deployment, [...old, ...(newSet ? [newSet] : [])]) : [];
}

/** Scales old ReplicaSets down as far as maxUnavailable allows: first what is unhealthy there anyway, then what is healthy. */
export function planRollingDown(deployment: Deployment, newSet: ReplicaSet, old: readonly ReplicaSet[]): Resize[] {
  const sets = active(old).sort(byAge);
  if (sets.length === 0) return [];
  const minAvailable = replicasOf(deployment) - maxUnavailable(deployment);
  const newUnavailable = replicasOf(newSet) - (newSet.status?.availableReplicas ?? 0);
  const room = sumReplicas([...old, newSet]) - minAvailable - newUnavailable;
  if (room <= 0) return [];

  const sizes = new Map(sets.map((set): [ReplicaSet, number] => [set, replicasOf(set)]));
  let cleaned = 0;
  for (const set of sets) {
    const unhealthy = replicasOf(set) - (set.status?.availableReplicas ?? 0);
    const down = Math.min(room - cleaned, Math.max(0, unhealthy));
    sizes.set(set, replicasOf(set) - down);
    cleaned += down;
  }
  let spare = sumStatus([...old, newSet], 'availableReplicas') - minAvailable;
  for (const set of sets) {
    if (spare <= 0) break;
    const size = sizes.get(set) ?? 0;
    const down = Math.min(size, spare);
    sizes.set(set, size - down);
    spare -= down;
  }
  return [...sizes].filter(([set, to]) => to !== replicasOf(set)).map(([set, to]) => ({ set, to }));
}

function needed(deployment: Deployment, changes: readonly Resize[]): Resize[] {
  const annotations = scaleAnnotations(deployment);
  return changes.filter(({ set, to }) => {
    const there = set.metadata?.annotations;
    const same = sameAnnotations(Object.fromEntries(Object.keys(annotations).map((key) => [key, there?.[key] ?? ''])), annotations);
    return to !== replicasOf(set) || (to > 0 && !same);
  });
}

function activeOrLatest(newSet: ReplicaSet | undefined, old: readonly ReplicaSet[]): ReplicaSet | undefined {
  const running = active([...old, ...(newSet ? [newSet] : [])]);
  if (running.length === 0) return newSet ?? [...old].sort(byAge).at(-1);
  return running.length === 1 ? running[0] : undefined;
}

function isSaturated(deployment: Deployment, set: ReplicaSet): boolean {
  const wanted = replicasOf(deployment);
  const desired = Number(set.metadata?.annotations?.[desiredAnnotation] ?? Number.NaN);
  return replicasOf(set) === wanted && desired === wanted && (set.status?.availableReplicas ?? 0) === wanted;
}

/** Shares what is added or taken among the ReplicaSets by their size, so that a bad release does not grow more than a good one. */
function proportional(deployment: Deployment, all: readonly ReplicaSet[]): Resize[] {
  const wanted = replicasOf(deployment);
  const sets = active(all);
  const toAdd = (wanted > 0 ? wanted + maxSurge(deployment) : 0) - sumReplicas(sets);
  // Growing prefers the newer of equals, shrinking the older.
  sets.sort((a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)));
  let added = 0;
  const changes = sets.map((set): { set: ReplicaSet; to: number } => {
    const share = proportion(set, deployment, toAdd, added);
    added += share;
    return { set, to: replicasOf(set) + share };
  });
  const first = changes[0];
  if (first && toAdd !== 0) first.to = Math.max(0, first.to + toAdd - added);
  return needed(deployment, changes);
}
