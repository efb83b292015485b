import type { ClusterRole, Role } from '@flotilla/shared/api/generated/types.js';
import { defaultControllerRoles } from './default-controller-roles.ts';
import { defaultClusterRoles, defaultRoles } from './default-roles.ts';
import { flotillaRoles, linkRoles } from './flotilla-roles.ts';
import { parseRoles } from './role-table.ts';

/** All ClusterRoles that a hub begins with. */
export function bootstrapClusterRoles(): ClusterRole[] {
  return [
    ...parseRoles(`${defaultClusterRoles}${defaultControllerRoles}`, 'rbac-defaults'),
    ...parseRoles(flotillaRoles, 'flotilla-defaults'),
  ];
}

/** All Roles of single namespaces. */
export function bootstrapRoles(): Role[] {
  return [...parseRoles(defaultRoles, 'rbac-defaults'), ...parseRoles(linkRoles, 'flotilla-defaults')].map(namespaced);
}

function namespaced({ metadata, rules = [] }: ClusterRole): Role {
  const [namespace = '', name = ''] = (metadata?.name ?? '').split('/');
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { ...metadata, name, namespace }, rules };
}
