import { schemas } from '@flotilla/shared/api/schemas.js';

export interface GroupVersionKind {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** `v1`, `apps/v1`: the apiVersion of objects. */
export function groupVersion({ group, version }: Omit<GroupVersionKind, 'kind'>): string {
  return group ? `${group}/${version}` : version;
}

/** The parts of an apiVersion; undefined when it has more than one slash. */
export function groupVersionOf(apiVersion: string): { group: string; version: string } | undefined {
  const parts = apiVersion.split('/');
  if (parts.length === 1) return { group: '', version: apiVersion };
  return parts.length === 2 ? { group: parts[0] ?? '', version: parts[1] ?? '' } : undefined;
}

const keyOf = (gvk: GroupVersionKind): string => `${groupVersion(gvk)}#${gvk.kind}`;

let registered: Set<string> | undefined;

/** What some definition is the schema of. */
function registeredKinds(): Set<string> {
  registered ??= new Set(Object.values(schemas).flatMap((schema) => (schema['x-kubernetes-group-version-kind'] ?? []).map(keyOf)));
  return registered;
}

/** Kinds of meta/v1 that Kubernetes has in every group and version. */
const everywhere = new Set(['DeleteOptions', 'WatchEvent', 'Status']);

/** Versions that Kubernetes serves no more and still knows. */
const retired: ReadonlySet<string> = new Set([
  ...['Deployment', 'StatefulSet', 'ControllerRevision', 'Scale'].map((kind) => `apps/v1beta1#${kind}`),
  ...['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'ControllerRevision', 'Scale'].map((kind) => `apps/v1beta2#${kind}`),
  ...['Deployment', 'DaemonSet', 'ReplicaSet', 'Ingress', 'NetworkPolicy', 'Scale'].map((kind) => `extensions/v1beta1#${kind}`),
  'batch/v1beta1#CronJob',
  ...['Eviction', 'PodDisruptionBudget'].map((kind) => `policy/v1beta1#${kind}`),
  'coordination.k8s.io/v1beta1#Lease',
  'events.k8s.io/v1beta1#Event',
  'discovery.k8s.io/v1beta1#EndpointSlice',
]);

/** Whether Kubernetes has such a kind, served here or not. */
export function isRegistered(gvk: GroupVersionKind): boolean {
  return everywhere.has(gvk.kind) || registeredKinds().has(keyOf(gvk)) || retired.has(keyOf(gvk));
}
