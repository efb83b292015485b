import type { Clock } from '@flotilla/shared/clock/clock.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { badRequest, StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { RefusedTokenError, type ServiceAccountTokens } from '#auth/authn/service-account-tokens.ts';
import type { Authorizer } from '#auth/authz/types.ts';
import type { UserInfo } from '#registry/generic/types.ts';
import { type AccessReview, attributesOf, refuseReview, subjectOf } from './access-review-spec.ts';
import type { QuestionResource } from './endpoints.ts';

type RulesReview = KubeObject & { readonly spec?: { readonly namespace?: string } };
type TokenReview = KubeObject & { readonly spec?: { readonly token?: string; readonly audiences?: readonly string[] } };

/** authorization.k8s.io/v1: may I, may they, what may I. */
export function accessReviews(authorizer: Authorizer): QuestionResource[] {
  const describe = (kind: string, namespaced: boolean) => ({
    group: 'authorization.k8s.io',
    version: 'v1',
    kind,
    resource: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    namespaced,
    schema: `io.k8s.api.authorization.v1.${kind}`,
  });
  const review = (object: AccessReview, user: UserInfo): KubeObject => {
    const { verdict, reason } = authorizer.authorize(attributesOf(object, user));
    const status = { allowed: verdict === 'allow', ...(verdict === 'deny' ? { denied: true } : {}), ...(reason ? { reason } : {}) };
    return { ...object, status } as KubeObject;
  };
  return [
    {
      ...describe('SelfSubjectAccessReview', false),
      answer({ ctx }, _target, object: AccessReview) {
        refuseReview(object, { names: false });
        return review(object, ctx.user);
      },
    },
    {
      ...describe('SubjectAccessReview', false),
      answer(_request, _target, object: AccessReview) {
        refuseReview(object, { names: true });
        return review(object, subjectOf(object));
      },
    },
    {
      ...describe('LocalSubjectAccessReview', true),
      answer(_request, { namespace }, object: AccessReview) {
        refuseReview(object, { names: true, namespace });
        return review({ ...object, metadata: { ...object.metadata, namespace } }, subjectOf(object));
      },
    },
    {
      ...describe('SelfSubjectRulesReview', false),
      answer({ ctx }, _target, object: RulesReview) {
        const namespace = object.spec?.namespace ?? '';
        if (!namespace) throw badRequest('no namespace on request');
        const {
          resourceRules = [],
          nonResourceRules = [],
          errors = [],
          incomplete = false,
        } = authorizer.rules?.(ctx.user, namespace) ?? {};
        const told = errors.length > 0 ? { evaluationError: errors.join(', ') } : {};
        // As in Kubernetes the answer does not repeat what was asked.
        return { ...object, metadata: {}, spec: {}, status: { resourceRules, nonResourceRules, incomplete, ...told } } as KubeObject;
      },
    },
  ];
}

/** authentication.k8s.io/v1: who am I, whose token is this. */
export function authenticationReviews(tokens: ServiceAccountTokens, clock: Clock): QuestionResource[] {
  const describe = (kind: string) => ({
    group: 'authentication.k8s.io',
    version: 'v1',
    kind,
    resource: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    namespaced: false,
    schema: `io.k8s.api.authentication.v1.${kind}`,
  });
  return [
    {
      ...describe('SelfSubjectReview'),
      answer: ({ ctx }, _target, object) => {
        const metadata = { ...object.metadata, creationTimestamp: kubeTime(clock.wallMs()) };
        return { ...object, metadata, status: { userInfo: userInfo(ctx.user) } } as KubeObject;
      },
    },
    {
      ...describe('TokenReview'),
      answer: async (_request, _target, object: TokenReview) => {
        const { token = '', audiences = [] } = object.spec ?? {};
        if (!token) throw badRequest('token is required for TokenReview in authentication');
        return { ...object, status: await reviewToken(tokens, token, audiences) } as KubeObject;
      },
    },
  ];
}

async function reviewToken(tokens: ServiceAccountTokens, token: string, audiences: readonly string[]): Promise<object> {
  try {
    const found = await tokens.review(token, audiences);
    return { authenticated: true, user: userInfo(found.user), audiences: found.audiences };
  } catch (error) {
    if (error instanceof RefusedTokenError) return { user: {}, error: `[invalid bearer token, ${error.why}]` };
    if (error instanceof StatusError && error.code === 401) return { user: {}, error: 'invalid bearer token' };
    throw error;
  }
}

function userInfo({ name, uid, groups, extra }: UserInfo): object {
  return { username: name, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) };
}
