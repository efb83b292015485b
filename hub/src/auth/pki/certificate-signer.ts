import 'reflect-metadata';
import { type KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { isAddress } from './is-address.ts';

/**
 * Makes X.509 certificates and reads signing requests. The only file that loads the certificate library: it is imported when a
 * certificate is to be made, so that a start without one does not pay for it.
 */
x509.cryptoProvider.set(webcrypto);

const signing = { name: 'ECDSA', hash: 'SHA-256' } as const;

export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
}

export interface CertificateRequest {
  readonly subject: Subject;
  readonly publicKey: KeyObject;
  /** Left out: signed by itself. */
  readonly issuer?: { readonly certPem: string; readonly key: KeyObject };
  readonly key?: KeyObject;
  readonly serial: Buffer;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly use: 'root' | 'clientAuthority' | 'server' | 'client';
  /** DNS names and IP addresses. */
  readonly names?: readonly string[];
}

/** The certificate as PEM. */
export async function signCertificate(request: CertificateRequest): Promise<string> {
  const publicKey = new x509.PublicKey(request.publicKey.export({ type: 'spki', format: 'der' }));
  const signingKey = await importSigningKey(request.issuer?.key ?? (request.key as KeyObject));
  const issuerCertificate = request.issuer ? new x509.X509Certificate(request.issuer.certPem) : undefined;
  const serial = Buffer.from(request.serial);
  // A positive integer without a leading zero byte, as RFC 5280 wants it.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const subject = jsonName(request.subject);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial.toString('hex'),
    subject,
    issuer: issuerCertificate ? issuerCertificate.subjectName.toJSON() : subject,
    notBefore: new Date(request.notBeforeMs),
    notAfter: new Date(request.notAfterMs),
    publicKey,
    signingKey,
    signingAlgorithm: signing,
    extensions: [
      ...useExtensions(request),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuerCertificate?.publicKey ?? publicKey),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

function useExtensions({ use, names = [] }: CertificateRequest): x509.Extension[] {
  const authority = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature;
  switch (use) {
    case 'root':
      return [new x509.BasicConstraintsExtension(true, undefined, true), new x509.KeyUsagesExtension(authority, true)];
    case 'clientAuthority':
      return [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(authority, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      ];
    default: {
      const usage = use === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
      const extensions = [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([usage]),
      ];
      if (names.length === 0) return extensions;
      return [
        ...extensions,
        new x509.SubjectAlternativeNameExtension(names.map((name) => ({ type: isAddress(name) ? 'ip' : 'dns', value: name }))),
      ];
    }
  }
}

function jsonName({ commonName, organizations = [] }: Subject): x509.JsonName {
  return [...organizations.map((organization) => ({ O: [organization] })), { CN: [commonName] }];
}

async function importSigningKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
}

export interface ParsedRequest {
  readonly commonNames: readonly string[];
  readonly organizations: readonly string[];
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

/** Reads a PKCS #10 request (PEM or DER) and checks its signature. @throws Error when it cannot be read or is not signed by its own key */
export async function parseCertificateRequest(csr: string | Buffer): Promise<ParsedRequest> {
  let request: x509.Pkcs10CertificateRequest;
  try {
    request = new x509.Pkcs10CertificateRequest(csr);
  } catch (error) {
    throw new Error('the certificate signing request cannot be read', { cause: error });
  }
  if (!(await request.verify())) throw new Error('the certificate signing request is not signed with its own key');
  return {
    commonNames: request.subjectName.getField('CN'),
    organizations: request.subjectName.getField('O'),
    spki: Buffer.from(request.publicKey.rawData),
  };
}
