import { createHash, createPublicKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { badRequest } from '@flotilla/shared/errors/status.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { type CertificateRequest, type ParsedRequest, parseCertificateRequest, signCertificate } from './certificate-signer.ts';
import { isAddress } from './is-address.ts';
import { type KeyStore, openKeyStore, type PkiFiles } from './key-store.ts';
import { type SessionKeys, TicketKeys } from './ticket-keys.ts';

/**
 * The identities of one cluster, kept in a directory of their own (0700, each key 0600) and made when they are missing:
 * a cluster authority, an authority for boards below it (client authentication only), the hub's serving certificate, the
 * admin's client certificate, the key that signs service account tokens and the one that signs boards' manifests.
 */
export interface Pki {
  /** The cluster's authority; what kubeconfigs, boards and `kube-root-ca.crt` trust. */
  readonly caCertPem: string;
  /** The authority that signs boards' certificates. */
  readonly boardsCaCertPem: string;
  /** `sha256:HEX` of the cluster authority's SubjectPublicKeyInfo, as kubeadm's discovery-token-ca-cert-hash. */
  readonly caKeyHash: string;
  readonly admin: KeyPairPem;
  readonly serviceAccountKey: { readonly privateKey: KeyObject; readonly publicKey: KeyObject; readonly keyId: string };
  /** Ed25519; boards check manifests with it. */
  readonly manifestKey: { readonly publicKeyPem: string; sign(data: Uint8Array): Buffer };
  /** For `tls.createServer` of the API and of MQTT: serving certificate, and whom to trust as a client. */
  serverTls(): ServerTls;
  issueClientCertificate(request: ClientCertificateRequest): Promise<string>;
  /**
   * A board's certificate (`CN=system:node:NAME, O=system:nodes`, client authentication only) followed by its authority, as PEM.
   * @throws StatusError BadRequest when the request is unreadable, asks for another subject or does not prove its key
   */
  issueNodeCertificate(csr: string | Buffer, nodeName: string, ttlMs?: number): Promise<string>;
  /**
   * Makes serving and admin certificates anew when near their end or not valid yet, and the keys of TLS sessions every day; true when
   * something changed: use `serverTls()` again.
   */
  renew(): Promise<boolean>;
}

export interface KeyPairPem {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Authorities of clients. */
  readonly ca: readonly string[];
  readonly session: SessionKeys;
}

export interface ClientCertificateRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly publicKey: KeyObject;
  readonly ttlMs?: number;
}

export interface OpenPkiOptions {
  readonly files: PkiFiles;
  /** The directory of its own. */
  readonly dir: string;
  readonly clock: Clock;
  readonly random: Random;
  /** DNS names and addresses of the serving certificate, beside those that always are in it. */
  readonly names?: readonly string[];
}

const dayMs = 24 * 3_600_000;
/** Boards' clocks may run behind. */
const backdateMs = 3_600_000;
/**
 * An authority is valid whatever the clock says, or said when it was made: it is trusted by its key, and a hub that believed it was
 * 1970, or 2099, at its first start must not be locked up with that. The end is RFC 5280's for "no end".
 */
const authorityDates = { notBeforeMs: 0, notAfterMs: Date.UTC(9999, 11, 31, 23, 59, 59) } as const;
const leafMs = 365 * dayMs;
const boardMs = 30 * dayMs;
const alwaysNamed = [
  'localhost',
  '127.0.0.1',
  '::1',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
];

export async function openPki(options: OpenPkiOptions): Promise<Pki> {
  const keys = await openKeyStore(options.files, options.dir);
  const names = [...new Set([...alwaysNamed, ...(options.names ?? [])])];
  const ca = await authority(options, keys, 'ca', 'flotilla-ca');
  const boardsCa = await authority(options, keys, 'boards-ca', 'flotilla-boards-ca', ca);
  const serviceAccount = await keys.key('service-account', 'ec');
  const manifest = await keys.key('manifest', 'ed25519');
  const serviceAccountPublic = createPublicKey(serviceAccount);

  const leaves = async (): Promise<{ serving: KeyPairPem; admin: KeyPairPem; changed: boolean }> => {
    const serving = await leaf(options, keys, ca, { name: 'serving', use: 'server', commonName: 'flotilla-hub', names });
    const admin = await leaf(options, keys, ca, {
      name: 'admin',
      use: 'client',
      commonName: 'kubernetes-admin',
      organizations: ['system:masters'],
    });
    return { serving: serving.pair, admin: admin.pair, changed: serving.changed || admin.changed };
  };
  let current = await leaves();
  const tickets = await TicketKeys.open(options);

  return {
    caCertPem: ca.certPem,
    boardsCaCertPem: boardsCa.certPem,
    caKeyHash: `sha256:${spkiHash(new X509Certificate(ca.certPem).publicKey)}`,
    get admin() {
      return current.admin;
    },
    serviceAccountKey: {
      privateKey: serviceAccount,
      publicKey: serviceAccountPublic,
      keyId: createHash('sha256')
        .update(serviceAccountPublic.export({ type: 'spki', format: 'der' }))
        .digest('base64url'),
    },
    manifestKey: {
      publicKeyPem: createPublicKey(manifest).export({ type: 'spki', format: 'pem' }) as string,
      sign: (data) => sign(null, data, manifest),
    },
    serverTls: () => ({
      cert: current.serving.certPem,
      key: current.serving.keyPem,
      ca: [ca.certPem, boardsCa.certPem],
      session: tickets.session,
    }),
    issueClientCertificate: async ({ commonName, organizations, publicKey, ttlMs = leafMs }) =>
      issue(options, { subject: { commonName, organizations }, publicKey, issuer: ca, use: 'client' }, ttlMs),
    issueNodeCertificate: async (csr, nodeName, ttlMs = boardMs) => {
      const publicKey = checkedNodeKey(csr, nodeName);
      const subject = { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] };
      return issue(options, { subject, publicKey, issuer: boardsCa, use: 'client' }, ttlMs) + boardsCa.certPem;
    },
    renew: async () => {
      const rotated = await tickets.rotate();
      current = await leaves();
      return current.changed || rotated;
    },
  };
}

/** Hex SHA-256 of a key's SubjectPublicKeyInfo: by this a key is pinned or revoked. */
export function spkiHash(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

interface Authority {
  readonly certPem: string;
  readonly key: KeyObject;
}

async function authority(
  options: OpenPkiOptions,
  keys: KeyStore,
  name: string,
  commonName: string,
  issuer?: Authority,
): Promise<Authority> {
  const key = await keys.key(name, 'ec');
  const there = await keys.certificate(name);
  if (there && new X509Certificate(there).checkPrivateKey(key)) return { certPem: there, key };
  const publicKey = createPublicKey(key);
  const use = issuer ? 'clientAuthority' : 'root';
  const certPem = issue(options, { subject: { commonName }, publicKey, key, issuer, use }, authorityDates);
  await keys.saveCertificate(name, certPem);
  return { certPem, key };
}

interface Leaf {
  readonly name: string;
  readonly use: 'server' | 'client';
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly names?: readonly string[];
}

async function leaf(options: OpenPkiOptions, keys: KeyStore, ca: Authority, wanted: Leaf): Promise<{ pair: KeyPairPem; changed: boolean }> {
  const key = await keys.key(wanted.name, 'ec');
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }) as string;
  const there = await keys.certificate(wanted.name);
  if (there && stillGood(there, key, ca, wanted, options.clock.wallMs())) return { pair: { certPem: there, keyPem }, changed: false };
  const subject = { commonName: wanted.commonName, organizations: wanted.organizations };
  const request = { subject, publicKey: createPublicKey(key), issuer: ca, use: wanted.use, names: wanted.names };
  const certPem = issue(options, request, leafMs);
  await keys.saveCertificate(wanted.name, certPem);
  return { pair: { certPem, keyPem }, changed: true };
}

function stillGood(certPem: string, key: KeyObject, ca: Authority, wanted: Leaf, nowMs: number): boolean {
  const certificate = new X509Certificate(certPem);
  if (!certificate.checkPrivateKey(key) || !certificate.verify(createPublicKey(ca.key))) return false;
  const fromMs = Date.parse(certificate.validFrom);
  const toMs = Date.parse(certificate.validTo);
  if (nowMs < fromMs || toMs - nowMs < (toMs - fromMs) / 3) return false;
  return (wanted.names ?? []).every((name) => (isAddress(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined);
}

type IssueRequest = Omit<CertificateRequest, 'serial' | 'notBeforeMs' | 'notAfterMs'>;

function issue({ clock, random }: OpenPkiOptions, request: IssueRequest, life: number | typeof authorityDates): string {
  const nowMs = clock.wallMs();
  const dates = typeof life === 'number' ? { notBeforeMs: nowMs - backdateMs, notAfterMs: nowMs + life } : life;
  return signCertificate({ ...request, serial: random.bytes(16), ...dates });
}

function checkedNodeKey(csr: string | Buffer, nodeName: string): KeyObject {
  let request: ParsedRequest;
  try {
    request = parseCertificateRequest(csr);
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
  const commonName = `system:node:${nodeName}`;
  if (request.commonNames.length !== 1 || request.commonNames[0] !== commonName) {
    throw badRequest(`the certificate signing request must have the common name ${JSON.stringify(commonName)}`);
  }
  if (request.organizations.length !== 1 || request.organizations[0] !== 'system:nodes') {
    throw badRequest('the certificate signing request must have the organization "system:nodes" and no other');
  }
  return createPublicKey({ key: request.spki, format: 'der', type: 'spki' });
}
