import type { Lease } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, invalid } from '@flotilla/shared/errors/field.js';
import { ageColumn, nameColumn, textColumn } from '#registry/generic/columns.ts';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { subdomainName } from '#registry/validation/names.ts';

function validateSpec({ spec = {} }: Lease): FieldError[] {
  const { leaseDurationSeconds: duration, leaseTransitions: transitions, preferredHolder, strategy } = spec;
  const faults: FieldError[] = [];
  if (duration !== undefined && duration <= 0) faults.push(invalid('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
  if (transitions !== undefined && transitions < 0) {
    faults.push(invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
  }
  if (preferredHolder && !strategy) faults.push(forbiddenField('spec.preferredHolder', 'may only be specified if `strategy` is defined'));
  return faults;
}

/** Coordinated leader election is off in Kubernetes 1.34: its fields are dropped. */
function dropCoordination({ spec }: Lease): void {
  delete spec?.strategy;
  delete spec?.preferredHolder;
}

export const leases: ResourceDefinition<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  resource: 'leases',
  singular: 'lease',
  namespaced: true,
  schema: 'io.k8s.api.coordination.v1.Lease',
  strategy: {
    prepareForCreate: dropCoordination,
    prepareForUpdate: dropCoordination,
    validate: (lease) => [...validateMetadata(lease, { namespaced: true, name: subdomainName }), ...validateSpec(lease)],
    validateUpdate: validateSpec,
  },
  columns: [nameColumn, textColumn('Holder', 'Who holds the lease.', ({ spec }) => spec?.holderIdentity ?? ''), ageColumn],
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
};
