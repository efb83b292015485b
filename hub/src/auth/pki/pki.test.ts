import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, verify, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
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

/** A signing request made by openssl. */
function csr(subject: string, algorithm = 'EC'): string {
  const key = join(dir, 'board.key');
  const options = algorithm === 'EC' ? ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['-algorithm', algorithm];
  execFileSync('openssl', ['genpkey', ...options, '-out', key]);
  return execFileSync('openssl', ['req', '-new', '-key', key, '-subj', subject]).toString();
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

test('openssl accepts the chains for their purpose and for no other', async () => {
  clock = new FakeClock(Date.now());
  const pki = await open();
  const node = await pki.issueNodeCertificate(csr('/O=system:nodes/CN=system:node:pi-1'), 'pi-1');
  writeFileSync(join(dir, 'node.pem'), node);
  writeFileSync(join(dir, 'serving.pem'), pki.serverTls().cert);
  writeFileSync(join(dir, 'boards.pem'), pki.boardsCaCertPem);
  const check = (purpose: string, file: string): string =>
    execFileSync(
      'openssl',
      ['verify', '-CAfile', join(dir, 'pki/ca.crt'), '-untrusted', join(dir, 'boards.pem'), '-purpose', purpose, join(dir, file)],
      { stdio: 'pipe' },
    ).toString();
  expect(check('sslclient', 'node.pem')).toContain('OK');
  expect(check('sslserver', 'serving.pem')).toContain('OK');
  expect(() => check('sslserver', 'node.pem')).toThrow();
  expect(() => check('sslclient', 'serving.pem')).toThrow();
  expect(new X509Certificate(node).subject).toBe('O=system:nodes\nCN=system:node:pi-1');
});

test.each([
  ['another name', '/O=system:nodes/CN=system:node:pi-2', /common name/],
  ['no organization', '/CN=system:node:pi-1', /organization/],
  ['one organization too many', '/O=system:nodes/O=system:masters/CN=system:node:pi-1', /organization/],
])('refuses a request with %s', async (_, subject, message) => {
  await expect((await open()).issueNodeCertificate(csr(subject), 'pi-1')).rejects.toThrow(message);
});

test('refuses a request that does not prove its key, and rubbish', async () => {
  const pki = await open();
  const der = Buffer.from(csr('/O=system:nodes/CN=system:node:pi-1').replace(/-----[^-]+-----|\n/g, ''), 'base64');
  await expect(pki.issueNodeCertificate(der, 'pi-1')).resolves.toContain('CERTIFICATE');
  const tampered = Buffer.from(der);
  tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;
  await expect(pki.issueNodeCertificate(tampered, 'pi-1')).rejects.toMatchObject({ code: 400 });
  await expect(pki.issueNodeCertificate('rubbish', 'pi-1')).rejects.toMatchObject({ code: 400 });
});

test('takes Ed25519 keys of boards', async () => {
  const node = await (await open()).issueNodeCertificate(csr('/O=system:nodes/CN=system:node:pi-1', 'ED25519'), 'pi-1');
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
