import { type FieldError, forbiddenField, invalid, notSupported, required } from '../errors/field.ts';
import type { Taint, Toleration } from './generated/types.ts';
import { tolerates } from './tolerations.ts';

/** What becomes of a pod while its board is away, said by annotations of the pod, its Namespace or its Node (hub/docs/offline-policies.md). */
export const offlineAnnotations = {
  whenOffline: 'fleet.flotilla.dev/when-offline',
  offlineAfter: 'fleet.flotilla.dev/offline-after',
  onReturn: 'fleet.flotilla.dev/on-return',
  /** Set by the hub on a pod that is kept while a replacement runs: the absence (`absenceOf`) in which that was made. */
  replacedIn: 'fleet.flotilla.dev/replaced-in-absence',
} as const;

const whens = ['Keep', 'Replace', 'Stop'] as const;
const returns = ['KeepOriginal', 'KeepReplacement'] as const;

export type OfflinePolicy =
  | { readonly when: 'Keep' }
  | {
      readonly when: 'Replace' | 'Stop';
      /** How long the board may be away (Replace), or the length of the lease (Stop). */
      readonly afterMs: number;
      readonly onReturn: (typeof returns)[number];
      /** Said by the pod's own tolerationSeconds: as Kubernetes evicts, whoever made the pod. */
      readonly byToleration?: true;
    };

type Annotations = Readonly<Record<string, string>> | undefined;

const defaultAfterMs = 300_000;
const shortestLeaseMs = 5_000;
const longestLeaseMs = 7 * 86_400_000;
const longestAfterMs = 365 * 86_400_000;
const durationForm = /^(?:\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h))+$/;
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration as Go writes it, in whole milliseconds; undefined when it is none. */
function durationMs(text: string): number | undefined {
  if (!durationForm.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|s|m|h)/g)) sum += Number(amount) * (unitMs[unit ?? ''] ?? 0);
  return Math.round(sum);
}

/** Keep, for ever. */
const keep: OfflinePolicy = { when: 'Keep' };

/** What one object's annotations say; undefined when they are silent, or not to be understood. */
function ownOfflinePolicy(annotations: Annotations): OfflinePolicy | undefined {
  const when = whens.find((one) => one === annotations?.[offlineAnnotations.whenOffline]);
  if (when === undefined || when === 'Keep') return when && keep;
  const text = annotations?.[offlineAnnotations.offlineAfter];
  const afterMs = text === undefined ? defaultAfterMs : durationMs(text);
  if (afterMs === undefined || (when === 'Stop' && afterMs < shortestLeaseMs)) return undefined;
  return { when, afterMs, onReturn: returnOf(annotations) };
}

function returnOf(annotations: Annotations): (typeof returns)[number] {
  return returns.find((one) => one === annotations?.[offlineAnnotations.onReturn]) ?? 'KeepReplacement';
}

export interface PolicySources {
  readonly pod: {
    readonly metadata?: { readonly annotations?: Annotations };
    readonly spec?: { readonly tolerations?: readonly Toleration[] };
  };
  readonly namespace: Annotations;
  readonly node: Annotations;
  /** The taint by which the hub says that the board is away; `unreachable` when left out. */
  readonly taint?: Taint;
}

/** The pod's own word, else its tolerations', else its Namespace's, else its Node's, else keep. The level that says `when-offline` counts whole. */
export function offlinePolicy({ pod, namespace, node, taint = unreachableTaint }: PolicySources): OfflinePolicy {
  const annotations = pod.metadata?.annotations;
  const own = ownOfflinePolicy(annotations);
  if (own) return own;
  const toleration = pod.spec?.tolerations?.find((one) => tolerates(one, taint));
  if (toleration) {
    if (toleration.tolerationSeconds === undefined) return keep;
    const afterMs = Math.max(0, toleration.tolerationSeconds) * 1000;
    return { when: 'Replace', afterMs, onReturn: returnOf(annotations), byToleration: true };
  }
  return ownOfflinePolicy(namespace) ?? ownOfflinePolicy(node) ?? keep;
}

/** The lease of a pod, in milliseconds. A pod that has one says so itself, from the moment it has a node and for ever: its board counts on it. */
export function leaseOf(pod: { readonly metadata?: { readonly annotations?: Annotations } }): number | undefined {
  const own = ownOfflinePolicy(pod.metadata?.annotations);
  return own?.when === 'Stop' ? own.afterMs : undefined;
}

/** The annotations that say this policy. */
export function annotationsOf(policy: OfflinePolicy): Record<string, string> {
  const { whenOffline, offlineAfter, onReturn } = offlineAnnotations;
  if (policy.when === 'Keep') return { [whenOffline]: 'Keep' };
  const after = policy.afterMs % 1000 === 0 ? `${policy.afterMs / 1000}s` : `${policy.afterMs}ms`;
  return { [whenOffline]: policy.when, [offlineAfter]: after, [onReturn]: policy.onReturn };
}

/** @param path of the metadata: `metadata`, or `spec.template.metadata` */
export function validateOfflineAnnotations(annotations: Annotations, path: string): FieldError[] {
  const at = (name: string): string => `${path}.annotations[${name}]`;
  const { whenOffline, offlineAfter, onReturn } = offlineAnnotations;
  const faults: FieldError[] = [];
  const when = annotations?.[whenOffline];
  const after = annotations?.[offlineAfter];
  const back = annotations?.[onReturn];
  if (when !== undefined && !whens.some((one) => one === when)) faults.push(notSupported(at(whenOffline), when, whens));
  if (back !== undefined && !returns.some((one) => one === back)) faults.push(notSupported(at(onReturn), back, returns));
  if (after === undefined) return faults;
  if (when === undefined) faults.push(required(at(whenOffline), `must be given with ${offlineAfter}`));
  else if (when === 'Keep') faults.push(forbiddenField(at(offlineAfter), `may not be given when ${whenOffline} is Keep`));
  const ms = durationMs(after);
  if (ms === undefined) faults.push(invalid(at(offlineAfter), after, 'must be a duration like 90s, 5m or 1h30m'));
  else if (when === 'Stop' && (ms < shortestLeaseMs || ms > longestLeaseMs)) {
    faults.push(
      invalid(at(offlineAfter), after, `must be between ${shortestLeaseMs / 1000}s and ${longestLeaseMs / 3_600_000}h for a lease`),
    );
  } else if (ms > longestAfterMs) faults.push(invalid(at(offlineAfter), after, `must be at most ${longestAfterMs / 3_600_000}h`));
  return faults;
}

/** Taints by which the hub says that a board is away or not well, not that somebody wants its pods gone. */
export const absenceTaints: ReadonlySet<string> = new Set(['node.kubernetes.io/unreachable', 'node.kubernetes.io/not-ready']);
const unreachableTaint: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' };

/** Names one absence of a board by when it began; undefined while the board is there. */
export function absenceOf(taints: readonly Taint[] | undefined): string | undefined {
  const taint = taints?.find(({ key, effect }) => effect === 'NoExecute' && absenceTaints.has(key));
  return taint && (taint.timeAdded ?? '');
}

/** Whether a replacement has this pod's place, for as long as the absence lasts in which it was made. */
export function isReplaced(
  pod: { readonly metadata?: { readonly annotations?: Annotations } },
  taints: readonly Taint[] | undefined,
): boolean {
  const absence = absenceOf(taints);
  return absence !== undefined && pod.metadata?.annotations?.[offlineAnnotations.replacedIn] === absence;
}
