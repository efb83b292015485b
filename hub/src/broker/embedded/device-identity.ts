import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import type { DeviceIdentity } from '../types.ts';

/**
 * The node that a client certificate names (`O=system:nodes, CN=system:node:NAME`); undefined for any other, or none.
 *
 * Dates do not count: a board is its key, which is asked for in the directory at every connect, and who has the key may renew its
 * certificate at any time. So a clock that is wrong, here or where the certificate was made, keeps nobody out. Everything else is
 * looked at here as well when the dates are not in order: of several faults OpenSSL tells the last, and that is the date (measured: a
 * stranger's certificate that has ended is CERT_HAS_EXPIRED). A resumed session is `authorized` even without a certificate (measured).
 * @param authorities of clients
 */
export function deviceIdentity(socket: TLSSocket, authorities: readonly X509Certificate[]): DeviceIdentity | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate || !(socket.authorized || isOutOfDate(socket, certificate, authorities))) return undefined;
  const { CN: name, O: group } = certificate.toLegacyObject().subject;
  const prefix = 'system:node:';
  if (group !== 'system:nodes' || typeof name !== 'string' || !name.startsWith(prefix)) return undefined;
  return { node: name.slice(prefix.length), keyId: keyIdOf(certificate.publicKey) };
}

const dateFaults: readonly unknown[] = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'];
const clientUsage = '1.3.6.1.5.5.7.3.2';

function isOutOfDate(socket: TLSSocket, certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  if (!dateFaults.includes(socket.authorizationError)) return false;
  if (certificate.ca || !(certificate.keyUsage ?? []).includes(clientUsage)) return false;
  return authorities.some((authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
}

export function readAuthorities(pems: readonly string[]): X509Certificate[] {
  return pems.map((pem) => new X509Certificate(pem));
}
