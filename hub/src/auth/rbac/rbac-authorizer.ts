import type { PolicyRule } from '@flotilla/shared/api/generated/types.js';
import type { UserInfo } from '#registry/generic/types.ts';
import { type Attributes, type Authorizer, type Decision, noOpinion, type Rules } from '../authz/types.ts';
import { type Grant, type RuleResolver, roleNotFound } from './rule-resolver.ts';

const reading: Decision = { verdict: 'noOpinion', reason: 'RBAC: the roles have not been read yet' };

/** Roles and their bindings (kubernetes, `plugin/pkg/auth/authorizer/rbac`): they only ever allow; what none allows is refused. */
export function createRbacAuthorizer(resolver: RuleResolver): Authorizer {
  return {
    authorize(attributes) {
      if (!resolver.synced) return reading;
      let granted: Grant | undefined;
      let missing: string[] | undefined;
      resolver.visit(attributes.user, attributes.resource?.namespace ?? '', (grant) => {
        if (!grant.role) {
          const fault = roleNotFound(grant.binding.roleRef);
          missing ??= [];
          if (!missing.includes(fault)) missing.push(fault);
        } else if (resolver.compiled(grant.role).allows(attributes)) granted = grant;
        return granted !== undefined;
      });
      if (granted) return new Granted(granted, attributes);
      if (!missing) return noOpinion;
      return { verdict: 'noOpinion', reason: `RBAC: ${missing.length === 1 ? missing[0] : `[${missing.join(', ')}]`}` };
    },
    rules(user, namespace) {
      const { rules, errors } = resolver.rulesFor(user, namespace);
      return { ...sorted(rules), ...(errors.length > 0 ? { errors } : {}) };
    },
  };
}

/** Says why when it is asked: only reviews ask. */
class Granted implements Decision {
  readonly verdict = 'allow';
  readonly #grant: Grant;
  readonly #attributes: Attributes;

  constructor(grant: Grant, attributes: Attributes) {
    this.#grant = grant;
    this.#attributes = attributes;
  }

  get reason(): string {
    return describeGrant(this.#grant, this.#attributes);
  }
}

function describeGrant({ binding }: Grant, { user }: Attributes): string {
  const { namespace, name } = binding.metadata ?? {};
  const title = namespace ? `RoleBinding ${JSON.stringify(`${name}/${namespace}`)}` : `ClusterRoleBinding ${JSON.stringify(name)}`;
  const { kind, name: role } = binding.roleRef;
  return `RBAC: allowed by ${title} of ${kind} ${JSON.stringify(role)} to ${describeSubject(binding, user, namespace ?? '')}`;
}

/** The subject of the binding that the user is, the first that fits. */
function describeSubject({ subjects = [] }: Grant['binding'], user: UserInfo, own: string): string {
  for (const { kind, name, namespace } of subjects) {
    if (kind === 'User' && name === user.name) return `User ${JSON.stringify(name)}`;
    if (kind === 'Group' && user.groups.includes(name)) return `Group ${JSON.stringify(name)}`;
    const home = namespace || own;
    if (kind === 'ServiceAccount' && user.name === `system:serviceaccount:${home}:${name}`) {
      return `ServiceAccount ${JSON.stringify(`${name}/${home}`)}`;
    }
  }
  return '';
}

function sorted(rules: readonly PolicyRule[]): Rules {
  return {
    resourceRules: rules.flatMap(({ verbs, apiGroups, resources, resourceNames }) =>
      resources?.length ? [{ verbs, ...(apiGroups ? { apiGroups } : {}), resources, ...(resourceNames ? { resourceNames } : {}) }] : [],
    ),
    nonResourceRules: rules.flatMap(({ verbs, nonResourceURLs }) => (nonResourceURLs?.length ? [{ verbs, nonResourceURLs }] : [])),
  };
}
