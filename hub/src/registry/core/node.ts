import type { Node } from '@flotilla/shared/api/generated/types.js';
import { nodeOfflineSince } from '@flotilla/shared/api/offline.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { duplicate, forbiddenField, invalid } from '@flotilla/shared/errors/field.js';
import { ageColumn, nameColumn, textColumn, wideColumn, withAbsence } from '#registry/generic/columns.ts';
import { jsonEqual } from '#registry/generic/json.ts';
import { keepField } from '#registry/generic/object-meta.ts';
import { statusSubresource } from '#registry/generic/status-subresource.ts';
import type { ResourceDefinition, Strategy } from '#registry/generic/types.ts';
import { each } from '#registry/validation/fields.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { isIpAddress, subdomainName } from '#registry/validation/names.ts';
import { validateResourceAmount } from '#registry/validation/resources.ts';
import { validateTaints } from '#registry/validation/scheduling.ts';

const rolePrefix = 'node-role.kubernetes.io/';
const podCidrsFixed = 'node updates may not change podCIDR except from "" to valid';

function defaults({ spec, status }: Node): void {
  if (status?.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
  if (!spec) return;
  // The list and the single range always say the same (core/v1 conversion).
  if (spec.podCIDR && spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
  else if (spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
}

function validateCidr(path: string, cidr: string): FieldError[] {
  const [address = '', bits = ''] = cidr.split('/');
  const most = address.includes(':') ? 128 : 32;
  const fits = isIpAddress(address) && /^(0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= most;
  return fits ? [] : [invalid(path, cidr, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
}

function validateSpec({ spec }: Node): FieldError[] {
  const cidrs = spec?.podCIDRs ?? [];
  // As in Kubernetes the taints are named below metadata.
  const faults = [
    ...validateTaints(spec?.taints, 'metadata.taints'),
    ...each('spec.podCIDRs', cidrs, (cidr, at) => validateCidr(at, cidr)),
  ];
  const families = new Set(cidrs.map((cidr) => cidr.includes(':')));
  if (cidrs.length > 1 && families.size !== cidrs.length) {
    faults.push(invalid('spec.podCIDRs', cidrs, 'may specify no more than one CIDR for each IP family'));
  }
  return faults;
}

function validateStatus({ status }: Node): FieldError[] {
  const faults: FieldError[] = [];
  for (const field of ['capacity', 'allocatable'] as const) {
    for (const [name, text] of Object.entries(status?.[field] ?? {}))
      faults.push(...validateResourceAmount(`status.${field}.${name}`, name, text));
  }
  const addresses = status?.addresses ?? [];
  return [
    ...faults,
    ...each('status.addresses', addresses, (address, at, index) =>
      addresses.slice(0, index).some((earlier) => jsonEqual(earlier, address)) ? [duplicate(at, address)] : [],
    ),
  ];
}

function validateFixed({ spec }: Node, { spec: old }: Node): FieldError[] {
  const faults: FieldError[] = [];
  if (old?.podCIDRs?.length && !jsonEqual(old.podCIDRs, spec?.podCIDRs)) faults.push(forbiddenField('spec.podCIDRs', podCidrsFixed));
  if (old?.providerID && old.providerID !== spec?.providerID) {
    faults.push(forbiddenField('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  }
  if ((old?.externalID ?? '') !== (spec?.externalID ?? '')) faults.push(forbiddenField('spec.externalID', 'may not be updated'));
  return faults;
}

const strategy: Strategy<Node> = {
  default: defaults,
  prepareForCreate({ spec, status }) {
    delete spec?.configSource;
    delete status?.config;
  },
  prepareForUpdate(node, old) {
    keepField(node, old, 'status');
    delete node.spec?.configSource;
  },
  validate: (node) => [
    ...validateMetadata(node, { namespaced: false, name: subdomainName }),
    ...validateSpec(node),
    ...validateStatus(node),
  ],
  validateUpdate: (node, old) => [...validateSpec(node), ...validateStatus(node), ...validateFixed(node, old)],
};

function statusOf({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const words = [ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown'];
  if (spec?.unschedulable) words.push('SchedulingDisabled');
  return words.join(',');
}

function rolesOf({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata?.labels ?? {})) {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) roles.add(key.slice(rolePrefix.length));
    else if (key === 'kubernetes.io/role' && value) roles.add(value);
  }
  return [...roles].sort().join(',') || '<none>';
}

function addressOf({ status }: Node, type: string): string {
  return status?.addresses?.find((address) => address.type === type)?.address ?? '<none>';
}

const kind = { group: '', version: 'v1', kind: 'Node' };

export const nodes: ResourceDefinition<Node> = {
  ...kind,
  resource: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  namespaced: false,
  schema: 'io.k8s.api.core.v1.Node',
  strategy,
  columns: [
    nameColumn,
    textColumn('Status', 'The status of the node', (node, nowMs) => withAbsence(statusOf(node), nodeOfflineSince(node), nowMs)),
    textColumn('Roles', 'The roles of the node', rolesOf),
    ageColumn,
    textColumn('Version', 'The version of the agent.', ({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
    wideColumn('Internal-IP', 'The address inside the site.', (node) => addressOf(node, 'InternalIP')),
    wideColumn('External-IP', 'The address from outside.', (node) => addressOf(node, 'ExternalIP')),
    wideColumn('OS-Image', 'The operating system.', ({ status }) => status?.nodeInfo?.osImage || '<unknown>'),
    wideColumn('Kernel-Version', 'The version of the kernel.', ({ status }) => status?.nodeInfo?.kernelVersion || '<unknown>'),
    wideColumn(
      'Container-Runtime',
      'The container runtime and its version.',
      ({ status }) => status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
    ),
  ],
  subresources: [
    statusSubresource<Node>(kind, {
      prepareForUpdate(node, old) {
        if (!old.status?.config) delete node.status?.config;
      },
      validateUpdate: (node, old) => [...validateStatus(node), ...validateFixed(node, old)],
    }),
  ],
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false) },
};
