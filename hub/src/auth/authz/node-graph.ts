import type { NodeOperation } from '@flotilla/shared/api/fleet/node-operation.js';
import { podReferences, type ReferringPodSpec } from '@flotilla/shared/api/pod-references.js';
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
  /** Whether this NodeOperation is for the node. */
  ownsOperation(node: string, name: string): boolean;
}

export type ReferencedKind = 'secrets' | 'configmaps' | 'serviceaccounts';

type Pod = KubeObject & { readonly spec?: ReferringPodSpec & { readonly nodeName?: string } };
type Event = KubeObject & { readonly source?: { readonly host?: string }; readonly reportingInstance?: string };

const byNode = 'spec.nodeName';

const lookup: RequestContext = { user: { name: 'system:apiserver', groups: ['system:masters'] }, warn: () => {} };

export function createNodeGraph(client: Pick<Client, 'informer'>, registry: Registry): NodeGraph {
  const pods: Informer<Pod> = client.informer<Pod>('', 'pods');
  pods.index(byNode, ({ spec }) => (spec?.nodeName ? [spec.nodeName] : []));
  const found = <T extends KubeObject>(group: string, resource: string, namespace: string, name: string): T | undefined => {
    try {
      return registry.resource<T>(group, resource).get(lookup, namespace, name).object;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  return {
    ownsPod: (node, namespace, name) => pods.get(`${namespace}/${name}`)?.spec?.nodeName === node,
    refersTo: (node, kind, namespace, name) =>
      pods.byIndex(byNode, node).some((pod) => pod.metadata?.namespace === namespace && refers(pod, kind, name)),
    hasPodIn: (node, namespace) => pods.byIndex(byNode, node).some((pod) => pod.metadata?.namespace === namespace),
    eventSource: (namespace, name) => {
      const event = found<Event>('', 'events', namespace, name);
      return event && (event.source?.host || event.reportingInstance || '');
    },
    ownsOperation: (node, name) => found<NodeOperation>('fleet.flotilla.dev', 'nodeoperations', '', name)?.spec.nodeName === node,
  };
}

function refers(pod: Pod, kind: ReferencedKind, name: string): boolean {
  const { secrets, configMaps, serviceAccount } = podReferences(pod);
  if (kind === 'serviceaccounts') return serviceAccount === name;
  return (kind === 'secrets' ? secrets : configMaps).includes(name);
}
