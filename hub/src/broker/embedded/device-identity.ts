import type { TLSSocket } from 'node:tls';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import type { DeviceIdentity } from '../types.ts';

/** The node that a verified client certificate names (`O=system:nodes, CN=system:node:NAME`); undefined for any other, or none. */
export function deviceIdentity(socket: TLSSocket): DeviceIdentity | undefined {
  if (!socket.authorized) return undefined;
  const certificate = socket.getPeerX509Certificate();
  const { CN: name, O: group } = socket.getPeerCertificate().subject ?? {};
  const prefix = 'system:node:';
  if (!certificate || group !== 'system:nodes' || typeof name !== 'string' || !name.startsWith(prefix)) return undefined;
  return { node: name.slice(prefix.length), keyId: keyIdOf(certificate.publicKey) };
}
