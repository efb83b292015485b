import type { PodTemplateSpec, ReplicaSet, ReplicaSetStatus } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { labelSelector } from '@flotilla/shared/meta/selector.js';
import { ageColumn, nameColumn } from '#registry/generic/columns.ts';
import { countGeneration, metadataOf } from '#registry/generic/object-meta.ts';
import { statusSubresource } from '#registry/generic/status-subresource.ts';
import type { ResourceDefinition, Strategy, TableColumn } from '#registry/generic/types.ts';
import { nonNegative } from '#registry/validation/fields.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { subdomainName } from '#registry/validation/names.ts';
import { defaultReplicas, validateSelectorAndTemplate, validateSelectorKept, workloadColumns, workloadWarnings } from './pod-template.ts';
import { validateCounts } from './replica-counts.ts';
import { scaleSubresource } from './scale.ts';

function validateSpec({ spec }: ReplicaSet): FieldError[] {
  return [
    ...nonNegative('spec.replicas', spec?.replicas),
    ...nonNegative('spec.minReadySeconds', spec?.minReadySeconds),
    ...validateSelectorAndTemplate(spec ?? {}),
  ];
}

const counters = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
  'terminatingReplicas',
] as const;

/** The counts of a ReplicaSet or of a ReplicationController. */
export function validateReplicaCounts({ status }: Pick<ReplicaSet, 'status'>): FieldError[] {
  return validateCounts(status, counters, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas']);
}

interface Replicated extends KubeObject {
  spec?: { readonly replicas?: number; readonly template?: PodTemplateSpec };
  status?: ReplicaSetStatus;
}

/** What is written of pods that are kept at a number. */
export const replicaStrategy: Pick<Strategy<Replicated>, 'prepareForCreate' | 'prepareForUpdate' | 'warnings'> = {
  prepareForCreate(object) {
    object.status = { replicas: 0 };
    metadataOf(object).generation = 1;
  },
  prepareForUpdate(object, old) {
    object.status = old.status ?? { replicas: 0 };
    countGeneration(object, old);
  },
  warnings: workloadWarnings,
};

const strategy: Strategy<ReplicaSet> = {
  default({ spec }) {
    if (spec) defaultReplicas(spec);
  },
  ...replicaStrategy,
  validate: (object) => [...validateMetadata(object, { namespaced: true, name: subdomainName }), ...validateSpec(object)],
  validateUpdate: (object, old) => [...validateSpec(object), ...validateSelectorKept(object.spec ?? {}, old.spec)],
};

/** What `kubectl get` shows of pods that are kept at a number. */
export function replicaColumns<T extends Replicated>(selector: (object: T) => string): TableColumn<T>[] {
  return [
    nameColumn,
    { name: 'Desired', type: 'integer', description: 'How many pods there shall be.', value: ({ spec }) => spec?.replicas ?? 0 },
    { name: 'Current', type: 'integer', description: 'How many pods there are.', value: ({ status }) => status?.replicas ?? 0 },
    { name: 'Ready', type: 'integer', description: 'How many pods are ready.', value: ({ status }) => status?.readyReplicas ?? 0 },
    ageColumn,
    ...workloadColumns<T>(
      ({ spec }) => spec?.template?.spec?.containers ?? [],
      (object) => selector(object) || '<none>',
    ),
  ];
}

const kind = { group: 'apps', version: 'v1', kind: 'ReplicaSet' };

export const replicaSets: ResourceDefinition<ReplicaSet> = {
  ...kind,
  resource: 'replicasets',
  singular: 'replicaset',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.ReplicaSet',
  strategy,
  columns: replicaColumns(({ spec }) => labelSelector(spec?.selector).toString()),
  subresources: [
    statusSubresource<ReplicaSet>(kind, { validateUpdate: validateReplicaCounts }),
    scaleSubresource<ReplicaSet>('apps', 'replicasets'),
  ],
};
