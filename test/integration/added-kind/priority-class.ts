import { ageColumn, nameColumn } from '@flotilla/hub/registry/generic/columns.js';
import type { ResourceDefinition } from '@flotilla/hub/registry/generic/types.js';
import { validateMetadata } from '@flotilla/hub/registry/validation/metadata.js';
import { subdomainName } from '@flotilla/hub/registry/validation/names.js';
import type { PriorityClass } from '@flotilla/shared/api/generated/types.js';
import { forbiddenField, invalid } from '@flotilla/shared/errors/field.js';

const most = 1_000_000_000;

/** A kind that the hub does not serve, written as CONTRIBUTING.md says. */
export const priorityClasses: ResourceDefinition<PriorityClass> = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  resource: 'priorityclasses',
  singular: 'priorityclass',
  shortNames: ['pc'],
  namespaced: false,
  schema: 'io.k8s.api.scheduling.v1.PriorityClass',
  strategy: {
    default(object) {
      object.preemptionPolicy ??= 'PreemptLowerPriority';
    },
    validate(object) {
      const faults = validateMetadata(object, { namespaced: false, name: subdomainName });
      return object.value > most
        ? [...faults, forbiddenField('value', `maximum allowed value of a user defined priority is ${most}`)]
        : faults;
    },
    validateUpdate: (object, old) => (object.value === old.value ? [] : [invalid('value', object.value, 'field is immutable')]),
  },
  columns: [
    nameColumn,
    { name: 'Value', type: 'integer', description: 'How important it is.', value: ({ value }) => value },
    {
      name: 'Global-Default',
      type: 'boolean',
      description: 'Whether pods get it unasked.',
      value: ({ globalDefault = false }) => globalDefault,
    },
    ageColumn,
  ],
};
