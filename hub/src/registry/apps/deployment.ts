import type { Deployment, DeploymentStrategy } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, invalid, notSupported, required } from '@flotilla/shared/errors/field.js';
import { labelSelector } from '@flotilla/shared/meta/selector.js';
import { ageColumn, nameColumn, textColumn } from '#registry/generic/columns.ts';
import { semanticEqual } from '#registry/generic/json.ts';
import { countGeneration, keepField, metadataOf } from '#registry/generic/object-meta.ts';
import { statusSubresource } from '#registry/generic/status-subresource.ts';
import type { ResourceDefinition, Strategy } from '#registry/generic/types.ts';
import { nonNegative } from '#registry/validation/fields.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { regexError, subdomainName } from '#registry/validation/names.ts';
import { defaultReplicas, validateSelectorAndTemplate, validateSelectorKept, workloadColumns, workloadWarnings } from './pod-template.ts';
import { validateCounts } from './replica-counts.ts';
import { scaleSubresource } from './scale.ts';

const percentWords = "a valid percent string must be a numeric string followed by an ending '%'";

function defaults({ spec }: Deployment): void {
  if (!spec) return;
  defaultReplicas(spec);
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
  const strategy = spec.strategy ?? {};
  spec.strategy = strategy;
  strategy.type ||= 'RollingUpdate';
  if (strategy.type === 'RollingUpdate') strategy.rollingUpdate = { maxUnavailable: '25%', maxSurge: '25%', ...strategy.rollingUpdate };
}

function amountOf(value: number | string | undefined): number {
  if (typeof value === 'number') return value;
  const percent = /^([0-9]+)%$/.exec(value ?? '')?.[1];
  return percent === undefined ? 0 : Number(percent);
}

function validateAmount(path: string, value: number | string | undefined): FieldError[] {
  if (typeof value === 'number') return nonNegative(path, value);
  if (/^[0-9]+%$/.test(value ?? '')) return [];
  return [invalid(path, value, regexError(percentWords, '[0-9]+%', '1%', '93%'))];
}

function validateStrategy(strategy: DeploymentStrategy | undefined, path: string): FieldError[] {
  const { type, rollingUpdate } = strategy ?? {};
  const at = `${path}.rollingUpdate`;
  if (type === 'Recreate') return rollingUpdate ? [forbiddenField(at, "may not be specified when strategy `type` is 'Recreate'")] : [];
  if (type !== 'RollingUpdate') return [notSupported(path, strategy, ['Recreate', 'RollingUpdate'])];
  if (!rollingUpdate) return [required(at, 'this should be defaulted and never be nil')];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const faults = [...validateAmount(`${at}.maxUnavailable`, maxUnavailable), ...validateAmount(`${at}.maxSurge`, maxSurge)];
  if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0) {
    faults.push(invalid(`${at}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  if (typeof maxUnavailable === 'string' && amountOf(maxUnavailable) > 100) {
    faults.push(invalid(`${at}.maxUnavailable`, maxUnavailable, 'must not be greater than 100%'));
  }
  return faults;
}

function validateSpec({ spec }: Deployment): FieldError[] {
  const { progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec ?? {};
  const faults = [
    ...nonNegative('spec.replicas', spec?.replicas),
    ...validateSelectorAndTemplate(spec ?? {}),
    ...validateStrategy(spec?.strategy, 'spec.strategy'),
    ...nonNegative('spec.minReadySeconds', minReadySeconds),
    ...nonNegative('spec.revisionHistoryLimit', spec?.revisionHistoryLimit),
    ...nonNegative('spec.progressDeadlineSeconds', deadline),
  ];
  if (deadline !== undefined && deadline <= minReadySeconds) {
    faults.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  }
  return faults;
}

const counters = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
  'collisionCount',
] as const;

function validateStatus({ status = {} }: Deployment, { status: was = {} }: Deployment): FieldError[] {
  const faults = validateCounts(status, counters, ['updatedReplicas', 'readyReplicas', 'availableReplicas']);
  const { collisionCount = 0 } = status;
  if (was?.collisionCount !== undefined && collisionCount < was.collisionCount) {
    faults.push(invalid('status.collisionCount', collisionCount, 'cannot be decremented'));
  }
  return faults;
}

const strategy: Strategy<Deployment> = {
  default: defaults,
  prepareForCreate(object) {
    object.status = {};
    metadataOf(object).generation = 1;
  },
  prepareForUpdate(object, old) {
    object.status = old.status ?? {};
    // Annotations count too: they are copied to the replica sets.
    const same = semanticEqual(object.spec, old.spec) && semanticEqual(object.metadata?.annotations, old.metadata?.annotations);
    countGeneration(object, old, same);
  },
  validate: (object) => [...validateMetadata(object, { namespaced: true, name: subdomainName }), ...validateSpec(object)],
  validateUpdate: (object, old) => [...validateSpec(object), ...validateSelectorKept(object.spec ?? {}, old.spec)],
  warnings: workloadWarnings,
};

const kind = { group: 'apps', version: 'v1', kind: 'Deployment' };

export const deployments: ResourceDefinition<Deployment> = {
  ...kind,
  resource: 'deployments',
  singular: 'deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.Deployment',
  strategy,
  columns: [
    nameColumn,
    textColumn('Ready', 'Number of the pod with ready state', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
    textColumn('Up-to-date', 'How many pods have the newest template.', ({ status }) => status?.updatedReplicas ?? 0),
    textColumn('Available', 'How many pods are available.', ({ status }) => status?.availableReplicas ?? 0),
    ageColumn,
    ...workloadColumns<Deployment>(
      ({ spec }) => spec?.template?.spec?.containers ?? [],
      ({ spec }) => labelSelector(spec?.selector).toString(),
    ),
  ],
  subresources: [
    statusSubresource<Deployment>(kind, {
      prepareForUpdate: (object, old) => keepField(metadataOf(object), old.metadata ?? {}, 'labels'),
      validateUpdate: validateStatus,
    }),
    scaleSubresource<Deployment>('apps', 'deployments'),
  ],
};
