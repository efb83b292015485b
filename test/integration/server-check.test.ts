import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { checkServer } from '@flotilla/agent/hublink/server-check.js';
import { type CertificateRequest, signCertificate } from '@flotilla/hub/auth/pki/certificate-signer.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { beforeAll, expect, test } from 'vitest';

/** What a board takes for its hub: everything but the dates as strictly as TLS does. */

const random = new SeededRandom(1);
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const endMs = Date.UTC(2030, 0, 1);
const rootKey = newKey();
let root: string;
let ca: X509Certificate;

async function make(use: CertificateRequest['use'], more: Partial<CertificateRequest> = {}): Promise<X509Certificate> {
  const { publicKey } = more.publicKey ? { publicKey: more.publicKey } : newKey();
  const dates = { notBeforeMs: Date.UTC(2026, 0, 1), notAfterMs: endMs };
  const issuer = { certPem: root, key: rootKey.privateKey };
  const subject = { commonName: 'hub' };
  return new X509Certificate(
    await signCertificate({
      subject,
      publicKey,
      issuer,
      serial: random.bytes(16),
      use,
      names: ['hub.example', '10.0.0.1'],
      ...dates,
      ...more,
    }),
  );
}

beforeAll(async () => {
  root = await signCertificate({
    subject: { commonName: 'root' },
    publicKey: rootKey.publicKey,
    key: rootKey.privateKey,
    serial: random.bytes(16),
    notBeforeMs: Date.UTC(2026, 0, 1),
    notAfterMs: Date.UTC(2050, 0, 1),
    use: 'root',
  });
  ca = new X509Certificate(root);
});

const check = (chain: X509Certificate[], host = 'hub.example') => checkServer(chain, { ca, host });
const fault = (chain: X509Certificate[], host?: string) => {
  const result = check(chain, host);
  return 'fault' in result ? result.fault : undefined;
};

test('the hub is recognised by name and by address, whatever the clock says', async () => {
  const leaf = await make('server');
  expect(fault([leaf])).toBeUndefined();
  expect(fault([leaf, ca], '10.0.0.1')).toBeUndefined();
});

test.for([1970, 2038, 2099])('made in %s by a hub with another clock, it is still the hub: dates are no fault', async (year) => {
  const made = { notBeforeMs: Date.UTC(year, 0, 1), notAfterMs: Date.UTC(year + 1, 0, 1) };
  expect(check([await make('server', made)])).toMatchObject({ endMs: made.notAfterMs, ended: expect.stringContaining(`${year + 1}`) });
});

test('of a chain the earliest end counts', async () => {
  const between = newKey();
  const endsFirst = await make('root', { publicKey: between.publicKey, subject: { commonName: 'between' }, notAfterMs: endMs - 1000 });
  const leaf = await make('server', { issuer: { certPem: endsFirst.toString(), key: between.privateKey } });
  expect(check([leaf, endsFirst])).toMatchObject({ endMs: endMs - 1000, ended: expect.stringMatching(/^the certificate of CN=between/) });
});

test("another board's certificate is not the hub's", async () => {
  expect(fault([await make('client')])).toBe('the certificate is not for servers');
});

test('another name, another authority, an authority itself, nothing at all', async () => {
  expect(fault([await make('server')], 'other.example')).toBe('the certificate is not for other.example');
  expect(fault([await make('server')], '10.0.0.2')).toBe('the certificate is not for 10.0.0.2');
  const stranger = newKey();
  expect(fault([await make('server', { issuer: { certPem: root, key: stranger.privateKey } })])).toMatch(
    /does not come from the pinned authority/,
  );
  expect(fault([ca])).toBe('the server showed an authority as its own certificate');
  expect(fault([])).toBe('the server showed no certificate');
});

test('who has a certificate of our authority is no authority for that', async () => {
  const board = newKey();
  const boardCertificate = await make('client', { publicKey: board.publicKey });
  const forged = await make('server', { issuer: { certPem: boardCertificate.toString(), key: board.privateKey } });
  expect(fault([forged, boardCertificate])).toMatch(/does not come from the pinned authority/);
});
