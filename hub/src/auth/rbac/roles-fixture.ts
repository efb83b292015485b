import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '@flotilla/shared/api/generated/types.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { InformerCache } from '#client/informer-cache.ts';
import { bootstrapClusterRoles, bootstrapRoles } from '../bootstrap/bootstrap-roles.ts';
import { defaultClusterRoleBindings, defaultRoleBindings } from '../bootstrap/default-bindings.ts';
import { RuleResolver } from './rule-resolver.ts';

/** For tests: what the resolver reads, without a registry. */
export class RolesFixture {
  readonly roles = cache<Role>();
  readonly clusterRoles = cache<ClusterRole>();
  readonly roleBindings = cache<RoleBinding>();
  readonly clusterRoleBindings = cache<ClusterRoleBinding>();
  readonly resolver: RuleResolver;

  constructor() {
    const all = this as unknown as Readonly<Record<string, unknown>>;
    const byResource: Readonly<Record<string, string>> = {
      roles: 'roles',
      clusterroles: 'clusterRoles',
      rolebindings: 'roleBindings',
      clusterrolebindings: 'clusterRoleBindings',
    };
    // Each cache holds what its name says.
    this.resolver = new RuleResolver({ informer: (_group, resource) => all[byResource[resource] ?? ''] as never });
  }

  /** The roles and bindings of every cluster. */
  withDefaults(): this {
    const clusterRoles = bootstrapClusterRoles();
    for (const role of clusterRoles) this.clusterRoles.put(role);
    for (const role of bootstrapRoles()) this.roles.put(role);
    for (const binding of defaultClusterRoleBindings(clusterRoles)) this.clusterRoleBindings.put(binding);
    for (const binding of defaultRoleBindings()) this.roleBindings.put(binding);
    return this.synced();
  }

  synced(): this {
    for (const one of [this.roles, this.clusterRoles, this.roleBindings, this.clusterRoleBindings]) one.synced = true;
    return this;
  }
}

function cache<T extends KubeObject>(): InformerCache<T> {
  return new InformerCache<T>((error) => {
    throw error;
  });
}
