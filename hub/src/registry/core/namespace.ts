import type { Namespace } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid } from '@flotilla/shared/errors/field.js';
import { ageColumn, nameColumn, textColumn } from '#registry/generic/columns.ts';
import { keepField } from '#registry/generic/object-meta.ts';
import { statusSubresource } from '#registry/generic/status-subresource.ts';
import type { ResourceDefinition, Strategy } from '#registry/generic/types.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { labelName, qualifiedName } from '#registry/validation/names.ts';

/** The finalizer of every namespace: its content goes first. */
const kubernetesFinalizer = 'kubernetes';
const nameLabel = 'kubernetes.io/metadata.name';

function setNameLabel({ metadata }: Namespace): void {
  if (metadata?.name) metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
}

/** As in Kubernetes a new namespace is told of the list, one that is finalized of the finalizer. */
function validateSpecFinalizers(object: Namespace, standardAt?: string): FieldError[] {
  return (object.spec?.finalizers ?? []).flatMap((finalizer, index) => {
    const path = `spec.finalizers[${index}]`;
    const faults = qualifiedName(finalizer).map((why) => invalid(path, finalizer, why));
    if (!finalizer.includes('/') && finalizer !== kubernetesFinalizer)
      faults.push(invalid(standardAt ?? path, finalizer, 'name is neither a standard finalizer name nor is it fully qualified'));
    return faults;
  });
}

const levels = ['privileged', 'baseline', 'restricted'];

/** The levels of pod security (admission/api, ValidatePodSecurity): they are kept for whoever reads them. */
function validateLevels({ metadata }: Namespace): FieldError[] {
  return ['enforce', 'audit', 'warn'].flatMap((mode) => {
    const label = `pod-security.kubernetes.io/${mode}`;
    const level = metadata?.labels?.[label];
    if (level === undefined || levels.includes(level)) return [];
    return [invalid(`metadata.labels[${label}]`, level, `must be one of ${levels.join(', ')}`)];
  });
}

function validatePhase({ metadata, status }: Namespace): FieldError[] {
  const phase = status?.phase ?? '';
  if (metadata?.deletionTimestamp === undefined) {
    return phase === 'Active' || phase === ''
      ? []
      : [invalid('status.Phase', phase, "may only be 'Active' if `deletionTimestamp` is empty")];
  }
  return phase === 'Terminating' ? [] : [invalid('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")];
}

const strategy: Strategy<Namespace> = {
  default: setNameLabel,
  prepareForCreate(object) {
    object.status = { phase: 'Active' };
    const finalizers = object.spec?.finalizers ?? [];
    object.spec = { finalizers: finalizers.includes(kubernetesFinalizer) ? finalizers : [...finalizers, kubernetesFinalizer] };
    setNameLabel(object);
  },
  prepareForUpdate(object, old) {
    if (old.spec) object.spec = { ...object.spec, ...old.spec };
    keepField(object, old, 'status');
  },
  prepareForDelete(object) {
    object.status = { ...object.status, phase: 'Terminating' };
  },
  validate: (object) => [
    ...validateMetadata(object, { namespaced: false, name: labelName }),
    ...validateSpecFinalizers(object, 'spec.finalizers'),
    ...validateLevels(object),
  ],
  validateUpdate: validateLevels,
};

const kind = { group: '', version: 'v1', kind: 'Namespace' };

export const namespaces: ResourceDefinition<Namespace> = {
  ...kind,
  resource: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  namespaced: false,
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  schema: 'io.k8s.api.core.v1.Namespace',
  strategy,
  columns: [nameColumn, textColumn('Status', 'The status of the namespace', ({ status }) => status?.phase ?? ''), ageColumn],
  subresources: [
    statusSubresource<Namespace>(kind, { validateUpdate: validatePhase }),
    {
      name: 'finalize',
      kind,
      verbs: ['update'],
      strategy: {
        prepareForUpdate: (object, old) => keepField(object, old, 'status'),
        validate: () => [],
        validateUpdate: (object) => validateSpecFinalizers(object),
      },
    },
  ],
  selectableFields: { 'status.phase': ({ status }) => status?.phase ?? '' },
  finalizing: ({ spec }) => (spec?.finalizers?.length ?? 0) > 0,
};
