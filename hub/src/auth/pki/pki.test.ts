import 'reflect-metadata';
import { createPublicKey, generateKeyPairSync, type KeyObject, verify, webcrypto, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { connect, createSecureContext, TLSSocket } from 'node:tls';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import * as x509 from '@peculiar/x509';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPki, type Pki } from './pki.ts';

let dir: string;
let clock: FakeClock;
const open = (names: string[] = []): Promise<Pki> =>
  openPki({ files: new SystemFiles(), dir: join(dir, 'pki'), clock, random: new SystemRandom(), names });

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flotilla-pki-'));
  clock = new FakeClock(Date.UTC(2026, 10, 21));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

interface Name {
  readonly [attribute: string]: string[];
}

/** A signing request as DER. */
async function csr(
  names: Name[],
  algorithm: EcKeyGenParams | { name: 'Ed25519' } = { name: 'ECDSA', namedCurve: 'P-256' },
): Promise<Buffer> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const signingAlgorithm = algorithm.name === 'Ed25519' ? algorithm : { name: 'ECDSA', hash: 'SHA-256' };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: names, keys, signingAlgorithm }, webcrypto as never);
  return Buffer.from(request.rawData);
}
const pem = (der: Buffer): string => `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
const boardName = (name: string): Name[] => [{ O: ['system:nodes'] }, { CN: [`system:node:${name}`] }];

interface EcKeyGenParams {
  readonly name: string;
  readonly namedCurve: string;
}

test('makes everything once, keeps it private and finds it again', async () => {
  const first = await open();
  const second = await open();
  expect(second.caCertPem).toBe(first.caCertPem);
  expect(second.admin).toEqual(first.admin);
  expect(second.serverTls()).toEqual(first.serverTls());
  expect(second.manifestKey.publicKeyPem).toBe(first.manifestKey.publicKeyPem);
  expect(second.serviceAccountKey.keyId).toBe(first.serviceAccountKey.keyId);
  expect(statSync(join(dir, 'pki')).mode & 0o777).toBe(0o700);
  expect(statSync(join(dir, 'pki/ca.key')).mode & 0o777).toBe(0o600);
});

test('the admin is in system:masters and the hub has its names', async () => {
  const pki = await open(['hub.example.org', '192.0.2.7']);
  expect(new X509Certificate(pki.admin.certPem).subject).toBe('O=system:masters\nCN=kubernetes-admin');
  const serving = new X509Certificate(pki.serverTls().cert);
  for (const name of ['localhost', 'kubernetes.default.svc', 'hub.example.org']) expect(serving.checkHost(name)).toBe(name);
  expect(serving.checkIP('192.0.2.7')).toBe('192.0.2.7');
  expect(serving.checkIP('192.0.2.8')).toBeUndefined();
});

/** Who the server at the other end may be, for a client that trusts the cluster and calls it by a name of its own. */
async function handshake(pki: Pki, server: { cert: string; key: string }, name: string): Promise<string> {
  const [client, other] = duplexPair();
  const accepted = new TLSSocket(other, { isServer: true, secureContext: createSecureContext(server) });
  accepted.on('error', () => {});
  const socket = connect({ socket: client, ca: pki.caCertPem, servername: name, checkServerIdentity: () => undefined });
  try {
    return await new Promise<string>((resolve) => {
      socket.once('secureConnect', () => resolve('trusted'));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  } finally {
    socket.destroy();
    accepted.destroy();
  }
}

test('a board is no hub: its certificate is not accepted from a server, the hub certificate is', async () => {
  clock = new FakeClock(Date.now());
  const pki = await open();
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keys = { privateKey: await subtleKey(privateKey, 'sign'), publicKey: await subtleKey(publicKey, 'verify') };
  const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    { name: boardName('pi-1'), keys, signingAlgorithm },
    webcrypto as never,
  );
  const cert = await pki.issueNodeCertificate(Buffer.from(request.rawData), 'pi-1');
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  expect(new X509Certificate(cert).subject).toBe('O=system:nodes\nCN=system:node:pi-1');
  expect(await handshake(pki, { cert, key }, 'pi-1')).toBe('INVALID_PURPOSE');
  const { cert: hubCert, key: hubKey } = pki.serverTls();
  expect(await handshake(pki, { cert: hubCert, key: hubKey }, 'kubernetes')).toBe('trusted');
});

function subtleKey(key: KeyObject, usage: 'sign' | 'verify'): Promise<webcrypto.CryptoKey> {
  const der = key.export({ type: usage === 'sign' ? 'pkcs8' : 'spki', format: 'der' } as { type: 'pkcs8'; format: 'der' });
  return webcrypto.subtle.importKey(usage === 'sign' ? 'pkcs8' : 'spki', der, { name: 'ECDSA', namedCurve: 'P-256' }, true, [usage]);
}

test.each([
  ['another name', boardName('pi-2'), /common name/],
  ['no organization', [{ CN: ['system:node:pi-1'] }], /organization/],
  ['one organization too many', [{ O: ['system:masters'] }, ...boardName('pi-1')], /organization/],
])('refuses a request with %s', async (_, subject, message) => {
  await expect((await open()).issueNodeCertificate(await csr(subject), 'pi-1')).rejects.toThrow(message);
});

test('refuses a request that does not prove its key, and rubbish', async () => {
  const pki = await open();
  const der = await csr(boardName('pi-1'));
  await expect(pki.issueNodeCertificate(pem(der), 'pi-1')).resolves.toContain('CERTIFICATE');
  await expect(pki.issueNodeCertificate(der, 'pi-1')).resolves.toContain('CERTIFICATE');
  const tampered = Buffer.from(der);
  tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;
  await expect(pki.issueNodeCertificate(tampered, 'pi-1')).rejects.toMatchObject({ code: 400 });
  await expect(pki.issueNodeCertificate('rubbish', 'pi-1')).rejects.toMatchObject({ code: 400 });
});

test('takes Ed25519 keys of boards', async () => {
  const node = await (await open()).issueNodeCertificate(await csr(boardName('pi-1'), { name: 'Ed25519' }), 'pi-1');
  expect(new X509Certificate(node).publicKey.asymmetricKeyType).toBe('ed25519');
});

test('renews leaves near their end and when a name is missing, never the authority', async () => {
  const first = await open();
  await clock.advance(200 * 86_400_000);
  expect((await open()).admin).toEqual(first.admin);
  await clock.advance(60 * 86_400_000);
  const later = await open();
  expect(later.admin.certPem).not.toBe(first.admin.certPem);
  expect(later.admin.keyPem).toBe(first.admin.keyPem);
  expect(later.caCertPem).toBe(first.caCertPem);
  expect(await later.renew()).toBe(false);
  expect((await open(['new.example.org'])).serverTls().cert).not.toBe(later.serverTls().cert);
});

test('never replaces a key that it cannot read', async () => {
  await open();
  writeFileSync(join(dir, 'pki/ca.key'), 'torn');
  await expect(open()).rejects.toThrow(/cannot be read; restore it/);
});

test('signs manifests and client certificates', async () => {
  const pki = await open();
  const data = Buffer.from('manifest');
  expect(verify(null, data, createPublicKey(pki.manifestKey.publicKeyPem), pki.manifestKey.sign(data))).toBe(true);
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = await pki.issueClientCertificate({ commonName: 'jane', organizations: ['dev', 'ops'], publicKey });
  expect(new X509Certificate(pem).subject).toBe('O=dev\nO=ops\nCN=jane');
});
