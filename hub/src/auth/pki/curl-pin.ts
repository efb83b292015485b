import { createHash, X509Certificate } from 'node:crypto';

/** The key of a certificate (PEM, the first of a chain) as curl's --pinnedpubkey takes it. */
export function curlPin(certificate: string | Buffer): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256//${createHash('sha256').update(key).digest('base64')}`;
}
