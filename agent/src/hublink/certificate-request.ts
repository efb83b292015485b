import { createPublicKey, type KeyObject, sign } from 'node:crypto';

/**
 * A PKCS #10 certificate request (RFC 2986) for `O=system:nodes, CN=system:node:NAME`, signed with the key itself, as PEM. DER by hand:
 * a library for this would cost the agent more memory than all of its link.
 */
export function nodeCertificateRequest(node: string, privateKey: KeyObject): string {
  const name = sequence(attribute(oid.organization, 'system:nodes'), attribute(oid.commonName, `system:node:${node}`));
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const info = sequence(tlv(0x02, Buffer.of(0)), name, publicKey, tlv(0xa0, Buffer.alloc(0)));
  const signature = sign('sha256', info, privateKey);
  const request = sequence(info, sequence(oid.ecdsaWithSha256), tlv(0x03, Buffer.concat([Buffer.of(0), signature])));
  const lines = request.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`;
}

const oid = {
  commonName: Buffer.from('0603550403', 'hex'),
  organization: Buffer.from('060355040a', 'hex'),
  ecdsaWithSha256: Buffer.from('06082a8648ce3d040302', 'hex'),
};

function attribute(type: Buffer, value: string): Buffer {
  return tlv(0x31, sequence(type, tlv(0x0c, Buffer.from(value, 'utf8'))));
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function tlv(tag: number, body: Buffer): Buffer {
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const digits: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return Buffer.concat([Buffer.of(tag, 0x80 | digits.length, ...digits), body]);
}
