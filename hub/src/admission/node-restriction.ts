import { isDeepStrictEqual } from 'node:util';
import type { NodeOperation } from '@flotilla/shared/api/fleet/node-operation.js';
import type { Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import type { AdmissionAttributes, UserInfo } from '#registry/generic/types.ts';
import { type AdmissionEnv, type AdmissionPlugin, isResource, refuse } from './plugin.ts';

const leaseNamespace = 'kube-node-lease';
const mirrorAnnotation = 'kubernetes.io/config.mirror';
const userPrefix = 'system:node:';

/** A board changes its own Node, its own Lease and the pods bound to it, and cannot label itself into a role it was not given. */
export function nodeRestriction({ registry }: AdmissionEnv): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    validate(attributes) {
      const node = nodeOf(attributes.ctx.user);
      if (node === undefined) return;
      const { definition } = attributes;
      if (definition.group === '' && definition.resource === 'pods') checkPod(attributes, node, registry);
      else if (definition.group === '' && definition.resource === 'nodes') checkNode(attributes, node);
      else if (definition.group === 'coordination.k8s.io' && definition.resource === 'leases') checkLease(attributes, node);
      else if (definition.group === 'fleet.flotilla.dev' && definition.resource === 'nodeoperations') checkOperation(attributes, node);
    },
  };
}

/** The node a user is, by group and name; undefined for everybody else. */
function nodeOf({ name, groups }: UserInfo): string | undefined {
  return groups.includes('system:nodes') && name.startsWith(userPrefix) ? name.slice(userPrefix.length) : undefined;
}

function checkPod(attributes: AdmissionAttributes, node: string, registry: AdmissionEnv['registry']): void {
  const { ctx, operation, subresource, namespace, name } = attributes;
  const quoted = JSON.stringify(node);
  if (operation === 'CREATE' && subresource === '') {
    const pod = attributes.object as Pod;
    if (pod.metadata?.annotations?.[mirrorAnnotation] === undefined) {
      throw refuse(attributes, `pod does not have "${mirrorAnnotation}" annotation, node ${quoted} can only create mirror pods`);
    }
    return;
  }
  const existing =
    (attributes.old as Pod | undefined) ?? podOrNothing(() => registry().resource<Pod>('', 'pods').get(ctx, namespace, name).object);
  if (operation === 'UPDATE' && subresource === 'status') {
    if (existing?.spec?.nodeName !== node)
      throw refuse(attributes, `node ${quoted} can only update pod status for pods with spec.nodeName set to itself`);
    const labels = (attributes.object as Pod).metadata?.labels ?? {};
    if (!isDeepStrictEqual(labels, existing.metadata?.labels ?? {}))
      throw refuse(attributes, `node ${quoted} cannot update labels through pod status`);
    return;
  }
  if (operation === 'DELETE') {
    if (existing && existing.spec?.nodeName !== node)
      throw refuse(attributes, `node ${quoted} can only delete pods with spec.nodeName set to itself`);
    return;
  }
  throw refuse(attributes, `unexpected operation ${operation} on pods${subresource ? `/${subresource}` : ''} by node ${quoted}`);
}

function podOrNothing(get: () => Pod): Pod | undefined {
  try {
    return get();
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function checkNode(attributes: AdmissionAttributes, node: string): void {
  const { name, operation } = attributes;
  const quoted = JSON.stringify(node);
  if (name !== node) throw refuse(attributes, `node ${quoted} is not allowed to modify node ${JSON.stringify(name)}`);
  if (operation !== 'CREATE' && operation !== 'UPDATE') return;
  const now = attributes.object as Node;
  const old = attributes.old as Node | undefined;
  const changed = Object.keys({ ...now.metadata?.labels, ...old?.metadata?.labels }).filter(
    (label) => now.metadata?.labels?.[label] !== old?.metadata?.labels?.[label],
  );
  const refused = changed.filter((label) => !mayLabel(label)).sort();
  if (refused.length > 0) throw refuse(attributes, `is not allowed to modify labels: ${refused.join(', ')}`);
  if (operation === 'UPDATE' && isResource(attributes, 'nodes') && !isDeepStrictEqual(now.spec?.taints ?? [], old?.spec?.taints ?? [])) {
    throw refuse(attributes, `node ${quoted} is not allowed to modify taints`);
  }
}

const allowedLabels: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]);
const allowedDomains = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

/** Kubernetes' own prefixes are closed to boards, but for these. */
function mayLabel(label: string): boolean {
  const [domain = ''] = label.includes('/') ? label.split('/') : [''];
  const inside = (parent: string): boolean => domain === parent || domain.endsWith(`.${parent}`);
  if (inside('node-restriction.kubernetes.io')) return false;
  return allowedLabels.has(label) || allowedDomains.some(inside) || !(inside('kubernetes.io') || inside('k8s.io'));
}

/** What a board says of an operation comes over the link and is written here in its name. */
function checkOperation(attributes: AdmissionAttributes, node: string): void {
  const { old, operation, subresource } = attributes;
  if (operation !== 'UPDATE' || subresource !== 'status')
    throw refuse(attributes, `node ${JSON.stringify(node)} can only update the status of operations`);
  if ((old as NodeOperation | undefined)?.spec.nodeName !== node)
    throw refuse(attributes, `node ${JSON.stringify(node)} can only update operations with spec.nodeName set to itself`);
}

function checkLease(attributes: AdmissionAttributes, node: string): void {
  if (attributes.namespace !== leaseNamespace)
    throw refuse(attributes, `can only access leases in the "${leaseNamespace}" system namespace`);
  const name = attributes.name || attributes.object?.metadata?.name;
  if (name !== node) throw refuse(attributes, 'can only access node lease with the same name as the requesting node');
}
