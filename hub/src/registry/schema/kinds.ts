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

let registered: Map<string, string> | undefined;

/** Definitions by what they are the kind of. */
function definitionsByKind(): Map<string, string> {
  registered ??= new Map(
    Object.entries(schemas).flatMap(([name, schema]) =>
      (schema['x-kubernetes-group-version-kind'] ?? []).map((gvk): [string, string] => [keyOf(gvk), name]),
    ),
  );
  return registered;
}

/** The name of the definition of a kind: `io.k8s.api.apps.v1.Deployment`. */
export function definitionOf(gvk: GroupVersionKind): string | undefined {
  return definitionsByKind().get(keyOf(gvk));
}

/** Kinds of meta/v1 that Kubernetes has in every group and version. */
const everywhere = new Set(['DeleteOptions', 'WatchEvent', 'Status']);

/** Whether Kubernetes has such a kind, served here or not. */
export function isRegistered(gvk: GroupVersionKind): boolean {
  return everywhere.has(gvk.kind) || definitionsByKind().has(keyOf(gvk));
}
