import { type NodeOperation, nodeOperationActions, nodeOperationPhases } from '@flotilla/shared/api/fleet/node-operation.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, invalid, required } from '@flotilla/shared/errors/field.js';
import { ageColumn, nameColumn, textColumn, wideColumn } from '#registry/generic/columns.ts';
import { semanticEqual } from '#registry/generic/json.ts';
import { countGeneration, keepField, metadataOf } from '#registry/generic/object-meta.ts';
import { statusSubresource } from '#registry/generic/status-subresource.ts';
import type { ResourceDefinition, Strategy } from '#registry/generic/types.ts';
import { oneOf, requiredName, requiredOneOf, within } from '#registry/validation/fields.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { dnsLabel, dnsSubdomain, subdomainName } from '#registry/validation/names.ts';

const day = 86_400;
const defaultTtlSeconds = day;
const longestTtlSeconds = 30 * day;
const defaultKeptSeconds = 7 * day;
const longestKeptSeconds = 365 * day;

function validateSpec({ spec }: NodeOperation): FieldError[] {
  // A body without a spec.
  if (!spec) return [required('spec')];
  return [
    ...requiredName('spec.nodeName', spec.nodeName, dnsSubdomain),
    ...requiredOneOf('spec.action', spec.action, nodeOperationActions),
    ...validatePod(spec),
    ...within('spec.ttlSeconds', spec.ttlSeconds, 1, longestTtlSeconds),
    ...within('spec.ttlSecondsAfterFinished', spec.ttlSecondsAfterFinished, 0, longestKeptSeconds),
  ];
}

function validatePod({ action, pod }: NodeOperation['spec']): FieldError[] {
  if (action !== 'RestartPod') return pod ? [forbiddenField('spec.pod', 'may only be specified when `action` is RestartPod')] : [];
  if (!pod) return [required('spec.pod', 'must be specified when `action` is RestartPod')];
  return [...requiredName('spec.pod.namespace', pod.namespace, dnsLabel), ...requiredName('spec.pod.name', pod.name, dnsSubdomain)];
}

function validateSpecUpdate(object: NodeOperation, old: NodeOperation): FieldError[] {
  const faults: FieldError[] = [];
  for (const field of ['nodeName', 'action', 'pod', 'ttlSeconds', 'ttlSecondsAfterFinished'] as const) {
    if (!semanticEqual(object.spec?.[field], old.spec[field]))
      faults.push(invalid(`spec.${field}`, object.spec?.[field], 'field is immutable'));
  }
  if (old.spec.cancel && !object.spec?.cancel) faults.push(forbiddenField('spec.cancel', 'may not be taken back once it is set'));
  return faults;
}

const strategy: Strategy<NodeOperation> = {
  default({ spec }) {
    if (!spec) return;
    spec.ttlSeconds ??= defaultTtlSeconds;
    spec.ttlSecondsAfterFinished ??= defaultKeptSeconds;
  },
  prepareForCreate(object) {
    object.status = { phase: 'Pending' };
    metadataOf(object).generation = 1;
  },
  prepareForUpdate(object, old) {
    keepField(object, old, 'status');
    countGeneration(object, old);
  },
  validate: (object) => [...validateMetadata(object, { namespaced: false, name: subdomainName }), ...validateSpec(object)],
  validateUpdate: (object, old) => [...validateSpec(object), ...validateSpecUpdate(object, old)],
  deleteNotice({ metadata, spec, status }) {
    if (status?.phase !== 'Delivered' && status?.phase !== 'Running') return undefined;
    return `node operation ${metadata?.name} ${status.phase === 'Running' ? 'has begun' : 'may have begun'} on node ${spec.nodeName}; deleting it does not stop it`;
  },
};

const kind = { group: 'fleet.flotilla.dev', version: 'v1alpha1', kind: 'NodeOperation' };

export const nodeOperations: ResourceDefinition<NodeOperation> = {
  ...kind,
  resource: 'nodeoperations',
  singular: 'nodeoperation',
  shortNames: ['nodeop'],
  namespaced: false,
  schema: 'dev.flotilla.fleet.v1alpha1.NodeOperation',
  strategy,
  columns: [
    nameColumn,
    textColumn('Node', 'The node whose board shall do it.', ({ spec }) => spec.nodeName),
    textColumn('Action', 'What shall be done.', ({ spec }) => spec.action),
    textColumn('Phase', 'How far it is.', ({ status }) => status?.phase ?? ''),
    ageColumn,
    wideColumn('Pod', 'The pod to restart.', ({ spec: { pod } }) => (pod ? `${pod.namespace}/${pod.name}` : '<none>')),
    wideColumn('Message', 'Why it is as it is.', ({ status }) => status?.message ?? ''),
  ],
  subresources: [
    statusSubresource<NodeOperation>(kind, {
      validateUpdate: ({ status }) => oneOf('status.phase', status?.phase, nodeOperationPhases),
    }),
  ],
  selectableFields: { 'spec.nodeName': ({ spec }) => spec.nodeName, 'status.phase': ({ status }) => status?.phase ?? '' },
};
