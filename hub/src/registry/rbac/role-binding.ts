import type { ClusterRoleBinding, RoleBinding } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid } from '@flotilla/shared/errors/field.js';
import { semanticEqual } from '#registry/generic/json.ts';
import type { ResourceDefinition, Strategy } from '#registry/generic/types.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { defaultBinding, rbacGroup, validateRoleRef, validateSubjects } from '#registry/validation/rbac.ts';
import { bindingColumns } from './columns.ts';

/** What a binding refers to never changes: who may use it was decided when it was made. */
function strategy(namespaced: boolean, kinds: readonly string[]): Strategy<RoleBinding | ClusterRoleBinding> {
  const content = (binding: RoleBinding | ClusterRoleBinding): FieldError[] => [
    ...validateRoleRef(binding.roleRef, kinds),
    ...validateSubjects(binding.subjects, namespaced),
  ];
  return {
    default: defaultBinding,
    validate: (binding) => [...validateMetadata(binding, { namespaced }), ...content(binding)],
    validateUpdate: (binding, old) => [
      ...content(binding),
      ...(semanticEqual(binding.roleRef, old.roleRef) ? [] : [invalid('roleRef', binding.roleRef, 'cannot change roleRef')]),
    ],
  };
}

export const roleBindings: ResourceDefinition<RoleBinding> = {
  group: rbacGroup,
  version: 'v1',
  kind: 'RoleBinding',
  resource: 'rolebindings',
  singular: 'rolebinding',
  namespaced: true,
  schema: 'io.k8s.api.rbac.v1.RoleBinding',
  strategy: strategy(true, ['Role', 'ClusterRole']),
  columns: bindingColumns,
  allowCreateOnUpdate: true,
};

export const clusterRoleBindings: ResourceDefinition<ClusterRoleBinding> = {
  group: rbacGroup,
  version: 'v1',
  kind: 'ClusterRoleBinding',
  resource: 'clusterrolebindings',
  singular: 'clusterrolebinding',
  namespaced: false,
  schema: 'io.k8s.api.rbac.v1.ClusterRoleBinding',
  strategy: strategy(false, ['ClusterRole']),
  columns: bindingColumns,
  allowCreateOnUpdate: true,
};
