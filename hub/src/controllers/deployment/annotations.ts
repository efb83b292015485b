import type { Deployment, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { desiredAnnotation, maxAnnotation, maxSurge, replicasOf } from './replicas.ts';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const historyAnnotation = 'deployment.kubernetes.io/revision-history';

/** What a Deployment does not hand down to its ReplicaSets. */
const own: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
  'deprecated.deployment.rollback.to',
]);

export function revisionOf(object: Deployment | ReplicaSet): number {
  return Number(object.metadata?.annotations?.[revisionAnnotation] ?? 0) || 0;
}

export function nextRevision(old: readonly ReplicaSet[]): number {
  return Math.max(0, ...old.map(revisionOf)) + 1;
}

export function scaleAnnotations(deployment: Deployment): Record<string, string> {
  return {
    [desiredAnnotation]: String(replicasOf(deployment)),
    [maxAnnotation]: String(replicasOf(deployment) + maxSurge(deployment)),
  };
}

/** The annotations the new ReplicaSet shall have; a revision it leaves behind stays in its history. */
export function newSetAnnotations(deployment: Deployment, set: ReplicaSet | undefined, revision: number): Record<string, string> {
  const inherited = Object.entries(deployment.metadata?.annotations ?? {}).filter(([key]) => !own.has(key));
  const result: Record<string, string> = { ...set?.metadata?.annotations, ...Object.fromEntries(inherited) };
  const before = set ? revisionOf(set) : 0;
  if (before < revision) {
    result[revisionAnnotation] = String(revision);
    if (before > 0) {
      const history = result[historyAnnotation];
      result[historyAnnotation] = history ? `${history},${before}` : String(before);
    }
  }
  const scale = scaleAnnotations(deployment);
  for (const [key, value] of Object.entries(scale)) if (!set || result[key] === undefined) result[key] = value;
  return result;
}

export function sameAnnotations(a: Record<string, string> | undefined, b: Record<string, string>): boolean {
  const keys = Object.keys(b);
  return keys.length === Object.keys(a ?? {}).length && keys.every((key) => a?.[key] === b[key]);
}
