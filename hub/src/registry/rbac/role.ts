import type { Role } from '@flotilla/shared/api/generated/types.js';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { defaultRules, nullRules, rbacGroup, validateRules } from '#registry/validation/rbac.ts';
import { roleColumns } from './columns.ts';

const namespaced = true;

export const roles: ResourceDefinition<Role> = {
  group: rbacGroup,
  version: 'v1',
  kind: 'Role',
  resource: 'roles',
  singular: 'role',
  namespaced,
  schema: 'io.k8s.api.rbac.v1.Role',
  strategy: {
    default: defaultRules,
    prepareForCreate: nullRules,
    prepareForUpdate: nullRules,
    validate: (role) => [...validateMetadata(role, { namespaced }), ...validateRules(role.rules, { namespaced })],
    validateUpdate: (role) => validateRules(role.rules, { namespaced }),
  },
  columns: roleColumns,
  allowCreateOnUpdate: true,
};
