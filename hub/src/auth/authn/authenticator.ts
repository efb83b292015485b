import type { X509Certificate } from 'node:crypto';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { unauthorized } from '@flotilla/shared/errors/status.js';
import type { UserInfo } from '#registry/generic/types.ts';
import { type CertificateIdentity, readIdentity } from './certificate-identity.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

/** What a connection shows of its other end; the same object for all its requests. */
export interface PeerCertificate {
  readonly certificate: X509Certificate;
  /** Why the TLS layer does not trust its chain; undefined when it does. */
  readonly chainError: string | undefined;
}

export interface Credentials {
  readonly peer?: PeerCertificate;
  /** The token of `Authorization: Bearer`. */
  readonly bearer?: string;
}

/** Says who asks. `undefined` is anonymous: no credentials at all. @throws StatusError Unauthorized when those given are not valid */
export interface Authenticator {
  authenticate(credentials: Credentials): UserInfo | undefined | Promise<UserInfo>;
}

export interface AuthenticatorOptions {
  readonly clock: Clock;
  readonly tokens: ServiceAccountTokens;
  readonly mayActAs?: MayActAs;
}

/**
 * Whether the key (hex SHA-256 of its SubjectPublicKeyInfo) may still act for the user its certificate names; asked at every
 * request, so that revoking counts at once.
 */
export type MayActAs = (userName: string, spkiHash: string) => boolean;

export const anonymous: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** A valid client certificate wins over a token, as the order of kube-apiserver's authenticators has it. */
export function createAuthenticator({ clock, tokens, mayActAs = () => true }: AuthenticatorOptions): Authenticator {
  const identities = new WeakMap<PeerCertificate, CertificateIdentity>();
  const fromCertificate = (peer: PeerCertificate): UserInfo => {
    const identity = identities.get(peer) ?? readIdentity(peer.certificate);
    identities.set(peer, identity);
    const nowMs = clock.wallMs();
    // A resumed session was verified when it began: dates and revocation are looked at anew.
    const current = nowMs >= identity.validFromMs && nowMs <= identity.validToMs;
    if (peer.chainError !== undefined || !current || !identity.user) throw unauthorized();
    if (!mayActAs(identity.user.name, identity.spkiHash)) throw unauthorized();
    return identity.user;
  };
  return {
    authenticate({ peer, bearer }) {
      if (peer) return fromCertificate(peer);
      if (bearer !== undefined) return tokens.authenticate(bearer);
      return undefined;
    },
  };
}

/** The token of an Authorization header; undefined when it is of another scheme. */
export function bearerToken(header: string | undefined): string | undefined {
  const match = header === undefined ? null : /^bearer +(\S+) *$/i.exec(header);
  return match?.[1];
}
