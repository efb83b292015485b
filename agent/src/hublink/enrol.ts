import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import {
  caPath,
  type JoinAnswer,
  type JoinRequest,
  joinPath,
  nodeNameFault,
  parseJoinAnswer,
  parseJoinToken,
  renewPath,
} from '@flotilla/shared/protocol/join.js';
import { nodeCertificateRequest } from './certificate-request.ts';
import { type Enrolment, loadEnrolment, loadKey, saveEnrolment, saveKey } from './enrolment.ts';
import type { HttpAnswer, HubHttp } from './mqtt-door.ts';

export interface EnrolOptions {
  readonly files: Pick<Files, 'readText' | 'writeAtomic' | 'mkdir'>;
  /** A directory of its own in the agent's data directory. */
  readonly dir: string;
  readonly http: HubHttp;
  readonly logger: Logger;
  /** `https://HOST:PORT` */
  readonly hub: string;
  /** Needed until the board has joined. */
  readonly token?: string;
  readonly node: string;
  /** The machine's serial number; empty when it has none. */
  readonly serial: string;
}

const timeoutMs = 20_000;

/**
 * The board's identity: from disk when it joined before (no network), else by joining with the token. The key is made once and stays.
 * Joining again after a lost answer gives the same board. @throws EnrolError when the owner must change something
 */
export async function enrol(options: EnrolOptions): Promise<Enrolment> {
  const { dir, files, logger, node } = options;
  const there = await loadEnrolment(files, dir);
  if (there) {
    if (there.node !== node)
      throw new EnrolError(`this board is enrolled as node "${there.node}"; to make it "${node}" start with an empty data directory`);
    return there;
  }
  const fault = nodeNameFault(node);
  if (fault) throw new EnrolError(fault);
  const token = parseJoinToken(options.token ?? '');
  if (!options.token) throw new EnrolError('this board has not joined a hub yet: give it a token (flotilla token create prints one)');
  if (!token) throw new EnrolError('the join token is not one: it has the form f1.ID.SECRET.PIN; was it copied whole?');
  const { host, port } = hubAddress(options.hub);
  const ca = await pinnedAuthority(options, token.pin, host, port);
  const key = (await loadKey(files, dir)) ?? newKey();
  await saveKey(files, dir, key);
  const request: JoinRequest = {
    node,
    csr: nodeCertificateRequest(node, createPrivateKey(key)),
    token: options.token.trim(),
    serial: options.serial,
  };
  const answer = await post(options, { host, port, ca, floorMs: 0 }, joinPath, request);
  const enrolment = await taken(options, answer, { node, hub: { host, port }, key });
  logger.info('joined the hub', { node, cluster: enrolment.clusterId });
  return enrolment;
}

/** A new certificate for the same key; also after the old one ended, because the request proves possession of the key. */
export async function renewEnrolment(options: Pick<EnrolOptions, 'files' | 'dir' | 'http'>, enrolment: Enrolment): Promise<Enrolment> {
  const { ca, floorMs, hub, key, node } = enrolment;
  const request: JoinRequest = { node, csr: nodeCertificateRequest(node, createPrivateKey(key)) };
  const answer = await post(options, { ...hub, ca, floorMs }, renewPath, request);
  return taken(options, answer, { node, hub, key });
}

/** Whether less than a third of the certificate's life is left, by the best clock there is. */
export function shouldRenew(certificate: string, nowMs: number): boolean {
  const { validFrom, validTo } = new X509Certificate(certificate);
  return Date.parse(validTo) - nowMs < (Date.parse(validTo) - Date.parse(validFrom)) / 3;
}

/** Trying again will not help before somebody changes something; the message says what. */
export class EnrolError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EnrolError';
  }
}

/** Host and port of `--hub`. @throws EnrolError */
export function hubAddress(hub: string): { host: string; port: number } {
  const url = URL.canParse(hub) ? new URL(hub) : undefined;
  if (url?.protocol !== 'https:' || !url.hostname)
    throw new EnrolError(`the hub's address must be like https://HOST:6443, not ${JSON.stringify(hub)}`);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port ? Number(url.port) : 443 };
}

/** The first connection trusts nobody: what it brings is checked against the token's pin, and nothing secret travels on it. */
async function pinnedAuthority({ http }: EnrolOptions, pin: string, host: string, port: number): Promise<string> {
  const answer = await http({ host, port, ca: undefined, floorMs: 0, timeoutMs }, { method: 'GET', path: caPath });
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

async function post({ http }: Pick<EnrolOptions, 'http'>, to: To, path: string, request: JoinRequest): Promise<JoinAnswer> {
  const answer = await http({ ...to, timeoutMs }, { method: 'POST', path, body: JSON.stringify(request) });
  if (answer.status === 200) return parseJoinAnswer(JSON.parse(answer.body));
  const message = `the hub refused: ${messageOf(answer)}`;
  // 4xx but "too many requests": nothing changes by asking again.
  if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) throw new EnrolError(message);
  throw new Error(message);
}

async function taken(
  { files, dir }: Pick<EnrolOptions, 'files' | 'dir'>,
  answer: JoinAnswer,
  own: Pick<Enrolment, 'node' | 'hub' | 'key'>,
): Promise<Enrolment> {
  const { wallMs, ...rest } = answer;
  const enrolment: Enrolment = { ...own, ...rest, floorMs: wallMs };
  await saveEnrolment(files, dir, enrolment);
  return enrolment;
}

function messageOf({ status, body }: HttpAnswer): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // Not from a hub; the status has to do.
  }
  return `status ${status}`;
}

function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}
