import { createPublicKey, generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes } from './address-bytes.ts';
import { type CertificateRequest, parseCertificateRequest, signCertificate } from './certificate-signer.ts';
import { der, derObjectId, derSequence, derTag, derTime, readDer, readObjectId } from './der.ts';

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const dates = { notBeforeMs: Date.UTC(2026, 0, 1), notAfterMs: Date.UTC(2051, 0, 1) };
const root = pair();
const rootPem = signCertificate({
  subject: { commonName: 'root' },
  ...{ publicKey: root.publicKey, key: root.privateKey, serial: Buffer.alloc(16, 0x90), use: 'root', ...dates },
});
const make = (more: Partial<CertificateRequest>): X509Certificate =>
  new X509Certificate(
    signCertificate({
      subject: { commonName: 'leaf é', organizations: ['one', 'two'] },
      issuer: { certPem: rootPem, key: root.privateKey },
      ...{ publicKey: pair().publicKey, serial: Buffer.alloc(16), use: 'client', ...dates },
      ...more,
    }),
  );

describe('certificates', () => {
  it('are what OpenSSL reads them as', () => {
    const authority = new X509Certificate(rootPem);
    expect([authority.ca, authority.verify(root.publicKey), authority.checkIssued(authority)]).toEqual([true, true, true]);
    expect(authority.serialNumber).toBe(`50${'90'.repeat(15)}`);
    const client = make({});
    expect(client.subject).toBe('O=one\nO=two\nCN=leaf é');
    expect([client.ca, client.checkIssued(authority), client.verify(root.publicKey)]).toEqual([false, true, true]);
    expect([client.keyUsage, client.validTo]).toEqual([['1.3.6.1.5.5.7.3.2'], 'Jan  1 00:00:00 2051 GMT']);
    expect(make({ publicKey: generateKeyPairSync('ed25519').publicKey }).verify(root.publicKey)).toBe(true);
    const names = ['hub.example.com', '10.0.0.1', '::1', 'fe80::1:2', '::ffff:10.0.0.2'];
    const server = make({ use: 'server', names });
    expect(server.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect([server.checkHost('hub.example.com'), server.checkHost('other.example.com')]).toEqual(['hub.example.com', undefined]);
    for (const address of names.slice(1)) expect(server.checkIP(address)).toBe(address);
    expect(server.checkIP('10.0.0.3')).toBeUndefined();
  });

  it('may be long: lengths of more than a byte', () => {
    const names = Array.from({ length: 3000 }, (_, index) => `host-${index}.example.com`);
    expect(make({ use: 'server', names }).checkHost('host-2999.example.com')).toBe('host-2999.example.com');
  });
});

function request(keys: { privateKey: KeyObject }, name: Buffer, signed = keys.privateKey): Buffer {
  const spki = createPublicKey(keys.privateKey).export({ type: 'spki', format: 'der' });
  const info = derSequence(der(derTag.integer, Buffer.of(0)), name, spki, der(0xa0));
  const bits = der(derTag.bitString, Buffer.of(0), sign('sha256', info, signed));
  return derSequence(info, derSequence(derObjectId('1.2.840.10045.4.3.2')), bits);
}
const attribute = (type: string, tag: number, text: string): Buffer =>
  der(derTag.set, derSequence(derObjectId(type), der(tag, Buffer.from(text))));

describe('signing requests', () => {
  const keys = pair();
  const name = derSequence(attribute('2.5.4.10', derTag.printable, 'system:nodes'), attribute('2.5.4.3', derTag.utf8, 'a'));

  it('are read, and hold only with the signature of their own key', () => {
    const spki = keys.publicKey.export({ type: 'spki', format: 'der' });
    const good = request(keys, name);
    expect(parseCertificateRequest(good)).toEqual({ commonNames: ['a'], organizations: ['system:nodes'], spki });
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${good.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    expect(parseCertificateRequest(pem).commonNames).toEqual(['a']);
    expect(() => parseCertificateRequest(request(keys, name, pair().privateKey))).toThrow('is not signed with its own key');
    expect(() => parseCertificateRequest(Buffer.concat([good, good]))).toThrow('cannot be read');
    expect(() => parseCertificateRequest(request(keys, derSequence(attribute('2.5.4.3', 0x1e, 'a'))))).toThrow('cannot be read');
  });

  it('never count with a byte changed, cut or added, and never end otherwise than with these words', () => {
    const good = request(keys, name);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, change, cut) => {
        const bad = Buffer.from(cut ? good.subarray(0, at) : good);
        if (!cut) bad[at] = (bad[at] ?? 0) ^ change;
        // What the signature is not over, and does not say, is how its algorithm ends.
        expect(() => parseCertificateRequest(bad)).toThrow(
          /^the certificate signing request (cannot be read|is not signed with its own key)$/,
        );
      }),
      { numRuns: 300 },
    );
  });
});

it('writes and reads object identifiers, and times in the form of their year', () => {
  for (const id of ['2.5.29.37', '1.3.6.1.5.5.7.3.2', '1.2.840.113549.1.1.11', '2.999.3'.replace('999', '39')])
    expect(readObjectId(readDer(derObjectId(id))[0]?.content ?? Buffer.alloc(0))).toBe(id);
  expect(derTime(Date.UTC(2049, 11, 31)).toString('latin1')).toContain('491231000000Z');
  expect(derTime(Date.UTC(2050, 0, 1)).toString('latin1')).toContain('20500101000000Z');
  expect(addressBytes('fe80::1').toString('hex')).toBe(`fe80${'0'.repeat(26)}01`);
});
