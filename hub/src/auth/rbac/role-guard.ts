import { isDeepStrictEqual } from 'node:util';
import type { ClusterRole, PolicyRule, Role, RoleBinding } from '@flotilla/shared/api/generated/types.js';
import { forbidden, notFound, type StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { AdmissionAttributes, UserInfo } from '#registry/generic/types.ts';
import type { Authorizer } from '../authz/types.ts';
import { compactRules, describeRule, quotedList, uncovered } from './rule-cover.ts';
import type { RuleResolver } from './rule-resolver.ts';

const group = 'rbac.authorization.k8s.io';
const everything: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/** Refuses a role or binding that gives what its writer does not have. @throws StatusError Forbidden */
export type RoleGuard = (attributes: AdmissionAttributes) => void;

/**
 * Nobody gives away more than he has (kubernetes, `pkg/registry/rbac/<kind>/policybased`): who writes a role has all its rules, or the verb
 * `escalate` on it; who binds one has all its rules, or the verb `bind` on it; who makes one that gathers others has everything.
 */
export function createRoleGuard({ authorizer, resolver }: { authorizer: Authorizer; resolver: RuleResolver }): RoleGuard {
  const mayDo = (attributes: AdmissionAttributes, verb: string, resource: string, name: string): boolean => {
    const { ctx, namespace } = attributes;
    const about = { group, version: '*', namespace, resource, subresource: '', name };
    return authorizer.authorize({ user: ctx.user, verb, path: '', resource: about }).verdict === 'allow';
  };
  const confirm = ({ ctx, namespace, definition, object }: AdmissionAttributes, rules: readonly PolicyRule[]): void => {
    const why = escalation(resolver, ctx.user, namespace, rules);
    if (why !== undefined) throw forbidden(definition, object?.metadata?.name ?? '', why);
  };
  const checkRole = (attributes: AdmissionAttributes): void => {
    const { definition, operation, name } = attributes;
    const role = attributes.object as Role | ClusterRole;
    // A POST names nothing in its path.
    const named = operation === 'UPDATE' || attributes.named === true;
    if (mayDo(attributes, 'escalate', definition.resource, named ? name : '')) return;
    if (onlyLetsGo(attributes)) return;
    confirm(attributes, role.rules ?? []);
    if (!gathers(role) && !gathers(attributes.old)) return;
    if (escalation(resolver, attributes.ctx.user, '', everything) !== undefined) throw mustHaveAll(attributes);
  };
  const checkBinding = (attributes: AdmissionAttributes): void => {
    const { roleRef } = attributes.object as RoleBinding;
    const { kind, name } = roleRef;
    if (onlyLetsGo(attributes)) return;
    const resource = kind === 'Role' ? 'roles' : 'clusterroles';
    if (mayDo(attributes, 'bind', resource, name)) return;
    const role = resolver.role(roleRef, attributes.namespace);
    if (!role) throw notFound(attributes.definition, name);
    confirm(attributes, role.rules ?? []);
  };
  return (attributes) => {
    const { definition, operation, ctx } = attributes;
    if (definition.group !== group || (operation !== 'CREATE' && operation !== 'UPDATE')) return;
    if (ctx.user.groups.includes('system:masters')) return;
    if (definition.resource === 'roles' || definition.resource === 'clusterroles') checkRole(attributes);
    else checkBinding(attributes);
  };
}

function mustHaveAll({ definition, object }: AdmissionAttributes): StatusError {
  return forbidden(definition, object?.metadata?.name ?? '', 'must have cluster-admin privileges to use the aggregationRule');
}

function gathers(role: KubeObject | undefined): boolean {
  return ((role as ClusterRole | undefined)?.aggregationRule?.clusterRoleSelectors?.length ?? 0) > 0;
}

/** What a user would gain, in the words of Kubernetes; undefined when nothing. */
function escalation(resolver: RuleResolver, user: UserInfo, namespace: string, rules: readonly PolicyRule[]): string | undefined {
  const held = resolver.rulesFor(user, namespace);
  const missing = uncovered(held.rules, rules);
  if (missing.length === 0) return undefined;
  const lines = [...new Set(compactRules(missing).map(describeRule))].sort();
  const errors = held.errors.length > 0 ? `; resolution errors: [${held.errors.join(' ')}]` : '';
  const who = `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)})`;
  return `${who} is attempting to grant RBAC permissions not currently held:\n${lines.join('\n')}${errors}`;
}

/** Whether an update changes nothing but what garbage collection waits for. */
function onlyLetsGo({ object, old }: AdmissionAttributes): boolean {
  if (!object || !old) return false;
  const rest = ({ metadata, ...content }: KubeObject): unknown => {
    const { finalizers: _f, ownerReferences: _o, managedFields: _m, resourceVersion: _r, ...meta } = metadata ?? {};
    return { ...content, meta };
  };
  return isDeepStrictEqual(rest(object), rest(old));
}
