import { createPublicKey, X509Certificate } from 'node:crypto';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { badRequest, conflict, internalError, notFound, StatusError, tooLarge } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import {
  caPath,
  fingerprintOf,
  type JoinAnswer,
  type JoinRequest,
  joinPath,
  parseJoinRequest,
  type RenamedAnswer,
  renewPath,
  type WaitAnswer,
} from '@flotilla/shared/protocol/join.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import type { Client } from '#client/types.ts';
import type { BoardDirectory } from './board-directory.ts';
import { JoinLimits } from './join-limits.ts';
import { checkJoinToken, settleJoinToken, TokenRefusal } from './join-token.ts';
import { type WaitingRoom, waitingLimits } from './waiting-room.ts';

/** As much of `auth/pki` as enrolment needs. */
export interface JoinPki {
  readonly caCertPem: string;
  readonly manifestKey: { readonly publicKeyPem: string };
  issueNodeCertificate(csr: string, nodeName: string): Promise<string>;
}

export interface JoinHandlerOptions {
  readonly client: Client;
  readonly boards: BoardDirectory;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pki: JoinPki;
  readonly clusterId: string;
  /** MQTT's own port, once it listens. */
  readonly mqttPort: () => number | undefined;
  /** One for a hub; one of its own when left out. */
  readonly limits?: JoinLimits;
  /** Where boards wait that an operator has to approve; without it they are refused. */
  readonly room?: WaitingRoom;
}

export interface JoinHttpRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  /** Where it comes from. */
  readonly address?: string;
}

export interface JoinHttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export const joinBodyLimit = 64 * 1024;

/**
 * The API port's part in enrolment; each needs no other authentication than what it carries (shared/docs/protocol.md, "Joining"):
 * - `GET /flotilla/v1/ca`: the authority, which the board compares with its token's pin;
 * - `POST /flotilla/v1/join` with a token: a certificate for a new board, or once more for the same key; 202 when an
 *   operator has to approve it first;
 * - `POST /flotilla/v1/renew`: a new certificate for an enrolled key; the request's own signature proves possession of it.
 */
export function joinHandler(given: JoinHandlerOptions): (request: JoinHttpRequest) => Promise<JoinHttpResponse> {
  const limits = given.limits ?? new JoinLimits(given.clock);
  const options = { ...given, limits };
  return async ({ method, path, body, address = '' }) => {
    try {
      if (path === caPath && method === 'GET')
        return { status: 200, headers: { 'content-type': 'application/x-pem-file' }, body: options.pki.caCertPem };
      if (path !== joinPath && path !== renewPath) throw notFound({ group: '', resource: 'paths' }, path);
      if (method !== 'POST') throw new StatusError(405, 'MethodNotAllowed', `${method} is not supported here; use POST`);
      if (Buffer.byteLength(body) > joinBodyLimit) throw tooLarge(`the request is longer than ${joinBodyLimit} bytes`);
      const request = read(body);
      const answer = path === joinPath ? await join(options, request, address) : await renew(options, request);
      const status = 'certificate' in answer ? 200 : 'assignedNode' in answer ? 409 : 202;
      return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(answer) };
    } catch (error) {
      if (!(error instanceof StatusError)) options.logger.error('enrolment failed', { path, error });
      const status = error instanceof StatusError ? error : internalError('enrolment failed');
      if (status.code !== 429) limits.counters.refused++;
      const seconds = status.details?.retryAfterSeconds;
      const headers = { 'content-type': 'application/json', ...(seconds ? { 'retry-after': String(seconds) } : {}) };
      return { status: status.code, headers, body: JSON.stringify(status.toStatus()) };
    }
  };
}

function read(body: string): JoinRequest {
  try {
    return parseJoinRequest(JSON.parse(body));
  } catch (error) {
    if (error instanceof ProtocolError) throw badRequest(error.message);
    throw badRequest('the request is not JSON');
  }
}

type Limited = JoinHandlerOptions & { readonly limits: JoinLimits };

/** What becomes of somebody who asks. */
type Outcome = JoinAnswer | WaitAnswer | RenamedAnswer;

async function join(options: Limited, request: JoinRequest, address: string): Promise<Outcome> {
  const { boards, limits, logger } = options;
  const { node } = request;
  const known = boards.get(node);
  let spent: TokenRefusal | undefined;
  try {
    // What costs nothing comes first: only who has a good token takes a place.
    limits.join(await checkJoinToken(options, request.token ?? '', { node, spent: known !== undefined }));
  } catch (error) {
    if (!(error instanceof TokenRefusal && error.spent && options.room)) throw error;
    spent = error;
    limits.wait(address);
  }
  const { certificate, keyId } = await issue(options, request);
  const renamed = boards.renamed(node, keyId);
  if (renamed !== undefined && known?.keyId !== keyId) return renamedTo(node, renamed);
  const board = { node, keyId, serial: request.serial ?? '' };
  if (known && known.keyId !== keyId) return wait(options, { ...board, address, kind: 'join', reason: taken(node).message }, taken(node));
  if (!known && spent) return wait(options, { ...board, address, kind: 'join', reason: spent.message }, spent);
  if (!known) {
    // Used up only by a board that is new: joining again after a lost answer costs nothing.
    await checkJoinToken(options, request.token ?? '', { node, take: keyId });
    const entered = await boards.enter(board);
    if (entered.keyId !== keyId) throw taken(request.node);
    logger.info('a board joined', { node: request.node, keyId });
  }
  await settleJoinToken(options, request.token ?? '');
  limits.counters.joined++;
  return answer(options, certificate);
}

/** Puts the board into the waiting room. @throws StatusError `refusal` where there is none */
async function wait({ room }: Limited, board: Parameters<WaitingRoom['enter']>[0], refusal: StatusError): Promise<WaitAnswer> {
  if (!room) throw refusal;
  const { node, keyId, reason, deniedBy } = await room.enter(board);
  const fingerprint = fingerprintOf(keyId);
  const { askSeconds, deniedAskSeconds } = waitingLimits;
  if (deniedBy !== '') return { message: `${reason}. ${deniedBy} denied this board`, fingerprint, retryAfterSeconds: deniedAskSeconds };
  const message = `${reason}. This board waits to be approved: flotilla node approve ${node} --fingerprint ${fingerprint}`;
  return { message, fingerprint, retryAfterSeconds: askSeconds };
}

function renamedTo(node: string, assignedNode: string): RenamedAnswer {
  return { message: `this board took the place of node ${assignedNode}; it is no longer ${node}`, assignedNode };
}

async function renew(options: Limited, request: JoinRequest): Promise<JoinAnswer | RenamedAnswer> {
  const { boards } = options;
  const known = boards.get(request.node);
  const stranger = new StatusError(401, 'Unauthorized', `node "${request.node}" is not enrolled with this key`);
  if (!known && !boards.wasRenamed(request.node)) throw stranger;
  options.limits.renew(request.node);
  const { certificate, keyId } = await issue(options, request);
  const renamed = known?.keyId === keyId ? undefined : boards.renamed(request.node, keyId);
  if (renamed !== undefined) return renamedTo(request.node, renamed);
  if (known?.keyId !== keyId) throw stranger;
  options.limits.counters.renewed++;
  return answer(options, certificate);
}

function taken(node: string): StatusError {
  return conflict(
    { group: '', resource: 'nodes' },
    node,
    'another board is enrolled under this name; choose another with --node-name, or delete the Secret kube-system/flotilla-board-' +
      node +
      ' to let this one take its place',
  );
}

async function issue({ pki }: JoinHandlerOptions, { csr, node }: JoinRequest): Promise<{ certificate: string; keyId: string }> {
  const certificate = await pki.issueNodeCertificate(csr, node);
  return { certificate, keyId: keyIdOf(new X509Certificate(certificate).publicKey) };
}

function answer({ clock, clusterId, mqttPort, pki }: JoinHandlerOptions, certificate: string): JoinAnswer {
  const publicKey = pki.manifestKey.publicKeyPem;
  const port = mqttPort();
  return {
    clusterId,
    certificate,
    ca: pki.caCertPem,
    manifestKeys: [{ keyId: keyIdOf(createPublicKey(publicKey)), publicKey }],
    ...(port === undefined ? {} : { mqttPort: port }),
    wallMs: Math.floor(clock.wallMs()),
  };
}
