import type { ReplicationController } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid, required } from '@flotilla/shared/errors/field.js';
import { validateLastingTemplate } from '#registry/apps/pod-template.ts';
import { replicaColumns, replicaStrategy, validateReplicaCounts } from '#registry/apps/replica-set.ts';
import { scaleSubresource } from '#registry/apps/scale.ts';
import { metadataOf } from '#registry/generic/object-meta.ts';
import { statusSubresource } from '#registry/generic/status-subresource.ts';
import type { ResourceDefinition, Strategy } from '#registry/generic/types.ts';
import { nonNegative } from '#registry/validation/fields.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { subdomainName } from '#registry/validation/names.ts';
import { defaultPodSpec } from './pod-defaults.ts';

const isEmpty = (map: Readonly<Record<string, string>> | undefined): boolean => Object.keys(map ?? {}).length === 0;

function selectorText({ spec }: ReplicationController): string {
  const pairs = Object.entries(spec?.selector ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.map(([key, value]) => `${key}=${value}`).join(',');
}

function validateSpec({ spec }: ReplicationController): FieldError[] {
  const { selector = {}, template } = spec ?? {};
  const labels = template?.metadata?.labels;
  const faults = [
    ...nonNegative('spec.replicas', spec?.replicas),
    ...nonNegative('spec.minReadySeconds', spec?.minReadySeconds),
    ...(isEmpty(selector) ? [required('spec.selector')] : []),
  ];
  if (!template) return [...faults, required('spec.template')];
  if (Object.entries(selector).some(([key, value]) => labels?.[key] !== value)) {
    faults.push(invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
  }
  return [...faults, ...validateLastingTemplate(template, 'spec.template', 'ReplicationController')];
}

const strategy: Strategy<ReplicationController> = {
  default(object) {
    object.spec ??= {};
    const { spec } = object;
    spec.replicas ??= 1;
    if (!spec.template) return;
    spec.template.spec ??= { containers: [] };
    defaultPodSpec(spec.template.spec);
    const labels = spec.template.metadata?.labels;
    if (!labels || isEmpty(labels)) return;
    if (isEmpty(spec.selector)) spec.selector = { ...labels };
    if (isEmpty(object.metadata?.labels)) metadataOf(object).labels = { ...labels };
  },
  ...replicaStrategy,
  validate: (object) => [...validateMetadata(object, { namespaced: true, name: subdomainName }), ...validateSpec(object)],
  validateUpdate: validateSpec,
};

const kind = { group: '', version: 'v1', kind: 'ReplicationController' };

/** What ReplicaSets were before: a selector is a map, may change, and is taken from the template where it is not given. */
export const replicationControllers: ResourceDefinition<ReplicationController> = {
  ...kind,
  resource: 'replicationcontrollers',
  singular: 'replicationcontroller',
  shortNames: ['rc'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.ReplicationController',
  strategy,
  columns: replicaColumns(selectorText),
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  orphansByDefault: true,
  subresources: [
    statusSubresource<ReplicationController>(kind, { validateUpdate: validateReplicaCounts }),
    scaleSubresource<ReplicationController>('', 'replicationcontrollers', selectorText),
  ],
};
