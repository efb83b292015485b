import type { ClusterRole } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid, required } from '@flotilla/shared/errors/field.js';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { each } from '#registry/validation/fields.ts';
import { validateLabelSelector, validateMetadata } from '#registry/validation/metadata.ts';
import { defaultRules, nullRules, rbacGroup, validateRules } from '#registry/validation/rbac.ts';
import { roleColumns } from './columns.ts';

const namespaced = false;

function validateAggregation({ aggregationRule }: ClusterRole): FieldError[] {
  if (!aggregationRule) return [];
  const path = 'aggregationRule.clusterRoleSelectors';
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0) return [required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  return each(path, selectors, (selector, at) => {
    const faults = validateLabelSelector(selector, at);
    return faults.length > 0 ? [...faults, invalid(at, null, 'invalid label selector.')] : faults;
  });
}

const validateContent = (role: ClusterRole): FieldError[] => [...validateRules(role.rules, { namespaced }), ...validateAggregation(role)];

export const clusterRoles: ResourceDefinition<ClusterRole> = {
  group: rbacGroup,
  version: 'v1',
  kind: 'ClusterRole',
  resource: 'clusterroles',
  singular: 'clusterrole',
  namespaced,
  schema: 'io.k8s.api.rbac.v1.ClusterRole',
  strategy: {
    default: defaultRules,
    prepareForCreate: nullRules,
    prepareForUpdate: nullRules,
    validate: (role) => [...validateMetadata(role, { namespaced }), ...validateContent(role)],
    validateUpdate: validateContent,
  },
  columns: roleColumns,
  allowCreateOnUpdate: true,
};
