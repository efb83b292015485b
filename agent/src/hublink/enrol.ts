import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import {
  assignedNodeOf,
  caPath,
  type JoinAnswer,
  type JoinRequest,
  joinPath,
  nodeNameFault,
  parseJoinAnswer,
  parseJoinToken,
  parseWaitAnswer,
  renewPath,
} from '@flotilla/shared/protocol/join.js';
import { nodeCertificateRequest } from './certificate-request.ts';
import { type Enrolment, loadEnrolment, loadKey, saveEnrolment, saveKey } from './enrolment.ts';
import type { HttpAnswer, HubHttp } from './mqtt-door.ts';
import type { ProxyFor } from './mqtt-proxy.ts';

export interface EnrolOptions {
  readonly files: Pick<Files, 'readText' | 'writeAtomic' | 'mkdir'>;
  /** A directory of its own in the agent's data directory. */
  readonly dir: string;
  readonly http: HubHttp;
  readonly proxy?: ProxyFor;
  readonly logger: Logger;
  /** `https://HOST:PORT` of the hub, or of several that are one: tried in turn. */
  readonly hubs: readonly string[];
  /** Needed until the board has joined. */
  readonly token?: string;
  readonly node: string;
  /** The machine's serial number; empty when it has none. */
  readonly serial: string;
}

const timeoutMs = 20_000;
/** Between two questions whether this board was approved, whatever the hub says. */
const longestWaitMs = 600_000;

/**
 * The board's identity: from disk when it joined before (no network), else by joining with the token. The key is made once and stays.
 * Joining again after a lost answer gives the same board. @throws EnrolError when the owner must change something, WaitsForApproval
 */
export async function enrol(options: EnrolOptions): Promise<Enrolment> {
  const { dir, files, logger, node } = options;
  const there = await loadEnrolment(files, dir);
  if (there) {
    if (there.node !== node && !there.assigned)
      throw new EnrolError(`this board is enrolled as node "${there.node}"; to make it "${node}" start with an empty data directory`);
    return there;
  }
  const fault = nodeNameFault(node);
  if (fault) throw new EnrolError(fault);
  const token = parseJoinToken(options.token ?? '');
  if (!options.token) throw new EnrolError('this board has not joined a hub yet: give it a token (flotilla token create prints one)');
  if (!token) throw new EnrolError('the join token is not one: it has the form f1.ID.SECRET.PIN; was it copied whole?');
  if (options.hubs.length === 0) throw new EnrolError('this board has not joined a hub yet: name it with --hub https://HOST:6443');
  const hubs = options.hubs.map(hubAddress);
  return firstOf(hubs, async (hub) => {
    const ca = await pinnedAuthority(options, token.pin, hub);
    const key = (await loadKey(files, dir)) ?? newKey();
    await saveKey(files, dir, key);
    const joinAs = (name: string): ReturnType<typeof post> =>
      post(options, { ...hub, ca, floorMs: 0 }, joinPath, {
        node: name,
        csr: nodeCertificateRequest(name, createPrivateKey(key)),
        token: (options.token ?? '').trim(),
        serial: options.serial,
      });
    const { node: name, answer: joined } = await underItsName(node, joinAs);
    const { wallMs: _wallMs, ...rest } = joined.answer;
    const assigned = name === node ? {} : ({ assigned: true } as const);
    const enrolment: Enrolment = { ...rest, node: name, ...assigned, hub, key, floorMs: joined.floorMs };
    await saveEnrolment(files, dir, enrolment);
    logger.info('joined the hub', { node: name, cluster: enrolment.clusterId });
    return enrolment;
  });
}

/**
 * A new certificate for the same key; also after the old one ended, because the request proves possession of the key. Nothing else
 * is taken from the answer but MQTT's port: authority, cluster and signing keys stay as they were pinned. The node is another one when
 * this board took the place of another.
 * @param floorMs see TrustedTime
 */
export async function renewEnrolment(
  options: Pick<EnrolOptions, 'files' | 'dir' | 'http' | 'proxy'>,
  enrolment: Enrolment,
  { hubs = [enrolment.hub], floorMs = enrolment.floorMs }: { readonly hubs?: readonly HubAddress[]; readonly floorMs?: number } = {},
): Promise<Enrolment> {
  const { ca, key } = enrolment;
  return firstOf(hubs, async (hub) => {
    const renewAs = (name: string): ReturnType<typeof post> =>
      post(options, { ...hub, ca, floorMs }, renewPath, { node: name, csr: nodeCertificateRequest(name, createPrivateKey(key)) });
    const { node, answer: renewal } = await underItsName(enrolment.node, renewAs);
    const { answer } = renewal;
    const { certificate, mqttPort } = answer;
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
      throw new EnrolError('the hub answered with a certificate for another key');
    const { mqttPort: _before, ...rest } = enrolment;
    const assigned = node === enrolment.node ? {} : ({ node, assigned: true } as const);
    const renewed: Enrolment = { ...rest, ...assigned, certificate, ...(mqttPort === undefined ? {} : { mqttPort }) };
    await saveEnrolment(options.files, options.dir, renewed);
    return renewed;
  });
}

/** The hub may have put this board in the place of another node: then it is asked once more, under that name. */
async function underItsName<T>(node: string, ask: (node: string) => Promise<T>): Promise<{ readonly node: string; readonly answer: T }> {
  try {
    return { node, answer: await ask(node) };
  } catch (error) {
    if (!(error instanceof RenamedError)) throw error;
    return { node: error.assignedNode, answer: await ask(error.assignedNode) };
  }
}

/** The first that answers; what the owner must change is worth more than a hub that is away. */
async function firstOf<T>(hubs: readonly HubAddress[], attempt: (hub: HubAddress) => Promise<T>): Promise<T> {
  let failure: unknown = new Error('no address of the hub is known');
  for (const hub of hubs) {
    try {
      return await attempt(hub);
    } catch (error) {
      if (!(failure instanceof EnrolError || failure instanceof WaitsForApproval)) failure = error;
    }
  }
  throw failure;
}

/** Whether less than a third of the certificate's life is left, or it lies in the future: a hub's clock was wrong when it was made. */
export function shouldRenew(certificate: string, nowMs: number): boolean {
  const { validFrom, validTo } = new X509Certificate(certificate);
  const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
  return nowMs < fromMs || toMs - nowMs < (toMs - fromMs) / 3;
}

/** Trying again will not help before somebody changes something; the message says what. */
export class EnrolError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EnrolError';
  }
}

/** An operator has to approve this board; the same request does it then. */
export class WaitsForApproval extends Error {
  readonly fingerprint: string;
  readonly retryAfterMs: number;

  constructor(message: string, { fingerprint, retryAfterMs }: { readonly fingerprint: string; readonly retryAfterMs: number }) {
    super(message);
    this.name = 'WaitsForApproval';
    this.fingerprint = fingerprint;
    this.retryAfterMs = retryAfterMs;
  }
}

class RenamedError extends EnrolError {
  readonly assignedNode: string;

  constructor(message: string, assignedNode: string) {
    super(message);
    this.assignedNode = assignedNode;
  }
}

export type HubAddress = Enrolment['hub'];

/** Host and port of `--hub`. @throws EnrolError */
export function hubAddress(hub: string): HubAddress {
  const url = URL.canParse(hub) ? new URL(hub) : undefined;
  if (url?.protocol !== 'https:' || !url.hostname)
    throw new EnrolError(`the hub's address must be like https://HOST:6443, not ${JSON.stringify(hub)}`);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port ? Number(url.port) : 443 };
}

/** The first connection trusts nobody: what it brings is checked against the token's pin, and nothing secret travels on it. */
async function pinnedAuthority({ http, proxy }: EnrolOptions, pin: string, { host, port }: HubAddress): Promise<string> {
  const way = { host, port, ca: undefined, floorMs: 0, ended: 'refuse', timeoutMs, ...(proxy ? { proxy } : {}) } as const;
  const answer = await http(way, { method: 'GET', path: caPath });
  if (answer.status !== 200) throw new Error(`the hub answered ${answer.status} when asked for its authority`);
  let spki: Buffer;
  try {
    spki = new X509Certificate(answer.body).publicKey.export({ type: 'spki', format: 'der' });
  } catch (error) {
    throw new EnrolError(`https://${host}:${port} is no Flotilla hub`, { cause: error });
  }
  if (createHash('sha256').update(spki).digest('hex') !== pin) {
    throw new EnrolError(`https://${host}:${port} is not the hub this token was made for: its authority does not match the token`);
  }
  return answer.body;
}

type To = { readonly host: string; readonly port: number; readonly ca: string; readonly floorMs: number };

/** `floorMs` in the result: the hub's clock, but not past the end of its certificate. */
async function post(
  { http, proxy }: Pick<EnrolOptions, 'http' | 'proxy'>,
  to: To,
  path: string,
  request: JoinRequest,
): Promise<{ answer: JoinAnswer; floorMs: number }> {
  const way = { ...to, ended: 'refuse', timeoutMs, ...(proxy ? { proxy } : {}) } as const;
  const answer = await http(way, { method: 'POST', path, body: JSON.stringify(request) });
  if (answer.status === 200) {
    const parsed = parseJoinAnswer(JSON.parse(answer.body));
    return { answer: parsed, floorMs: Math.min(parsed.wallMs, answer.certificateEndMs) };
  }
  if (answer.status === 202) {
    const waits = parseWaitAnswer(JSON.parse(answer.body));
    throw new WaitsForApproval(waits.message, {
      fingerprint: waits.fingerprint,
      retryAfterMs: Math.min(waits.retryAfterSeconds * 1000, longestWaitMs),
    });
  }
  const message = `the hub refused: ${messageOf(answer)}`;
  const assignedNode = answer.status === 409 ? assignedNodeOf(parsedOf(answer)) : undefined;
  if (assignedNode !== undefined) throw new RenamedError(message, assignedNode);
  // 4xx but "too many requests": nothing changes by asking again.
  if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) throw new EnrolError(message);
  throw new Error(message);
}

function messageOf(answer: HttpAnswer): string {
  const { message } = (parsedOf(answer) ?? {}) as { readonly message?: unknown };
  return typeof message === 'string' ? message : `status ${answer.status}`;
}

function parsedOf({ body }: HttpAnswer): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // Not from a hub; the status has to do.
    return undefined;
  }
}

function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}
