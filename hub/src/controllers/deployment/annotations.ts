import type { Deployment, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { desiredAnnotation, maxAnnotation, maxSurge, replicasOf } from './replicas.ts';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const historyAnnotation = 'deployment.kubernetes.io/revision-history';

/** Of the text (deployment_util.go, `maxRevHistoryLengthInChars`). */
const maxHistoryLength = 2000;

/** What a Deployment does not hand down to its ReplicaSets. */
const own: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
  'deprecated.deployment.rollback.to',
]);

const maxRevision = 2n ** 63n - 1n;

/** An int64, as anybody may write it into the annotation; 0 for what is no number. */
export function revisionOf(object: Deployment | ReplicaSet): bigint {
  const text = object.metadata?.annotations?.[revisionAnnotation] ?? '';
  const revision = /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
  return revision > maxRevision ? 0n : revision;
}

export function nextRevision(old: readonly ReplicaSet[]): bigint {
  return old.map(revisionOf).reduce((newest, revision) => (revision > newest ? revision : newest), 0n) + 1n;
}

export function scaleAnnotations(deployment: Deployment): Record<string, string> {
  return {
    [desiredAnnotation]: String(replicasOf(deployment)),
    [maxAnnotation]: String(replicasOf(deployment) + maxSurge(deployment)),
  };
}

/** The annotations the new ReplicaSet shall have; a revision it leaves behind stays in its history. */
export function newSetAnnotations(deployment: Deployment, set: ReplicaSet | undefined, revision: bigint): Record<string, string> {
  const inherited = Object.entries(deployment.metadata?.annotations ?? {}).filter(([key]) => !own.has(key));
  const result: Record<string, string> = { ...set?.metadata?.annotations, ...Object.fromEntries(inherited) };
  const before = set ? revisionOf(set) : 0n;
  if (before < revision) {
    result[revisionAnnotation] = String(revision);
    if (before > 0n) result[historyAnnotation] = longer(result[historyAnnotation], before);
  }
  const scale = scaleAnnotations(deployment);
  for (const [key, value] of Object.entries(scale)) if (!set || result[key] === undefined) result[key] = value;
  return result;
}

/** A revision more; the oldest go when it becomes too long. */
function longer(history: string | undefined, revision: bigint): string {
  const revisions = [...(history ? history.split(',') : []), String(revision)];
  while (revisions.join(',').length > maxHistoryLength && revisions.length > 1) revisions.shift();
  return revisions.join(',');
}

export function sameAnnotations(a: Record<string, string> | undefined, b: Record<string, string>): boolean {
  const keys = Object.keys(b);
  return keys.length === Object.keys(a ?? {}).length && keys.every((key) => a?.[key] === b[key]);
}
