import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RegistryFixture, registryFixture } from '#registry/generic/registry-fixture.ts';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { openPki, type Pki, spkiHash } from '../pki/pki.ts';
import { type Authenticator, anonymous, bearerToken, createAuthenticator, type PeerCertificate } from './authenticator.ts';
import { createServiceAccountTokens, defaultIssuer, type ServiceAccountTokens } from './service-account-tokens.ts';

const kind = (name: string): ResourceDefinition => ({
  group: '',
  version: 'v1',
  kind: name,
  resource: `${name.toLowerCase()}s`,
  singular: name.toLowerCase(),
  namespaced: true,
  schema: `io.k8s.api.core.v1.${name}`,
  strategy: { validate: () => [], validateUpdate: () => [] },
  columns: [],
});
const hour = 3_600_000;

let hub: RegistryFixture;
let pki: Pki;
let tokens: ServiceAccountTokens;
let authenticator: Authenticator;
const revokedKeys = new Set<string>();

beforeEach(async () => {
  hub = await registryFixture([kind('ServiceAccount'), kind('Pod'), kind('Secret')]);
  const random = new SeededRandom(1);
  pki = await openPki({ files: new FakeFiles(), dir: '/pki', clock: hub.clock, random });
  tokens = createServiceAccountTokens({ registry: hub.registry, key: pki.serviceAccountKey, clock: hub.clock, random });
  revokedKeys.clear();
  authenticator = createAuthenticator({ clock: hub.clock, tokens, mayActAs: (_, key) => !revokedKeys.has(key) });
});
afterEach(() => hub.close());

async function make(resource: string, name: string): Promise<string> {
  const { object } = await hub.registry.resource('', resource).create(hub.ctx, 'site', { metadata: { name } });
  return object.metadata?.uid ?? '';
}
const remove = (resource: string, name: string) =>
  hub.registry.resource('', resource).delete(hub.ctx, 'site', name, { gracePeriodSeconds: 0 });
const refused = expect.objectContaining({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });

test('a token is its service account until it expires', async () => {
  const uid = await make('serviceaccounts', 'robot');
  const { token, expiresAtMs } = await tokens.issue({ serviceAccount: { namespace: 'site', name: 'robot', uid }, expirationSeconds: 3600 });
  expect(expiresAtMs - hub.clock.wallMs()).toBe(hour);
  const user = await authenticator.authenticate({ bearer: token });
  expect(user).toMatchObject({
    name: 'system:serviceaccount:site:robot',
    uid,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:site', 'system:authenticated'],
  });
  await hub.clock.advance(hour - 1000);
  await expect(authenticator.authenticate({ bearer: token })).resolves.toMatchObject({ uid });
  await hub.clock.advance(1000);
  await expect(authenticator.authenticate({ bearer: token })).rejects.toEqual(refused);
});

test('a token dies with its account, also when another of that name comes', async () => {
  const uid = await make('serviceaccounts', 'robot');
  const { token } = await tokens.issue({ serviceAccount: { namespace: 'site', name: 'robot', uid }, expirationSeconds: 3600 });
  await authenticator.authenticate({ bearer: token });
  await remove('serviceaccounts', 'robot');
  await expect(authenticator.authenticate({ bearer: token })).rejects.toEqual(refused);
  await make('serviceaccounts', 'robot');
  await expect(authenticator.authenticate({ bearer: token })).rejects.toEqual(refused);
});

test('a bound token names its pod and dies with it', async () => {
  const uid = await make('serviceaccounts', 'robot');
  const podUid = await make('pods', 'p');
  const { token } = await tokens.issue({
    serviceAccount: { namespace: 'site', name: 'robot', uid },
    expirationSeconds: 600,
    boundTo: { kind: 'Pod', name: 'p', uid: podUid },
    node: { name: 'pi-1', uid: 'n1' },
  });
  expect((await authenticator.authenticate({ bearer: token }))?.extra).toMatchObject({
    'authentication.kubernetes.io/pod-name': ['p'],
    'authentication.kubernetes.io/pod-uid': [podUid],
    'authentication.kubernetes.io/node-name': ['pi-1'],
    'authentication.kubernetes.io/node-uid': ['n1'],
  });
  await remove('pods', 'p');
  await expect(authenticator.authenticate({ bearer: token })).rejects.toEqual(refused);
});

test('a token for another audience is none for the API, but reviewed for that audience', async () => {
  const uid = await make('serviceaccounts', 'robot');
  const { token } = await tokens.issue({
    serviceAccount: { namespace: 'site', name: 'robot', uid },
    expirationSeconds: 600,
    audiences: ['vault'],
  });
  await expect(authenticator.authenticate({ bearer: token })).rejects.toEqual(refused);
  await expect(tokens.review(token, ['vault', 'x'])).resolves.toMatchObject({ audiences: ['vault'] });
  await expect(tokens.review(token, [])).rejects.toEqual(refused);
});

test('forged tokens are refused', async () => {
  const uid = await make('serviceaccounts', 'robot');
  const claims = { 'kubernetes.io': { namespace: 'site', serviceaccount: { name: 'robot', uid } } };
  const now = Math.floor(hub.clock.wallMs() / 1000);
  const forge = (subject: string, issuer = defaultIssuer) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(issuer)
      .setSubject(subject)
      .setAudience(defaultIssuer)
      .setExpirationTime(now + 60);
  const subject = 'system:serviceaccount:site:robot';
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const own = pki.serviceAccountKey.privateKey;
  await expect(authenticator.authenticate({ bearer: await forge(subject).sign(own) })).resolves.toMatchObject({ uid });
  for (const token of [
    await forge(subject).sign(other),
    await forge(subject, 'https://elsewhere').sign(own),
    await forge('system:serviceaccount:kube-system:robot').sign(own),
    await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(defaultIssuer)
      .setSubject(subject)
      .setAudience(defaultIssuer)
      .setExpirationTime(now + 60)
      .sign(Buffer.alloc(32)),
    'rubbish',
    'a.b.c',
    'x'.repeat(20_000),
  ]) {
    await expect(authenticator.authenticate({ bearer: token })).rejects.toEqual(refused);
  }
});

async function peer(commonName: string, organizations: string[] = [], chainError?: string): Promise<PeerCertificate> {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = await pki.issueClientCertificate({ commonName, organizations, publicKey, ttlMs: hour });
  return { certificate: new X509Certificate(pem), chainError };
}

test('a certificate is its common name and organizations', async () => {
  expect(authenticator.authenticate({ peer: await peer('jane', ['dev', 'ops']) })).toMatchObject({
    name: 'jane',
    groups: ['dev', 'ops', 'system:authenticated'],
  });
  expect(authenticator.authenticate({})).toBeUndefined();
  expect(anonymous.groups).toEqual(['system:unauthenticated']);
});

test('a certificate that is not trusted, expired or revoked is refused at every request', async () => {
  const stranger = await peer('jane', [], 'SELF_SIGNED_CERT_IN_CHAIN');
  expect(() => authenticator.authenticate({ peer: stranger })).toThrow(refused);
  const jane = await peer('jane');
  expect(authenticator.authenticate({ peer: jane })).toMatchObject({ name: 'jane' });
  revokedKeys.add(spkiHash(jane.certificate.publicKey));
  expect(() => authenticator.authenticate({ peer: jane })).toThrow(refused);
  revokedKeys.clear();
  await hub.clock.advance(hour + 1000);
  expect(() => authenticator.authenticate({ peer: jane })).toThrow(refused);
});

test('reads the token of a header', () => {
  expect(bearerToken('Bearer abc')).toBe('abc');
  expect(bearerToken('bearer  abc')).toBe('abc');
  expect(bearerToken('Basic abc')).toBeUndefined();
  expect(bearerToken('Bearer')).toBeUndefined();
  expect(bearerToken(undefined)).toBeUndefined();
});
