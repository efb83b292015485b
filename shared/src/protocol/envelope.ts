import { createHash, createPublicKey, type KeyObject, sign as signBytes, verify as verifyBytes } from 'node:crypto';
import { ProtocolError } from './protocol-error.ts';
import type { TopicScope } from './topics.ts';

/** What the signature is for, so that one kind of message never passes as another. */
export type EnvelopePurpose = 'manifest' | 'welcome' | 'update' | 'operation' | 'retry';

/** A message signed for one board. */
export interface Envelope {
  /** Which key: `keyId` of its public half. */
  readonly keyId: string;
  /** Ed25519 over purpose, cluster, node and payload; base64. */
  readonly signature: string;
  /** The JSON that was signed, byte for byte. */
  readonly payload: string;
}

/** The hub's Ed25519 key for what it sends to boards. */
export interface EnvelopeSigner {
  readonly keyId: string;
  sign(bytes: Buffer): Buffer;
}

/** A public key that the board pinned when it joined. */
export interface PinnedKey {
  readonly keyId: string;
  /** SPKI, PEM. */
  readonly publicKey: string;
}

export function envelopeSigner(privateKey: KeyObject): EnvelopeSigner {
  return { keyId: keyIdOf(createPublicKey(privateKey)), sign: (bytes) => signBytes(null, bytes, privateKey) };
}

/** SHA-256 of the SubjectPublicKeyInfo, base64url: names a key wherever this protocol names one. */
export function keyIdOf(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

export function seal(signer: EnvelopeSigner, purpose: EnvelopePurpose, scope: TopicScope, payload: unknown): Envelope {
  const text = JSON.stringify(payload);
  return { keyId: signer.keyId, signature: signer.sign(signedBytes(purpose, scope, text)).toString('base64'), payload: text };
}

/** The payload of an envelope that was signed for this purpose and this board with a pinned key. @throws ProtocolError Untrusted */
export function open(keys: readonly PinnedKey[], purpose: EnvelopePurpose, scope: TopicScope, envelope: Envelope): unknown {
  const key = keys.find((pinned) => pinned.keyId === envelope.keyId);
  if (!key) throw new ProtocolError('Untrusted', `the ${purpose} is signed with key ${envelope.keyId}, which is not pinned`);
  const signature = Buffer.from(envelope.signature, 'base64');
  if (!verifyBytes(null, signedBytes(purpose, scope, envelope.payload), createPublicKey(key.publicKey), signature)) {
    throw new ProtocolError('Untrusted', `the signature of the ${purpose} does not hold for node ${scope.node}`);
  }
  try {
    return JSON.parse(envelope.payload);
  } catch (error) {
    throw new ProtocolError('Malformed', `the ${purpose} is not JSON`, { cause: error });
  }
}

function signedBytes(purpose: EnvelopePurpose, { clusterId, node }: TopicScope, payload: string): Buffer {
  return Buffer.from(`flotilla/${purpose}/1\n${clusterId}\n${node}\n${payload}`, 'utf8');
}
