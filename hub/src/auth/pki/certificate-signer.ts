import { createHash, createPublicKey, type KeyObject, sign, verify, X509Certificate } from 'node:crypto';
import { addressBytes } from './address-bytes.ts';
import { type DerValue, der, derBits, derObjectId, derSequence, derTag, derTime, expectDer, readDer, readObjectId } from './der.ts';
import { isAddress } from './is-address.ts';

/**
 * Makes X.509 certificates (RFC 5280) and reads signing requests (RFC 2986). DER by hand: a board that joins costs a certificate, and a
 * general library takes ten times as long for it.
 */

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

const oid = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const;

const signatureAlgorithm = derSequence(derObjectId(oid.ecdsaWithSha256));
/** Version 3. */
const version = der(0xa0, der(derTag.integer, Buffer.of(2)));

/** The certificate as PEM, signed with ECDSA and SHA-256. */
export function signCertificate(request: CertificateRequest): string {
  const spki = request.publicKey.export({ type: 'spki', format: 'der' });
  const issuer = request.issuer && issuerOf(request.issuer.certPem);
  const serial = Buffer.from(request.serial);
  // A positive integer without a leading zero byte, as RFC 5280 wants it.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const subject = nameOf(request.subject);
  const ownId = keyIdentifier(spki);
  const authorityId = issuer?.keyIdentifier ?? ownId;
  const content = derSequence(
    version,
    der(derTag.integer, serial),
    signatureAlgorithm,
    issuer?.name ?? subject,
    derSequence(derTime(request.notBeforeMs), derTime(request.notAfterMs)),
    subject,
    spki,
    der(
      0xa3,
      derSequence(
        ...useExtensions(request),
        extension(oid.subjectKeyIdentifier, false, der(derTag.octetString, ownId)),
        extension(oid.authorityKeyIdentifier, false, derSequence(der(0x80, authorityId))),
      ),
    ),
  );
  const signature = sign('sha256', content, request.issuer?.key ?? (request.key as KeyObject));
  return pem('CERTIFICATE', derSequence(content, signatureAlgorithm, derBits(signature)));
}

function useExtensions({ use, names = [] }: CertificateRequest): Buffer[] {
  // Of the named bits: digitalSignature; keyCertSign and cRLSign with it.
  const keyUsage = use === 'root' || use === 'clientAuthority' ? derBits(Buffer.of(0x86), 1) : derBits(Buffer.of(0x80), 7);
  const purpose = use === 'server' ? oid.serverAuth : oid.clientAuth;
  return [
    extension(oid.basicConstraints, true, basicConstraints(use)),
    extension(oid.keyUsage, true, keyUsage),
    ...(use === 'root' ? [] : [extension(oid.extendedKeyUsage, false, derSequence(derObjectId(purpose)))]),
    ...(names.length === 0 ? [] : [extension(oid.subjectAltName, false, derSequence(...names.map(generalName)))]),
  ];
}

function basicConstraints(use: CertificateRequest['use']): Buffer {
  const authority = der(derTag.boolean, Buffer.of(0xff));
  if (use === 'root') return derSequence(authority);
  // No further authority below it.
  return use === 'clientAuthority' ? derSequence(authority, der(derTag.integer, Buffer.of(0))) : derSequence();
}

function generalName(name: string): Buffer {
  return isAddress(name) ? der(0x87, addressBytes(name)) : der(0x82, Buffer.from(name, 'latin1'));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return derSequence(derObjectId(id), ...(critical ? [der(derTag.boolean, Buffer.of(0xff))] : []), der(derTag.octetString, value));
}

function nameOf({ commonName, organizations = [] }: Subject): Buffer {
  const part = (type: string, text: string): Buffer =>
    der(derTag.set, derSequence(derObjectId(type), der(derTag.utf8, Buffer.from(text, 'utf8'))));
  return derSequence(...organizations.map((organization) => part(oid.organization, organization)), part(oid.commonName, commonName));
}

/** RFC 5280, 4.2.1.2 (1): SHA-1 of the key without its algorithm. */
function keyIdentifier(spki: Buffer): Buffer {
  const [whole] = readDer(spki);
  const key = expectDer(readDer(expectDer(whole, derTag.sequence).content)[1], derTag.bitString);
  return createHash('sha1').update(key.content.subarray(1)).digest();
}

interface Issuer {
  /** As its own certificate has it, byte for byte. */
  readonly name: Buffer;
  readonly keyIdentifier: Buffer;
}

let lastIssuer: (Issuer & { readonly certPem: string }) | undefined;

/** A hub signs with few authorities, and a fleet that joins with one. */
function issuerOf(certPem: string): Issuer {
  if (lastIssuer?.certPem === certPem) return lastIssuer;
  const certificate = new X509Certificate(certPem);
  const [whole] = readDer(certificate.raw);
  const [content] = readDer(expectDer(whole, derTag.sequence).content);
  // version, serial, algorithm, issuer, validity, subject
  const subject = expectDer(readDer(expectDer(content, derTag.sequence).content)[5], derTag.sequence);
  lastIssuer = {
    certPem,
    name: Buffer.from(subject.whole),
    keyIdentifier: keyIdentifier(certificate.publicKey.export({ type: 'spki', format: 'der' })),
  };
  return lastIssuer;
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

export interface ParsedRequest {
  readonly commonNames: readonly string[];
  readonly organizations: readonly string[];
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

/** Digests by signature algorithm; Ed25519 has its own. */
const digests: Readonly<Record<string, string | null>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.3.101.112': null,
};

/** Reads a PKCS #10 request (PEM or DER) and checks its signature. @throws Error when it cannot be read or is not signed by its own key */
export function parseCertificateRequest(csr: string | Buffer): ParsedRequest {
  let parsed: ReturnType<typeof readRequest>;
  try {
    parsed = readRequest(typeof csr === 'string' ? bytesOfPem(csr) : csr);
  } catch (error) {
    throw new Error('the certificate signing request cannot be read', { cause: error });
  }
  const { key, digest, content, signature, ...request } = parsed;
  let proven = false;
  try {
    proven = verify(digest, content, key, signature);
  } catch {
    // A key of another kind than the signature's.
  }
  if (!proven) throw new Error('the certificate signing request is not signed with its own key');
  return request;
}

function readRequest(bytes: Buffer): ParsedRequest & {
  readonly key: KeyObject;
  readonly digest: string | null;
  readonly content: Buffer;
  readonly signature: Buffer;
} {
  const [whole, ...more] = readDer(bytes);
  if (more.length > 0) throw new Error('there is more than one value');
  const [info, algorithm, signature, ...rest] = readDer(expectDer(whole, derTag.sequence).content);
  const [number, subject, spki] = readDer(expectDer(info, derTag.sequence).content);
  expectDer(number, derTag.integer);
  const [type] = readDer(expectDer(algorithm, derTag.sequence).content);
  const digest = digests[readObjectId(expectDer(type, derTag.objectId).content)];
  if (digest === undefined) throw new Error('a signature of an unknown kind');
  const bits = expectDer(signature, derTag.bitString).content;
  if (rest.length > 0 || bits[0] !== 0) throw new Error('a signature of another form');
  const names = readName(expectDer(subject, derTag.sequence));
  const key = Buffer.from(expectDer(spki, derTag.sequence).whole);
  return {
    commonNames: names.get(oid.commonName) ?? [],
    organizations: names.get(oid.organization) ?? [],
    spki: key,
    key: createPublicKey({ key, format: 'der', type: 'spki' }),
    digest,
    content: (info as DerValue).whole,
    signature: bits.subarray(1),
  };
}

const textTags: ReadonlySet<number> = new Set([derTag.utf8, derTag.printable, derTag.ia5]);

/** Texts by the attribute's type. */
function readName(name: DerValue): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const set of readDer(name.content)) {
    for (const attribute of readDer(expectDer(set, derTag.set).content)) {
      const [type, value] = readDer(expectDer(attribute, derTag.sequence).content);
      if (!value || !textTags.has(value.tag)) throw new Error('a name that is no text');
      const id = readObjectId(expectDer(type, derTag.objectId).content);
      const text = value.content.toString('utf8');
      found.set(id, [...(found.get(id) ?? []), text]);
    }
  }
  return found;
}

function bytesOfPem(text: string): Buffer {
  const body = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]*)-----END/.exec(text)?.[1];
  if (body === undefined) throw new Error('no PEM block of a certificate request');
  return Buffer.from(body, 'base64');
}
