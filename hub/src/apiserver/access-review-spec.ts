import { type FieldError, invalid, invalidObject, required } from '@flotilla/shared/errors/field.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { Attributes } from '#auth/authz/types.ts';
import type { UserInfo } from '#registry/generic/types.ts';

interface SelectorAttributes {
  readonly rawSelector?: string;
  readonly requirements?: readonly { readonly key?: string; readonly operator?: string; readonly values?: readonly string[] }[];
}

export interface AccessReviewSpec {
  readonly resourceAttributes?: {
    readonly namespace?: string;
    readonly verb?: string;
    readonly group?: string;
    readonly version?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly name?: string;
    readonly fieldSelector?: SelectorAttributes;
    readonly labelSelector?: SelectorAttributes;
  };
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string };
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export type AccessReview = KubeObject & { readonly spec?: AccessReviewSpec };

export interface ReviewRules {
  /** It is about somebody that the spec names. */
  readonly names: boolean;
  /** It is about this namespace only. */
  readonly namespace?: string;
}

const group = 'authorization.k8s.io';

/** The faults of a question (kubernetes, `pkg/apis/authorization/validation`). @throws StatusError Invalid */
export function refuseReview({ spec = {}, metadata }: AccessReview, { names, namespace }: ReviewRules): void {
  const faults = [...validateSpec(spec), ...(names ? validateSubject(spec) : [])];
  const { managedFields: _managed, namespace: ownNamespace, ...rest } = metadata ?? {};
  const about = namespace === undefined ? { ...rest, ...(ownNamespace ? { namespace: ownNamespace } : {}) } : rest;
  if (names && Object.keys(about).length > 0) faults.push(invalid('metadata', about, 'must be empty'));
  if (namespace !== undefined) {
    const asked = spec.resourceAttributes?.namespace ?? '';
    if (spec.resourceAttributes && asked !== namespace) {
      faults.push(invalid('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace'));
    }
    if (spec.nonResourceAttributes) {
      faults.push(invalid('spec.nonResourceAttributes', asGo(spec.nonResourceAttributes), 'disallowed on this kind of request'));
    }
  }
  // Kubernetes leaves out which kind it is.
  if (faults.length > 0) throw withoutKind(faults);
}

function withoutKind(faults: readonly FieldError[]): Error {
  const error = invalidObject('', group, '', faults);
  delete error.details?.kind;
  return error;
}

function validateSpec({ resourceAttributes, nonResourceAttributes }: AccessReviewSpec): FieldError[] {
  if (resourceAttributes && nonResourceAttributes) {
    const why = 'cannot be specified in combination with resourceAttributes';
    return [invalid('spec.nonResourceAttributes', asGo(nonResourceAttributes), why)];
  }
  if (!resourceAttributes && !nonResourceAttributes) {
    return [invalid('spec.resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified')];
  }
  return (['fieldSelector', 'labelSelector'] as const).flatMap((field) =>
    validateSelector(resourceAttributes?.[field], `spec.resourceAttributes.${field}`),
  );
}

function validateSelector(selector: SelectorAttributes | undefined, path: string): FieldError[] {
  if (!selector) return [];
  const { rawSelector, requirements = [] } = selector;
  if (rawSelector && requirements.length > 0) {
    return [invalid(`${path}.rawSelector`, rawSelector, 'may not specified at the same time as requirements')];
  }
  if (rawSelector || requirements.length > 0) return [];
  return [required(`${path}.requirements`, `when ${path} is specified, requirements or rawSelector is required`)];
}

function validateSubject({ user = '', groups = [] }: AccessReviewSpec): FieldError[] {
  return user || groups.length > 0 ? [] : [invalid('spec.user', user, 'at least one of user or group must be specified')];
}

/** As Go prints the internal struct. */
const asGo = ({ path = '', verb = '' }: NonNullable<AccessReviewSpec['nonResourceAttributes']>) => ({ Path: path, Verb: verb });

export function subjectOf({ spec = {} }: AccessReview): UserInfo {
  const { user = '', groups = [], uid, extra } = spec;
  return { name: user, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
}

/** What a question without faults asks for. */
export function attributesOf({ spec = {} }: AccessReview, user: UserInfo): Attributes {
  const { resourceAttributes: asked, nonResourceAttributes: page } = spec;
  if (!asked) return { user, verb: page?.verb ?? '', path: page?.path ?? '' };
  const { verb = '', group: apiGroup = '', version = '', namespace = '', resource = '', subresource = '', name = '' } = asked;
  const fieldSelector = selectorText(asked.fieldSelector);
  const about = { group: apiGroup, version, namespace, resource, subresource, name };
  return { user, verb, path: '', resource: { ...about, ...(fieldSelector ? { fieldSelector } : {}) } };
}

/** Requirements of more than one value confine to none of them. */
function selectorText(selector: SelectorAttributes | undefined): string {
  if (!selector) return '';
  const terms = (selector.requirements ?? []).flatMap(({ key, operator, values = [] }) =>
    operator === 'In' && values.length === 1 ? [`${key}=${values[0]}`] : [],
  );
  return selector.rawSelector ?? terms.join(',');
}
