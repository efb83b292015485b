import type { ClusterRole, ClusterRoleBinding, PolicyRule, RbacSubject, Role, RoleBinding } from '@flotilla/shared/api/generated/types.js';
import type { Client, Informer } from '#client/types.ts';
import type { UserInfo } from '#registry/generic/types.ts';
import { RuleMatch } from './rule-match.ts';

const group = 'rbac.authorization.k8s.io';
const bySubject = 'rbac subject';

/** One binding that applies to somebody, and the role it gives. */
export interface Grant {
  readonly binding: RoleBinding | ClusterRoleBinding;
  /** Undefined when the role is not there. */
  readonly role: Role | ClusterRole | undefined;
}

type Reference = RoleBinding['roleRef'];

/**
 * Which roles somebody has (kubernetes, `pkg/registry/rbac/validation`). It reads the informers, which hold a write before it is
 * answered: no question makes a list, and a role is compiled once for each of its versions.
 */
export class RuleResolver {
  readonly #roles: Informer<Role>;
  readonly #clusterRoles: Informer<ClusterRole>;
  readonly #roleBindings: Informer<RoleBinding>;
  readonly #clusterRoleBindings: Informer<ClusterRoleBinding>;
  readonly #compiled = new WeakMap<Role | ClusterRole, RuleMatch>();

  constructor(client: Pick<Client, 'informer'>) {
    this.#roles = client.informer<Role>(group, 'roles');
    this.#clusterRoles = client.informer<ClusterRole>(group, 'clusterroles');
    this.#roleBindings = client.informer<RoleBinding>(group, 'rolebindings');
    this.#clusterRoleBindings = client.informer<ClusterRoleBinding>(group, 'clusterrolebindings');
    this.#clusterRoleBindings.index(bySubject, ({ subjects }) => (subjects ?? []).flatMap((subject) => keysOf(subject, '')));
    this.#roleBindings.index(bySubject, ({ subjects, metadata }) => {
      const namespace = metadata?.namespace ?? '';
      return (subjects ?? []).flatMap((subject) => keysOf(subject, namespace).map((key) => `${namespace}/${key}`));
    });
  }

  /** Before this nobody has a role. */
  get synced(): boolean {
    return this.#roles.synced && this.#clusterRoles.synced && this.#roleBindings.synced && this.#clusterRoleBindings.synced;
  }

  /** What applies to a user: the bindings of the cluster, then those of the namespace; until `visit` answers true. */
  visit(user: UserInfo, namespace: string, visit: (grant: Grant) => boolean): void {
    const keys = [`User/${user.name}`, ...user.groups.map((name) => `Group/${name}`)];
    for (const key of keys) {
      for (const binding of this.#clusterRoleBindings.byIndex(bySubject, key)) {
        if (visit({ binding, role: this.role(binding.roleRef, '') })) return;
      }
    }
    if (!namespace) return;
    for (const key of keys) {
      for (const binding of this.#roleBindings.byIndex(bySubject, `${namespace}/${key}`)) {
        if (visit({ binding, role: this.role(binding.roleRef, namespace) })) return;
      }
    }
  }

  role({ kind, name }: Reference, namespace: string): Role | ClusterRole | undefined {
    return kind === 'Role' ? this.#roles.get(`${namespace}/${name}`) : this.#clusterRoles.get(name);
  }

  compiled(role: Role | ClusterRole): RuleMatch {
    let match = this.#compiled.get(role);
    if (!match) {
      match = new RuleMatch(role.rules);
      this.#compiled.set(role, match);
    }
    return match;
  }

  /** All rules of a user in a namespace, and what stood in the way of finding more. */
  rulesFor(user: UserInfo, namespace: string): { readonly rules: readonly PolicyRule[]; readonly errors: readonly string[] } {
    const rules: PolicyRule[] = [];
    const errors: string[] = [];
    this.visit(user, namespace, ({ binding, role }) => {
      if (role) rules.push(...(role.rules ?? []));
      else errors.push(roleNotFound(binding.roleRef));
      return false;
    });
    return { rules, errors };
  }
}

export function roleNotFound({ kind, name }: Reference): string {
  return `${kind.toLowerCase()}.${group} ${JSON.stringify(name)} not found`;
}

/** A service account without a namespace is one of the binding's own. */
function keysOf({ kind, name, namespace }: RbacSubject, own: string): string[] {
  if (kind === 'User' || kind === 'Group') return [`${kind}/${name}`];
  const home = namespace || own;
  return kind === 'ServiceAccount' && home ? [`User/system:serviceaccount:${home}:${name}`] : [];
}
