import type { Clock } from '@flotilla/shared/clock/clock.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { invalidObject, required } from '@flotilla/shared/errors/field.js';
import { badRequest, StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { ServiceAccountTokens } from '#auth/authn/service-account-tokens.ts';
import type { Attributes, Authorizer } from '#auth/authz/types.ts';
import type { UserInfo } from '#registry/generic/types.ts';
import type { QuestionResource } from './endpoints.ts';

interface ResourceAttributes {
  readonly namespace?: string;
  readonly verb?: string;
  readonly group?: string;
  readonly version?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly name?: string;
}

interface ReviewSpec {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string };
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
  readonly namespace?: string;
  readonly token?: string;
  readonly audiences?: readonly string[];
}

type Review = KubeObject & { readonly spec?: ReviewSpec };

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
  const review = async (kind: string, object: Review, user: UserInfo): Promise<KubeObject> => {
    const decision = authorizer.authorize(attributesOf(kind, object, user));
    const { verdict, reason } = decision;
    const status = { allowed: verdict === 'allow', ...(verdict === 'deny' ? { denied: true } : {}), ...(reason ? { reason } : {}) };
    return { ...object, status } as KubeObject;
  };
  return [
    {
      ...describe('SelfSubjectAccessReview', false),
      answer: ({ ctx }, _target, object) => review('SelfSubjectAccessReview', object, ctx.user),
    },
    {
      ...describe('SubjectAccessReview', false),
      answer: (_request, _target, object) => review('SubjectAccessReview', object, subjectOf(object)),
    },
    {
      ...describe('LocalSubjectAccessReview', true),
      answer: (_request, target, object: Review) => {
        if ((object.spec?.resourceAttributes?.namespace ?? '') !== target.namespace) {
          throw badRequest(
            `spec.resourceAttributes.namespace must match namespace: ${JSON.stringify(target.namespace)} vs ${JSON.stringify(object.spec?.resourceAttributes?.namespace ?? '')}`,
          );
        }
        return review('LocalSubjectAccessReview', object, subjectOf(object));
      },
    },
    {
      ...describe('SelfSubjectRulesReview', false),
      answer: ({ ctx }, _target, object: Review) => {
        const namespace = object.spec?.namespace ?? '';
        if (!namespace) throw badRequest('no namespace on request');
        const rules = authorizer.rules?.(ctx.user, namespace);
        const status = { resourceRules: rules?.resourceRules ?? [], nonResourceRules: rules?.nonResourceRules ?? [], incomplete: false };
        return { ...object, status } as KubeObject;
      },
    },
  ];
}

function subjectOf(object: Review): UserInfo {
  const { user = '', groups = [], uid, extra } = object.spec ?? {};
  if (!user && groups.length === 0) {
    const kind = object.kind ?? 'SubjectAccessReview';
    throw invalidObject(kind, 'authorization.k8s.io', '', [required('spec.user', 'at least one of user or group must be specified')]);
  }
  return { name: user, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
}

function attributesOf(kind: string, { spec = {} }: Review, user: UserInfo): Attributes {
  const { resourceAttributes: asked, nonResourceAttributes: page } = spec;
  if (asked && page) {
    const fault = {
      type: 'FieldValueInvalid',
      field: 'spec.nonResourceAttributes',
      badValue: page,
      detail: 'cannot be specified in combination with resourceAttributes',
    } as const;
    throw invalidObject(kind, 'authorization.k8s.io', '', [fault]);
  }
  if (page) return { user, verb: page.verb ?? '', path: page.path ?? '' };
  if (!asked) {
    throw invalidObject(kind, 'authorization.k8s.io', '', [
      required('spec.resourceAttributes', 'exactly one of nonResourceAttributes or resourceAttributes must be specified'),
    ]);
  }
  const { verb = '', group = '', version = '', namespace = '', resource = '', subresource = '', name = '' } = asked;
  return { user, verb, path: '', resource: { group, version, namespace, resource, subresource, name } };
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
      answer: async (_request, _target, object: Review) => {
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
    if (error instanceof StatusError && error.code === 401) return { user: {}, error: 'invalid bearer token' };
    throw error;
  }
}

function userInfo({ name, uid, groups, extra }: UserInfo): object {
  return { username: name, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) };
}
