import type { X509Certificate } from 'node:crypto';
import type { UserInfo } from '#registry/generic/types.ts';
import { spkiHash } from '../pki/pki.ts';

export interface CertificateIdentity {
  /** Undefined when the certificate names nobody. */
  readonly user: UserInfo | undefined;
  readonly spkiHash: string;
  readonly validFromMs: number;
  readonly validToMs: number;
}

/** The common name is the user, organizations are the groups (apiserver, `x509.CommonNameUserConversion`). */
export function readIdentity(certificate: X509Certificate): CertificateIdentity {
  const subject = certificate.toLegacyObject().subject as unknown as Record<string, string | string[] | undefined>;
  const name = list(subject['CN']).at(-1);
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  return {
    user: name
      ? {
          name,
          groups: [...list(subject['O']), 'system:authenticated'],
          extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] },
        }
      : undefined,
    spkiHash: spkiHash(certificate.publicKey),
    validFromMs: Date.parse(certificate.validFrom),
    validToMs: Date.parse(certificate.validTo),
  };
}

function list(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}
