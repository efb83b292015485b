import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import { canonicalJson } from '@flotilla/shared/protocol/canonical-json.js';
import type { Generation } from '@flotilla/shared/protocol/messages.js';
import type { RecalledTombstone } from '@flotilla/shared/protocol/recall-messages.js';

/** What a board gave back; the hub's own signature for that node is on `content`. */
export interface Recalled {
  readonly node: string;
  readonly content: { readonly generation: Generation; readonly objects: ReadonlyMap<string, KubeObject> } | undefined;
  readonly tombstones: readonly RecalledTombstone[];
}

/** An object of the hub's that came back, by what it is called there. */
export interface TakenObject {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Somebody who owned a pod that came back. */
export interface KnownOwner {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly owner?: { readonly kind: string; readonly name: string; readonly uid: string };
}

/** What hearing one board came to. Kept in the store, so that a hub that starts again need not hear it again. */
export interface BoardOutcome {
  readonly node: string;
  readonly heardWallMs: number;
  /** What was missing, or older, and is there again. */
  readonly taken: readonly TakenObject[];
  /** Pods that the store had and that had gone meanwhile. */
  readonly removed: readonly string[];
  /** The ReplicaSets, by uid, of those pods. */
  readonly shrunk: readonly string[];
  readonly unrecovered: readonly { readonly what: string; readonly why: string }[];
  readonly owners: readonly KnownOwner[];
}

/** The kinds that come back, in the order in which they need each other. Never any other: nothing here gives anybody rights. */
export const recoveredKinds = [
  ['namespaces', 'Namespace'],
  ['serviceaccounts', 'ServiceAccount'],
  ['nodes', 'Node'],
  ['configmaps', 'ConfigMap'],
  ['secrets', 'Secret'],
  ['pods', 'Pod'],
] as const;
export type RecoveredResource = (typeof recoveredKinds)[number][0];

const ownerKinds: Readonly<Record<string, string>> = { replicasets: 'ReplicaSet', deployments: 'Deployment' };

/** The objects of one resource whose metadata say what their key says; the others are named in `wrong`. */
export function objectsOf(
  objects: ReadonlyMap<string, KubeObject>,
  [resource, kind]: readonly [string, string],
  wrong: (key: string) => void,
): KubeObject[] {
  const found: KubeObject[] = [];
  for (const [key, object] of objects) {
    if (!key.startsWith(`${resource}/`)) continue;
    const fits = key === `${resource}/${objectKey(object)}` && (object.kind ?? kind) === kind && (object.apiVersion ?? 'v1') === 'v1';
    if (fits && object.metadata?.uid) found.push(object);
    else wrong(key);
  }
  return found;
}

export function ownersOf(objects: ReadonlyMap<string, KubeObject>): KnownOwner[] {
  return [...objects].flatMap(([key, { metadata }]) => {
    const kind = ownerKinds[key.slice(0, key.indexOf('/'))];
    if (!kind || !metadata?.uid) return [];
    const owner = metadata.ownerReferences?.find(({ controller }) => controller);
    const { namespace = '', name = '', uid } = metadata;
    return [{ kind, namespace, name, uid, ...(owner ? { owner: { kind: owner.kind, name: owner.name, uid: owner.uid } } : {}) }];
  });
}

/** Whether two states of an object want the same. */
export function sameWish(a: KubeObject, b: KubeObject): boolean {
  return wish(a) === wish(b);
}

function wish(object: KubeObject): string {
  const { status: _status, apiVersion: _version, kind: _kind, ...rest } = object as KubeObject & { status?: unknown };
  const { managedFields: _fields, resourceVersion: _revision, ...metadata } = object.metadata ?? {};
  return canonicalJson({ ...rest, metadata });
}
