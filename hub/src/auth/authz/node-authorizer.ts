import type { NodeGraph, ReferencedKind } from './node-graph.ts';
import { type Attributes, type Authorizer, allow, type Decision, noOpinion } from './types.ts';

const namePrefix = 'system:node:';
const group = 'system:nodes';
const leaseNamespace = 'kube-node-lease';

type Resource = NonNullable<Attributes['resource']>;

/**
 * What a board may do with its certificate (kubernetes, `plugin/pkg/auth/authorizer/node`, and NodeRestriction's part of it):
 * its own Node and Lease, the pods bound to it, what those refer to, and events. Nothing of another board, and nothing else.
 */
export function createNodeAuthorizer(graph: NodeGraph): Authorizer {
  return {
    authorize(attributes) {
      const node = nodeOf(attributes);
      if (node === undefined || !attributes.resource) return noOpinion;
      return decide(graph, node, attributes.verb, attributes.resource);
    },
    rules: ({ name, groups }) => ({
      resourceRules: [],
      nonResourceRules: [],
      ...(groups.includes(group) && name.startsWith(namePrefix)
        ? { incomplete: true, errors: ['node authorizer does not support user rule resolution'] }
        : {}),
    }),
  };
}

function nodeOf({ user }: Attributes): string | undefined {
  if (!user.groups.includes(group) || !user.name.startsWith(namePrefix)) return undefined;
  return user.name.slice(namePrefix.length) || undefined;
}

function decide(graph: NodeGraph, node: string, verb: string, resource: Resource): Decision {
  switch (`${resource.group}/${resource.resource}`) {
    case '/nodes':
      return aboutNode(node, verb, resource);
    case 'coordination.k8s.io/leases':
      return aboutLease(node, verb, resource);
    case '/pods':
      return aboutPod(graph, node, verb, resource);
    case '/secrets':
    case '/configmaps':
      return aboutReferenced(graph, node, verb, resource);
    case '/serviceaccounts':
      return aboutToken(graph, node, verb, resource);
    case '/events':
    case 'events.k8s.io/events':
      return aboutEvent(graph, node, verb, resource);
    case 'fleet.flotilla.dev/nodeoperations':
      return aboutOperation(graph, node, verb, resource);
    default:
      return noOpinion;
  }
}

const refuse = (reason: string): Decision => ({ verdict: 'noOpinion', reason });

function aboutNode(node: string, verb: string, { name, subresource }: Resource): Decision {
  const own = name === node;
  if (subresource === 'status') {
    if (verb !== 'update' && verb !== 'patch' && verb !== 'get') return noOpinion;
    return own ? allow() : refuse(`node ${JSON.stringify(node)} cannot modify another node's status`);
  }
  if (subresource !== '' || !['get', 'list', 'watch', 'update', 'patch', 'create'].includes(verb)) return noOpinion;
  if (verb === 'create') return refuse('a node is registered by joining, not through the API');
  if (verb === 'update' || verb === 'patch') return refuse('a node changes its status only');
  return own ? allow() : refuse(`node '${node}' cannot read '${name}', only its own Node object`);
}

function aboutLease(node: string, verb: string, { namespace, name, subresource }: Resource): Decision {
  if (subresource !== '' || !['get', 'create', 'update', 'patch', 'delete'].includes(verb)) {
    return refuse('can only get, create, update, patch, or delete a node lease');
  }
  if (namespace !== leaseNamespace) return refuse(`can only access leases in the ${JSON.stringify(leaseNamespace)} system namespace`);
  // The name of what is created stands in the body: admission compares it.
  if (verb !== 'create' && name !== node) return refuse('can only access node lease with the same name as the requesting node');
  return allow();
}

function aboutPod(graph: NodeGraph, node: string, verb: string, { namespace, name, subresource, fieldSelector }: Resource): Decision {
  const own = name !== '' && graph.ownsPod(node, namespace, name);
  if (subresource === '') {
    if (verb === 'list' || verb === 'watch') {
      return confined(fieldSelector, node) || own ? allow() : refuse('can only list/watch pods with spec.nodeName field selector');
    }
    if (verb !== 'get' && verb !== 'delete') return noOpinion;
  } else if (subresource !== 'status' || !['get', 'update', 'patch'].includes(verb)) return noOpinion;
  return own ? allow() : noRelation(node);
}

/** Whether a field selector leaves only what is bound to this node. */
function confined(fieldSelector: string | undefined, node: string): boolean {
  return (fieldSelector ?? '').split(',').some((term) => term === `spec.nodeName=${node}` || term === `spec.nodeName==${node}`);
}

function aboutReferenced(graph: NodeGraph, node: string, verb: string, { namespace, name, subresource, resource }: Resource): Decision {
  if (verb !== 'get' && verb !== 'list' && verb !== 'watch') return refuse('can only read resources of this type');
  if (subresource !== '') return refuse('cannot read subresource');
  if (namespace === '') return refuse('can only read namespaced object of this type');
  if (name === '') return refuse('No Object name found');
  return graph.refersTo(node, resource as ReferencedKind, namespace, name) ? allow() : noRelation(node);
}

function aboutToken(graph: NodeGraph, node: string, verb: string, { namespace, name, subresource }: Resource): Decision {
  if (verb !== 'create' || subresource !== 'token') return refuse('can only create tokens for individual service accounts');
  if (namespace === '' || name === '') return refuse('can only create tokens for individual service accounts');
  return graph.refersTo(node, 'serviceaccounts', namespace, name) ? allow() : noRelation(node);
}

function aboutEvent(graph: NodeGraph, node: string, verb: string, { namespace, name, subresource }: Resource): Decision {
  if (subresource !== '' || !['create', 'update', 'patch'].includes(verb)) return noOpinion;
  // Events about the node itself live in "default".
  if (namespace !== 'default' && !graph.hasPodIn(node, namespace)) return noRelation(node);
  if (verb !== 'create' && graph.eventSource(namespace, name) !== node) return refuse('can only change events that this node reported');
  return allow();
}

/** Read only: what a board says of them goes over the link. */
function aboutOperation(graph: NodeGraph, node: string, verb: string, { name, subresource, fieldSelector }: Resource): Decision {
  if (subresource !== '' || !['get', 'list', 'watch'].includes(verb)) return refuse('can only read operations');
  if (name !== '') return graph.ownsOperation(node, name) ? allow() : noRelation(node);
  return confined(fieldSelector, node) ? allow() : refuse('can only list/watch operations with spec.nodeName field selector');
}

function noRelation(node: string): Decision {
  return refuse(`no relationship found between node '${node}' and this object`);
}
