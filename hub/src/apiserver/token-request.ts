import type { Clock } from '@flotilla/shared/clock/clock.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { type FieldError, invalid, invalidObject } from '@flotilla/shared/errors/field.js';
import { badRequest, conflict } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { IssueTokenRequest, ServiceAccountTokens } from '#auth/authn/service-account-tokens.ts';
import type { Registry, RequestContext } from '#registry/generic/types.ts';
import { replyObject, setWarnings } from './answers.ts';
import { decodeBody } from './body.ts';
import type { SpecialSubresource } from './endpoints.ts';
import { negotiate } from './negotiation.ts';
import { readWriteOptions } from './query-options.ts';
import type { ResourceTarget } from './request-info.ts';
import { WarningContext } from './warning-context.ts';

const defaultSeconds = 3600;
const leastSeconds = 600;
const mostSeconds = 2 ** 32;

interface TokenRequest extends KubeObject {
  readonly spec?: {
    readonly audiences?: readonly string[];
    readonly expirationSeconds?: number | null;
    readonly boundObjectRef?: {
      readonly kind?: string;
      readonly apiVersion?: string;
      readonly name?: string;
      readonly uid?: string;
    } | null;
  };
}

const shape = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', schema: 'io.k8s.api.authentication.v1.TokenRequest' };

export interface TokenRequestOptions {
  readonly registry: Registry;
  readonly tokens: ServiceAccountTokens;
  readonly clock: Clock;
}

/** `POST serviceaccounts/NAME/token` (registry/core/serviceaccount, `TokenREST`). */
export function tokenSubresource({ registry, tokens }: TokenRequestOptions): SpecialSubresource {
  return {
    group: '',
    resource: 'serviceaccounts',
    description: { name: 'token', kind: shape, verbs: ['create'] },
    async handle({ exchange, info, ctx }, resource, target) {
      const { format } = negotiate(exchange.header('accept'));
      const options = readWriteOptions(info.query, 'CreateOptions');
      const request: TokenRequest = decodeBody(
        ctx,
        await exchange.readBody(),
        exchange.header('content-type'),
        shape,
        options.fieldValidation,
      );
      const account = resource.get(ctx, target.namespace, target.name).object;
      const seconds = request.spec?.expirationSeconds ?? defaultSeconds;
      refuse(request, seconds, target);
      const bound = request.spec?.boundObjectRef ? bind(registry, ctx, target.namespace, account, request.spec.boundObjectRef) : {};
      const audiences = request.spec?.audiences?.length ? request.spec.audiences : [tokens.issuer];
      const { name = '', uid = '', creationTimestamp } = account.metadata ?? {};
      const issued = await tokens.issue({
        serviceAccount: { namespace: target.namespace, name, uid },
        audiences,
        expirationSeconds: seconds,
        ...bound,
      });
      if (ctx instanceof WarningContext) setWarnings(exchange, ctx.warnings);
      await replyObject(
        exchange,
        201,
        {
          kind: 'TokenRequest',
          apiVersion: 'authentication.k8s.io/v1',
          metadata: { ...request.metadata, name, namespace: target.namespace, uid, creationTimestamp },
          spec: { boundObjectRef: null, ...request.spec, audiences, expirationSeconds: seconds },
          status: { token: issued.token, expirationTimestamp: kubeTime(issued.expiresAtMs) },
        },
        format,
      );
    },
  };
}

function refuse(request: TokenRequest, seconds: unknown, { name, namespace }: ResourceTarget): void {
  const own = request.metadata ?? {};
  if (own.namespace && own.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (own.name && own.name !== name) {
    const fault = invalid('metadata.name', own.name, 'must match the service account name if specified');
    throw invalidObject('TokenRequest', shape.group, name, [fault]);
  }
  const faults: FieldError[] = [];
  const field = 'spec.expirationSeconds';
  if (typeof seconds !== 'number' || seconds < leastSeconds)
    faults.push(invalid(field, seconds, 'may not specify a duration less than 10 minutes'));
  else if (seconds > mostSeconds) faults.push(invalid(field, seconds, 'may not specify a duration larger than 2^32 seconds'));
  if (faults.length > 0) throw invalidObject('TokenRequest', shape.group, request.metadata?.name ?? '', faults);
}

type BoundReference = NonNullable<NonNullable<TokenRequest['spec']>['boundObjectRef']>;

/** Looks up what the token shall die with. @throws StatusError NotFound, Conflict when it is another object of that name */
function bind(
  registry: Registry,
  ctx: RequestContext,
  namespace: string,
  account: KubeObject,
  reference: BoundReference,
): Pick<IssueTokenRequest, 'boundTo' | 'node'> {
  const { kind, apiVersion = '', name = '', uid } = reference;
  const slash = apiVersion.indexOf('/');
  // As in Kubernetes the group counts, not its version.
  if (slash > 0 || (kind !== 'Pod' && kind !== 'Secret' && kind !== 'Node')) {
    throw badRequest(`cannot bind token to object of type ${slash < 0 ? `/${apiVersion}` : apiVersion}, Kind=${kind ?? ''}`);
  }
  const plural = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' }[kind];
  const found: KubeObject = registry.resource('', plural).get(ctx, kind === 'Node' ? '' : namespace, name).object;
  const foundUid = found.metadata?.uid ?? '';
  if (uid && uid !== foundUid) {
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict({ group: '', resource: kind }, name, why);
  }
  if (kind !== 'Pod') return { boundTo: { kind, name, uid: foundUid } };
  const { serviceAccountName = '', nodeName } = (found as { spec?: { serviceAccountName?: string; nodeName?: string } }).spec ?? {};
  if (serviceAccountName !== account.metadata?.name) {
    throw badRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(account.metadata?.name)} to pod running with different serviceaccount name.`,
    );
  }
  return { boundTo: { kind, name, uid: foundUid }, ...(nodeName ? { node: nodeReference(registry, ctx, nodeName) } : {}) };
}

function nodeReference(registry: Registry, ctx: RequestContext, name: string): { name: string; uid?: string } {
  try {
    const uid = registry.resource('', 'nodes').get(ctx, '', name).object.metadata?.uid;
    return { name, ...(uid ? { uid } : {}) };
  } catch {
    // The node may be gone; its name is still true.
    return { name };
  }
}
