import { forbidden, StatusError } from '@flotilla/shared/errors/status.js';
import type { UserInfo } from '#registry/generic/types.ts';

/** What somebody wants to do (apiserver, `authorizer.Attributes`). */
export interface Attributes {
  readonly user: UserInfo;
  /** A resource verb, or the HTTP method in lower case for other paths. */
  readonly verb: string;
  /** Undefined for paths that are no resource. */
  readonly resource?: {
    readonly group: string;
    readonly version: string;
    readonly namespace: string;
    readonly resource: string;
    readonly subresource: string;
    readonly name: string;
    /** `metadata.name=x`, `spec.nodeName=n`: what a list or watch is confined to. */
    readonly fieldSelector?: string;
  };
  readonly path: string;
}

export interface Decision {
  readonly verdict: 'allow' | 'deny' | 'noOpinion';
  readonly reason?: string;
}

/** One link of the chain; the first that has an opinion decides, and nobody's opinion is a refusal. */
export interface Authorizer {
  authorize(attributes: Attributes): Decision;
  /** What it allows this user in a namespace, for SelfSubjectRulesReview. */
  rules?(user: UserInfo, namespace: string): Rules;
}

export interface Rules {
  /** What stood in the way of finding more. */
  readonly errors?: readonly string[];
  /** There may be more. */
  readonly incomplete?: boolean;
  readonly resourceRules: readonly ResourceRule[];
  readonly nonResourceRules: readonly { readonly verbs: readonly string[]; readonly nonResourceURLs: readonly string[] }[];
}

export interface ResourceRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
}

export const noOpinion: Decision = { verdict: 'noOpinion' };
export const allow = (reason?: string): Decision => ({ verdict: 'allow', ...(reason ? { reason } : {}) });

/** Asks one after the other (apiserver, `union`). The reasons of those without an opinion are kept for the refusal. */
export function chain(authorizers: readonly Authorizer[]): Authorizer {
  return {
    authorize(attributes) {
      let reasons = '';
      for (const authorizer of authorizers) {
        const decision = authorizer.authorize(attributes);
        if (decision.verdict !== 'noOpinion') return decision;
        if (decision.reason) reasons = reasons ? `${reasons}\n${decision.reason}` : decision.reason;
      }
      return reasons ? { verdict: 'noOpinion', reason: reasons } : noOpinion;
    },
    rules(user, namespace) {
      const all = authorizers.map((authorizer) => authorizer.rules?.(user, namespace) ?? { resourceRules: [], nonResourceRules: [] });
      const errors = all.flatMap((rules) => rules.errors ?? []);
      return {
        ...(errors.length > 0 ? { errors } : {}),
        ...(all.some(({ incomplete }) => incomplete) ? { incomplete: true } : {}),
        resourceRules: all.flatMap((rules) => rules.resourceRules),
        nonResourceRules: all.flatMap((rules) => rules.nonResourceRules),
      };
    },
  };
}

/** The refusal in Kubernetes' words (apiserver, `responsewriters.ForbiddenStatusError`). */
export function forbiddenError(attributes: Attributes, decision: Decision): StatusError {
  const { user, verb, resource, path } = attributes;
  const why = decision.reason ? `: ${decision.reason}` : '';
  if (!resource) {
    const message = `forbidden: User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(path)}${why}`;
    return new StatusError(403, 'Forbidden', message, {});
  }
  const { group, resource: plural, subresource, namespace, name } = resource;
  const full = subresource ? `${plural}/${subresource}` : plural;
  const where = namespace ? ` in the namespace ${JSON.stringify(namespace)}` : ' at the cluster scope';
  const message = `User ${JSON.stringify(user.name)} cannot ${verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)}${where}`;
  return forbidden({ group, resource: plural }, name, message + why);
}
