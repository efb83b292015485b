import { createHash, type KeyObject, sign } from 'node:crypto';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { isNotFound, StatusError, unauthorized } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { type JWTPayload, jwtVerify } from 'jose';
import type { Registry, RequestContext, UserInfo } from '#registry/generic/types.ts';

export interface ServiceAccountTokensOptions {
  /** Bound objects are looked up here at every request: what is deleted is no longer believed. */
  readonly registry: Registry;
  readonly key: { readonly privateKey: KeyObject; readonly publicKey: KeyObject; readonly keyId: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly issuer?: string;
}

export interface TokenSubject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface IssueTokenRequest {
  readonly serviceAccount: TokenSubject;
  readonly audiences?: readonly string[];
  readonly expirationSeconds: number;
  /** The token dies with this object. */
  readonly boundTo?: { readonly kind: 'Pod' | 'Secret' | 'Node'; readonly name: string; readonly uid: string };
  /** For pods: the node it is bound to. */
  readonly node?: { readonly name: string; readonly uid?: string };
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

export interface ServiceAccountTokens {
  readonly issuer: string;
  issue(request: IssueTokenRequest): Promise<IssuedToken>;
  /** @throws StatusError Unauthorized */
  authenticate(token: string): Promise<UserInfo>;
  /** For TokenReview: who, and for which of the audiences asked for. @throws RefusedTokenError @throws StatusError Unauthorized */
  review(token: string, audiences: readonly string[]): Promise<{ user: UserInfo; audiences: string[] }>;
}

interface Claims extends JWTPayload {
  readonly 'kubernetes.io'?: {
    readonly namespace?: string;
    readonly serviceaccount?: Reference;
    readonly pod?: Reference;
    readonly secret?: Reference;
    readonly node?: Reference;
  };
}

interface Reference {
  readonly name?: string;
  readonly uid?: string;
}

/** A token that was made here, but is worth nothing now or to those who ask; anybody else is only told Unauthorized. */
export class RefusedTokenError extends StatusError {
  readonly why: string;

  constructor(why: string) {
    super(401, 'Unauthorized', 'Unauthorized');
    this.why = why;
  }
}

export const defaultIssuer = 'https://kubernetes.default.svc.cluster.local';
const maxTokenLength = 16 * 1024;
const maxRemembered = 2000;
const endingMs = 60_000;
const lookup: RequestContext = { user: { name: 'system:apiserver', groups: ['system:masters'] }, warn: () => {} };

/** Service account tokens: ES256 JSON web tokens with the claims of Kubernetes' bound tokens. */
export function createServiceAccountTokens(options: ServiceAccountTokensOptions): ServiceAccountTokens {
  const { registry, key, clock, random, issuer = defaultIssuer } = options;
  // Signatures already checked, by the hash of the token; expiry and bound objects are checked every time.
  const verified = new Map<string, Claims>();

  const verify = async (token: string): Promise<Claims> => {
    if (token.length > maxTokenLength) throw unauthorized();
    const hash = createHash('sha256').update(token).digest('base64');
    let claims = verified.get(hash);
    if (!claims) {
      claims = await verifySignature(token, key.publicKey, issuer, clock.wallMs());
      if (verified.size >= maxRemembered) verified.delete(verified.keys().next().value ?? '');
      verified.set(hash, claims);
    }
    if (clock.wallMs() >= (claims.exp ?? 0) * 1000) {
      verified.delete(hash);
      throw new RefusedTokenError('service account token has expired');
    }
    return claims;
  };

  const liveUser = (claims: Claims): UserInfo => {
    const { namespace = '', serviceaccount, pod, secret, node } = claims['kubernetes.io'] ?? {};
    if (claims.sub !== `system:serviceaccount:${namespace}:${serviceaccount?.name}`) throw unauthorized();
    const now = { registry, nowMs: clock.wallMs() };
    requireLive(now, 'serviceaccounts', namespace, serviceaccount);
    if (pod) requireLive(now, 'pods', namespace, pod);
    if (secret) requireLive(now, 'secrets', namespace, secret);
    if (node && !pod) requireLive(now, 'nodes', '', node);
    return serviceAccountUser({ namespace, name: serviceaccount?.name ?? '', uid: serviceaccount?.uid ?? '' }, extraOf(claims));
  };

  return {
    issuer,
    async issue({ serviceAccount, audiences = [], expirationSeconds, boundTo, node }) {
      const now = Math.floor(clock.wallMs() / 1000);
      const expires = now + expirationSeconds;
      const { namespace, name, uid } = serviceAccount;
      const bound = boundTo ? { [boundTo.kind.toLowerCase()]: { name: boundTo.name, uid: boundTo.uid } } : {};
      const claims: Claims = {
        'kubernetes.io': { namespace, ...(node ? { node } : {}), ...bound, serviceaccount: { name, uid } },
      };
      const token = signed(key, {
        ...claims,
        iss: issuer,
        sub: `system:serviceaccount:${namespace}:${name}`,
        aud: audiences.length > 0 ? [...audiences] : [issuer],
        iat: now,
        nbf: now,
        exp: expires,
        jti: random.uuid(),
      });
      return { token, expiresAtMs: expires * 1000 };
    },
    async authenticate(token) {
      const claims = await verify(token);
      if (!audiencesOf(claims).includes(issuer)) throw unauthorized();
      return liveUser(claims);
    },
    async review(token, asked) {
      const claims = await verify(token);
      const wanted = asked.length > 0 ? asked : [issuer];
      const held = audiencesOf(claims);
      const audiences = wanted.filter((audience) => held.includes(audience));
      if (audiences.length === 0)
        throw new RefusedTokenError(`token audiences ${quoted(held)} is invalid for the target audiences ${quoted(wanted)}`);
      return { user: liveUser(claims), audiences };
    },
  };
}

/** ES256 in compact form (RFC 7515). On this thread: boards ask for thousands when pods start, and another thread costs more than signing. */
function signed({ keyId, privateKey }: ServiceAccountTokensOptions['key'], claims: Claims): string {
  const text = [{ alg: 'ES256', kid: keyId }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

async function verifySignature(token: string, key: KeyObject, issuer: string, nowMs: number): Promise<Claims> {
  try {
    const { payload } = await jwtVerify(token, key, {
      issuer,
      algorithms: ['ES256'],
      currentDate: new Date(nowMs),
      requiredClaims: ['exp', 'sub', 'aud'],
    });
    return payload as Claims;
  } catch {
    throw unauthorized();
  }
}

const invalidated = (): RefusedTokenError => new RefusedTokenError('service account token has been invalidated');
const quoted = (list: readonly string[]): string => `[${list.map((one) => JSON.stringify(one)).join(' ')}]`;

interface Now {
  readonly registry: Registry;
  readonly nowMs: number;
}

function requireLive({ registry, nowMs }: Now, resource: string, namespace: string, reference: Reference | undefined): void {
  let found: KubeObject;
  try {
    found = registry.resource('', resource).get(lookup, namespace, reference?.name ?? '').object;
  } catch (error) {
    if (isNotFound(error)) throw resource === 'serviceaccounts' ? new RefusedTokenError(error.message) : invalidated();
    throw error;
  }
  if (!reference?.uid || found.metadata?.uid !== reference.uid) throw invalidated();
  // What is being deleted may end well: its token holds for a minute beyond its time.
  const { deletionTimestamp } = found.metadata;
  if (deletionTimestamp && Date.parse(deletionTimestamp) + endingMs < nowMs) throw invalidated();
}

function serviceAccountUser({ namespace, name, uid }: TokenSubject, extra?: UserInfo['extra']): UserInfo {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    ...(extra ? { extra } : {}),
  };
}

function extraOf(claims: Claims): Record<string, string[]> {
  const { pod, node } = claims['kubernetes.io'] ?? {};
  const extra: Record<string, string[]> = {};
  const put = (name: string, value: string | undefined): void => {
    if (value) extra[`authentication.kubernetes.io/${name}`] = [value];
  };
  put('credential-id', claims.jti ? `JTI=${claims.jti}` : undefined);
  put('node-name', node?.name);
  put('node-uid', node?.uid);
  put('pod-name', pod?.name);
  put('pod-uid', pod?.uid);
  return extra;
}

function audiencesOf(claims: Claims): string[] {
  return claims.aud === undefined ? [] : Array.isArray(claims.aud) ? claims.aud : [claims.aud];
}
