import { isDeepStrictEqual } from 'node:util';
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '@flotilla/shared/api/generated/types.js';
import { isAlreadyExists, isNotFound } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { Registry, RequestContext } from '#registry/generic/types.ts';
import { uncovered } from '../rbac/rule-cover.ts';
import { bootstrapClusterRoles, bootstrapRoles } from './bootstrap-roles.ts';
import { defaultClusterRoleBindings, defaultRoleBindings } from './default-bindings.ts';

const group = 'rbac.authorization.k8s.io';
const autoupdate = 'rbac.authorization.kubernetes.io/autoupdate';

const ctx: RequestContext = {
  user: { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] },
  userAgent: 'kube-apiserver',
  warn: () => {},
};

/**
 * Makes the roles and bindings every cluster has, and gives those that are there back what was taken from them; what was added stays
 * (kubernetes, `component-helpers/auth/rbac/reconciliation`). One annotated `rbac.authorization.kubernetes.io/autoupdate: "false"` is left
 * alone. The namespaces have to be there. Runs at every start: then it compares and writes nothing.
 */
export async function reconcileRoles(registry: Registry): Promise<void> {
  const clusterRoles = bootstrapClusterRoles();
  await Promise.all([
    ...clusterRoles.map((role) => reconcile<ClusterRole>(registry, 'clusterroles', role, withRules)),
    ...bootstrapRoles().map((role) => reconcile<Role>(registry, 'roles', role, withRules)),
    ...defaultClusterRoleBindings(clusterRoles).map((binding) =>
      reconcile<ClusterRoleBinding>(registry, 'clusterrolebindings', binding, withSubjects),
    ),
    ...defaultRoleBindings().map((binding) => reconcile<RoleBinding>(registry, 'rolebindings', binding, withSubjects)),
  ]);
}

/** Gives the object as it shall be; the same object when it is as it shall be, undefined when it has to be made anew. */
type Completed<T> = (current: T, wanted: T) => T | undefined;

async function reconcile<T extends KubeObject>(registry: Registry, resource: string, wanted: T, completed: Completed<T>): Promise<void> {
  const of = registry.resource<T>(group, resource);
  const { name = '', namespace = '' } = wanted.metadata ?? {};
  for (let attempt = 0; ; attempt++) {
    let replaced = false;
    try {
      await of.update(ctx, namespace, name, (current) => {
        if (current.metadata?.annotations?.[autoupdate] === 'false') return current;
        const whole = completed(current, wanted);
        replaced = whole === undefined;
        return whole === undefined ? current : withMetadata(whole, wanted, current);
      });
      if (!replaced) return;
      // What a binding refers to cannot be changed.
      await of.delete(ctx, namespace, name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    try {
      await of.create(ctx, namespace, wanted);
      return;
    } catch (error) {
      // Another hub on the same store was faster.
      if (!isAlreadyExists(error) || attempt >= 3) throw error;
    }
  }
}

/** Labels and annotations that are missing are added; those that are there win. */
function withMetadata<T extends KubeObject>(whole: T, wanted: T, current: T): T {
  const [was, given] = [current.metadata ?? {}, wanted.metadata ?? {}];
  const lacks = (field: 'labels' | 'annotations'): boolean =>
    Object.keys(given[field] ?? {}).some((key) => was[field]?.[key] === undefined);
  if (whole === current && !lacks('labels') && !lacks('annotations')) return current;
  const labels = { ...given.labels, ...was.labels };
  const annotations = { ...given.annotations, ...was.annotations };
  return { ...whole, metadata: { ...was, labels, annotations } };
}

function withRules<T extends Role & Pick<ClusterRole, 'aggregationRule'>>(current: T, wanted: T): T {
  // The rules of a role that gathers are not its own.
  const missing =
    wanted.aggregationRule || isDeepStrictEqual(current.rules, wanted.rules) ? [] : uncovered(current.rules ?? [], wanted.rules ?? []);
  const held = current.aggregationRule?.clusterRoleSelectors ?? [];
  const selectors = (wanted.aggregationRule?.clusterRoleSelectors ?? []).filter((one) => !held.some((there) => same(there, one)));
  if (missing.length === 0 && selectors.length === 0) return current;
  return {
    ...current,
    ...(missing.length > 0 ? { rules: [...(current.rules ?? []), ...missing] } : {}),
    ...(selectors.length > 0 ? { aggregationRule: { clusterRoleSelectors: [...held, ...selectors] } } : {}),
  };
}

function withSubjects<T extends RoleBinding | ClusterRoleBinding>(current: T, wanted: T): T | undefined {
  if (!same(current.roleRef, wanted.roleRef)) return undefined;
  const missing = (wanted.subjects ?? []).filter((one) => !current.subjects?.some((there) => same(there, one)));
  return missing.length === 0 ? current : { ...current, subjects: [...(current.subjects ?? []), ...missing] };
}

/** Members of these are few and flat, their order is that of the schema. */
function same(a: object, b: object): boolean {
  const text = (value: object): string => JSON.stringify(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)));
  return text(a) === text(b);
}
