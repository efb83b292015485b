import type { PinnedKey } from './envelope.ts';
import { Shape } from './shape.ts';

/** Enrolment over the API port; the texts and bodies that hub and board exchange. See shared/docs/protocol.md, "Joining". */

export const caPath = '/flotilla/v1/ca';
export const joinPath = '/flotilla/v1/join';
export const renewPath = '/flotilla/v1/renew';

export interface JoinToken {
  readonly id: string;
  readonly secret: string;
  /** SHA-256 of the cluster authority's SubjectPublicKeyInfo, hex. */
  readonly pin: string;
}

export function joinTokenText({ id, secret, pin }: JoinToken): string {
  return `f1.${id}.${secret}.${pin}`;
}

/** Undefined for what is no join token. */
export function parseJoinToken(text: string): JoinToken | undefined {
  const match = /^f1\.([0-9a-f]{10})\.([A-Za-z0-9_-]{32})\.([0-9a-f]{64})$/.exec(text.trim());
  const [, id, secret, pin] = match ?? [];
  return id && secret && pin ? { id, secret, pin } : undefined;
}

export interface JoinRequest {
  readonly node: string;
  /** PKCS #10, PEM; `O=system:nodes, CN=system:node:NODE`. */
  readonly csr: string;
  /** Needed to join, not to renew. */
  readonly token?: string;
  readonly serial?: string;
}

export interface JoinAnswer {
  readonly clusterId: string;
  /** The board's certificate and the authority of boards, PEM. */
  readonly certificate: string;
  /** The cluster authority, PEM. */
  readonly ca: string;
  readonly manifestKeys: readonly PinnedKey[];
  /** MQTT's own port; over the API port MQTT is always there (WebSocket, `/mqtt`). */
  readonly mqttPort?: number;
  /** The hub's clock. */
  readonly wallMs: number;
}

/** Status 202: an operator has to approve this board first; it asks again. The other fields are those of a metav1.Status. */
export interface WaitAnswer {
  readonly message: string;
  /** What the operator sees of the board's key: `SHA256:` and its id. */
  readonly fingerprint: string;
  readonly retryAfterSeconds: number;
}

/** Status 409 with `assignedNode`: this key is another node now; ask anew under that name. */
export interface RenamedAnswer {
  readonly message: string;
  readonly assignedNode: string;
}

/** How a key is shown to people, at the hub and on the board. */
export function fingerprintOf(keyId: string): string {
  return `SHA256:${keyId}`;
}

/** RFC 1123 subdomain, as the API demands of a Node's name; short enough for what is named after it. */
const nodeName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const longestNodeName = 200;

/** Why this cannot be a node's name; undefined when it can. */
export function nodeNameFault(name: string): string | undefined {
  if (name.length > longestNodeName) return `a node name has at most ${longestNodeName} characters`;
  return nodeName.test(name)
    ? undefined
    : `node name ${JSON.stringify(name.slice(0, 100))} is invalid: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character`;
}

/** @throws ProtocolError Malformed */
export function parseJoinRequest(value: unknown): JoinRequest {
  const shape = new Shape('request', value);
  const node = shape.text('node', 1024);
  const fault = nodeNameFault(node);
  if (fault) throw shape.fault(fault);
  const token = shape.optionalText('token');
  const serial = shape.optionalText('serial', 128);
  return {
    node,
    csr: shape.text('csr', 16 * 1024),
    ...(token === undefined ? {} : { token }),
    ...(serial === undefined ? {} : { serial }),
  };
}

/** @throws ProtocolError Malformed */
export function parseJoinAnswer(value: unknown): JoinAnswer {
  const shape = new Shape('answer', value);
  const manifestKeys = shape.list('manifestKeys', 16).map((item) => {
    const key = new Shape('answer.manifestKeys', item);
    return { keyId: key.text('keyId'), publicKey: key.text('publicKey', 4096) };
  });
  const mqttPort = shape.optionalInteger('mqttPort', 1);
  return {
    clusterId: shape.text('clusterId'),
    certificate: shape.text('certificate', 64 * 1024),
    ca: shape.text('ca', 64 * 1024),
    manifestKeys,
    ...(mqttPort === undefined ? {} : { mqttPort }),
    wallMs: shape.integer('wallMs'),
  };
}

/** @throws ProtocolError Malformed */
export function parseWaitAnswer(value: unknown): WaitAnswer {
  const shape = new Shape('answer', value);
  return {
    message: shape.text('message', 4096),
    fingerprint: shape.text('fingerprint', 128),
    retryAfterSeconds: shape.integer('retryAfterSeconds', 1),
  };
}

/** The name in the answer to a board that has another one now; undefined for every other refusal. */
export function assignedNodeOf(value: unknown): string | undefined {
  const name = typeof value === 'object' && value !== null && 'assignedNode' in value ? value.assignedNode : undefined;
  return typeof name === 'string' && nodeNameFault(name) === undefined ? name : undefined;
}
