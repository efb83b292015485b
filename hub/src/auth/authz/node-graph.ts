import { isNotFound } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { Client, Informer } from '#client/types.ts';
import type { Registry, RequestContext } from '#registry/generic/types.ts';

/** What one node has to do with; read from the informers at every question. */
export interface NodeGraph {
  /** Whether this pod is bound to the node. */
  ownsPod(node: string, namespace: string, name: string): boolean;
  /** Whether a pod on the node uses this Secret, ConfigMap or ServiceAccount. */
  refersTo(node: string, kind: ReferencedKind, namespace: string, name: string): boolean;
  /** Whether any pod of the node lives in this namespace. */
  hasPodIn(node: string, namespace: string): boolean;
  /** Who reported this event, if it is there. */
  eventSource(namespace: string, name: string): string | undefined;
}

export type ReferencedKind = 'secrets' | 'configmaps' | 'serviceaccounts';

interface Named {
  readonly name?: string;
}
interface EnvSource {
  readonly env?: { readonly valueFrom?: { readonly secretKeyRef?: Named; readonly configMapKeyRef?: Named } }[];
  readonly envFrom?: { readonly secretRef?: Named; readonly configMapRef?: Named }[];
}
interface VolumeSource {
  readonly secret?: { readonly secretName?: string };
  readonly configMap?: Named;
  readonly projected?: { readonly sources?: { readonly secret?: Named; readonly configMap?: Named }[] };
}
interface PodSpec {
  readonly nodeName?: string;
  readonly serviceAccountName?: string;
  readonly imagePullSecrets?: Named[];
  readonly containers?: EnvSource[];
  readonly initContainers?: EnvSource[];
  readonly ephemeralContainers?: EnvSource[];
  readonly volumes?: VolumeSource[];
}
type Pod = KubeObject & { readonly spec?: PodSpec };
type Event = KubeObject & { readonly source?: { readonly host?: string }; readonly reportingInstance?: string };

const byNode = 'spec.nodeName';

const lookup: RequestContext = { user: { name: 'system:apiserver', groups: ['system:masters'] }, warn: () => {} };

export function createNodeGraph(client: Pick<Client, 'informer'>, registry: Registry): NodeGraph {
  const pods: Informer<Pod> = client.informer<Pod>('', 'pods');
  pods.index(byNode, ({ spec }) => (spec?.nodeName ? [spec.nodeName] : []));
  return {
    ownsPod: (node, namespace, name) => pods.get(`${namespace}/${name}`)?.spec?.nodeName === node,
    refersTo: (node, kind, namespace, name) =>
      pods.byIndex(byNode, node).some((pod) => pod.metadata?.namespace === namespace && references(pod.spec ?? {}, kind).includes(name)),
    hasPodIn: (node, namespace) => pods.byIndex(byNode, node).some((pod) => pod.metadata?.namespace === namespace),
    eventSource: (namespace, name) => {
      try {
        const { source, reportingInstance } = registry.resource<Event>('', 'events').get(lookup, namespace, name).object;
        return source?.host || reportingInstance || '';
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
  };
}

/** The names of this kind that a pod refers to (kubernetes, `pkg/api/pod` VisitPodSecretNames and its sisters). */
export function references(spec: PodSpec, kind: ReferencedKind): string[] {
  if (kind === 'serviceaccounts') return [spec.serviceAccountName || 'default'];
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
  const secrets = kind === 'secrets';
  const names = [
    ...containers.flatMap(({ env = [] }) =>
      env.map(({ valueFrom }) => (secrets ? valueFrom?.secretKeyRef : valueFrom?.configMapKeyRef)?.name),
    ),
    ...containers.flatMap(({ envFrom = [] }) => envFrom.map((from) => (secrets ? from.secretRef : from.configMapRef)?.name)),
    ...(spec.volumes ?? []).flatMap(({ secret, configMap, projected }) => [
      secrets ? secret?.secretName : configMap?.name,
      ...(projected?.sources ?? []).map((source) => (secrets ? source.secret : source.configMap)?.name),
    ]),
    ...(secrets ? (spec.imagePullSecrets ?? []).map(({ name }) => name) : []),
  ];
  return names.filter((name) => name !== undefined && name !== '') as string[];
}
