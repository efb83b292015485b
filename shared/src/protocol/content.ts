import { hash } from 'node:crypto';
import type { KubeObject } from '../meta/object.ts';
import { type Envelope, open, type PinnedKey } from './envelope.ts';
import { linkLimits } from './limits.ts';
import type { Generation } from './messages.ts';
import { parseEnvelope } from './parse-down.ts';
import { ProtocolError } from './protocol-error.ts';
import { Shape } from './shape.ts';
import type { TopicScope } from './topics.ts';

/**
 * What a node shall have is one map: key → object. A key is `resource/name` or `resource/namespace/name`; an object travels and is
 * kept as one JSON text, and the digest of those bytes is its name everywhere (shared/docs/protocol.md, "Content").
 */

/** `pods/default/web`, `nodes/board-1`: ASCII only, so that every language sorts keys alike. */
const keyPattern = /^[a-z][a-z0-9]*(\/[A-Za-z0-9._:-]+){1,2}$/;
const digestPattern = /^[A-Za-z0-9_-]{43}$/;

export function isContentKey(key: string): boolean {
  return key.length <= linkLimits.contentKeyBytes && keyPattern.test(key);
}

export function isDigest(text: unknown): text is string {
  return typeof text === 'string' && digestPattern.test(text);
}

/** SHA-256 of the text's UTF-8 bytes, base64url. */
export function textDigest(text: string): string {
  return hash('sha256', text, 'base64url');
}

/** The digest of a whole content: SHA-256 over `KEY DIGEST\n` for every key in ascending order, base64url. */
export function contentDigest(index: ReadonlyMap<string, string>): string {
  let text = '';
  for (const key of [...index.keys()].sort()) text += `${key} ${index.get(key)}\n`;
  return hash('sha256', text, 'base64url');
}

/** The generation that the hub signed for this very node. @throws ProtocolError `Untrusted` or `Malformed` */
export function openGeneration(keys: readonly PinnedKey[], scope: TopicScope, envelope: Envelope): Generation {
  const shape = new Shape('manifest', open(keys, 'manifest', scope, envelope));
  const node = shape.text('node');
  if (node !== scope.node) throw new ProtocolError('Untrusted', `the manifest is for node ${node}`);
  const generation = shape.generation('generation');
  if (!generation || !isDigest(generation.digest)) throw new ProtocolError('Malformed', 'the manifest has no generation with a digest');
  return generation;
}

/** A board's whole content with the signature it came under: what the board can prove that the hub once wanted of it. */
export interface SignedContent {
  readonly envelope: Envelope;
  /** JSON texts by key. */
  readonly objects: Readonly<Record<string, string>>;
}

/**
 * Reads a `SignedContent` that a board hands back; nothing in it is taken unless the hub signed all of it for this very node.
 * @throws ProtocolError `Untrusted` or `Malformed`
 */
export function openContent(
  keys: readonly PinnedKey[],
  scope: TopicScope,
  content: unknown,
): { readonly generation: Generation; readonly objects: ReadonlyMap<string, KubeObject> } {
  const shape = new Shape('content', content);
  const generation = openGeneration(keys, scope, parseEnvelope(shape.raw('envelope')));
  const texts = Object.entries(shape.object('objects')).map(([key, text]): [string, string] => {
    if (typeof text !== 'string') throw new ProtocolError('Malformed', `${JSON.stringify(key.slice(0, 100))} is no text`);
    return [key, text];
  });
  const digest = contentDigest(new Map(texts.map(([key, text]) => [key, textDigest(text)])));
  if (digest !== generation.digest) throw new ProtocolError('Untrusted', `the content is not what was signed for node ${scope.node}`);
  return { generation, objects: new Map(texts.map(([key, text]) => [key, parseObject(key, text)])) };
}

/** @throws ProtocolError `Malformed` */
export function parseObject(key: string, text: string): KubeObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ProtocolError('Malformed', `${key} is not JSON`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ProtocolError('Malformed', `${key} is no object`);
  return value;
}
