import { podReferences } from '@flotilla/shared/api/pod-references.js';
import { controllerOf, type KubeObject } from '@flotilla/shared/meta/object.js';
import type { Node, Pod } from '../objects.ts';

/** One kind of object in the contents of nodes. Its keys begin with `resource`. */
export interface ManifestKind<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly resource: string;
  /** The nodes that get an object for its own sake; without it one goes only where others refer to it. */
  readonly nodes?: (object: T) => readonly string[];
  /** Keys (`resource/namespace/name`) of what goes wherever this object goes. Looked at again with each change of the object. */
  readonly references?: (object: T) => readonly string[];
  /** What of it a board gets. Nothing that changes because a board reported: its own news would come back to it. */
  readonly content: (object: T) => KubeObject;
}

/** All kinds that boards get; a further one is one more entry here. */
export const manifestKinds: readonly ManifestKind[] = [
  kind<Pod>({ group: '', resource: 'pods', nodes: (pod) => named(pod.spec?.nodeName), references: ofPod, content: podContent }),
  kind<Node>({ group: '', resource: 'nodes', nodes: (node) => named(node.metadata?.name), content: nodeContent }),
  kind({ group: '', resource: 'configmaps', content: withoutBookkeeping }),
  kind({ group: '', resource: 'secrets', content: withoutBookkeeping }),
  kind({ group: '', resource: 'serviceaccounts', content: identity }),
  // A board has no use for these; they come back when the hub has to ask its boards what it once wanted.
  kind({ group: '', resource: 'namespaces', content: annotatedIdentity }),
  kind({ group: 'apps', resource: 'replicasets', references: ownersOf, content: ownedIdentity }),
  kind({ group: 'apps', resource: 'deployments', content: ownedIdentity }),
];

/** Annotations that boards get. */
const boardAnnotations = 'fleet.flotilla.dev/';

function kind<T extends KubeObject>(definition: ManifestKind<T>): ManifestKind {
  // The table gives each object only to the functions of its own kind.
  return definition as unknown as ManifestKind;
}

function named(name: string | undefined): readonly string[] {
  return name ? [name] : [];
}

function ofPod(pod: Pod): readonly string[] {
  if (!pod.spec?.nodeName) return [];
  const namespace = pod.metadata?.namespace ?? '';
  const { configMaps, secrets, serviceAccount } = podReferences(pod);
  return [
    ...configMaps.map((name) => `configmaps/${namespace}/${name}`),
    ...secrets.map((name) => `secrets/${namespace}/${name}`),
    `serviceaccounts/${namespace}/${serviceAccount}`,
    `namespaces/${namespace}`,
    ...ownersOf(pod),
  ];
}

const ownerResources: Readonly<Record<string, string>> = { ReplicaSet: 'replicasets', Deployment: 'deployments' };

function ownersOf(object: KubeObject): readonly string[] {
  const owner = controllerOf(object);
  const resource = ownerResources[owner?.kind ?? ''];
  return owner && resource ? [`${resource}/${object.metadata?.namespace ?? ''}/${owner.name}`] : [];
}

/** Without what a board reported, and without what changes when somebody touches only its bookkeeping. */
function withoutBookkeeping(object: KubeObject): KubeObject {
  const { status: _status, ...rest } = object as KubeObject & { status?: unknown };
  const { managedFields: _managedFields, resourceVersion: _resourceVersion, ...metadata } = object.metadata ?? {};
  return { ...rest, metadata };
}

function podContent(pod: Pod): KubeObject {
  const phase = pod.status?.phase;
  // A pod that ended for good must not be started again by a board that forgot it.
  const ended = phase === 'Succeeded' || phase === 'Failed';
  return { ...withoutBookkeeping(pod), ...(ended ? { status: { phase } } : {}) } as KubeObject;
}

/** What tells it from another of its name. */
function identity({ metadata: { name, namespace, uid } = {} }: KubeObject): KubeObject {
  return { metadata: { ...(namespace ? { namespace } : {}), name: name ?? '', uid: uid ?? '' } };
}

/** With its owners. */
function ownedIdentity(object: KubeObject): KubeObject {
  const { ownerReferences } = object.metadata ?? {};
  return { metadata: { ...identity(object).metadata, ...(ownerReferences ? { ownerReferences } : {}) } };
}

function annotatedIdentity(object: KubeObject): KubeObject {
  const own = Object.entries(object.metadata?.annotations ?? {}).filter(([name]) => name.startsWith(boardAnnotations));
  return { metadata: { ...identity(object).metadata, ...(own.length > 0 ? { annotations: Object.fromEntries(own) } : {}) } };
}

/** No conditions, and no taints that follow from them: they change with the board's own coming and going. */
function nodeContent(node: Node): KubeObject {
  const { podCIDR, taints = [], unschedulable } = node.spec ?? {};
  const { labels } = node.metadata ?? {};
  const own = (taints as readonly { readonly key: string }[]).filter(({ key }) => !key.startsWith('node.kubernetes.io/'));
  const spec = { ...(podCIDR ? { podCIDR } : {}), ...(own.length > 0 ? { taints: own } : {}), ...(unschedulable ? { unschedulable } : {}) };
  return {
    metadata: { ...annotatedIdentity(node).metadata, ...(labels ? { labels } : {}) },
    ...(Object.keys(spec).length > 0 ? { spec } : {}),
  } as KubeObject;
}
