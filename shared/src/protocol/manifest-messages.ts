import { isContentKey, isDigest, openGeneration, textDigest } from './content.ts';
import type { Envelope, PinnedKey } from './envelope.ts';
import { linkLimits } from './limits.ts';
import type { Generation } from './messages.ts';
import { parseEnvelope } from './parse-down.ts';
import { ProtocolError } from './protocol-error.ts';
import { Shape } from './shape.ts';
import type { TopicScope } from './topics.ts';

/**
 * Down: what a node shall have. Signed is only `{node, generation}`; the rest is proven by the generation's digest and by the
 * objects' own, so it travels as it is cheapest: whole or as a difference, with its objects or without.
 */
export interface ManifestMessage {
  readonly signed: Envelope;
  /** Digest of the content that `entries` is the difference to; without it `entries` is the whole content. */
  readonly base?: string;
  /** Object digests by key; null takes the key away. */
  readonly entries: Readonly<Record<string, string | null>>;
  /** JSON texts of some of the objects that are new; the board asks for those that it misses. */
  readonly objects: readonly string[];
}

/** A manifest message whose signature holds for this board. */
export interface ManifestUpdate {
  readonly envelope: Envelope;
  readonly generation: Generation;
  readonly base?: string;
  readonly entries: ReadonlyMap<string, string | null>;
  /** Texts by their digest. */
  readonly objects: ReadonlyMap<string, string>;
}

/** An object that a board misses, from this byte of its text on. */
export interface ObjectWant {
  readonly digest: string;
  readonly offset: number;
}

/** Up: asks for objects of the manifest that is on its way, as many as fit into `bytes`, in this order. */
export interface WantMessage {
  readonly session: number;
  readonly bytes: number;
  readonly wants: readonly ObjectWant[];
}

/** A piece of an object's text; `offset` and `size` (of the whole) count bytes of its UTF-8. */
export interface ObjectPart {
  readonly digest: string;
  readonly offset: number;
  readonly size: number;
  readonly text: string;
}

/** Down: the answer to `want`. Unsigned: the digests are proven. */
export interface ObjectsMessage {
  readonly session: number;
  readonly parts: readonly ObjectPart[];
}

/** @throws ProtocolError */
export function openManifest(keys: readonly PinnedKey[], scope: TopicScope, value: unknown): ManifestUpdate {
  const shape = new Shape('manifest', value);
  const envelope = parseEnvelope(shape.raw('signed'));
  const generation = openGeneration(keys, scope, envelope);
  const base = shape.optionalText('base');
  const entries = new Map(Object.entries(shape.object('entries')));
  if (entries.size > linkLimits.contentEntries)
    throw new ProtocolError('TooLarge', `the manifest has ${entries.size} entries; the limit is ${linkLimits.contentEntries}`);
  for (const [key, digest] of entries) {
    if (!isContentKey(key)) throw shape.fault(`manifest.entries has the key ${JSON.stringify(key.slice(0, 100))}`);
    if (digest !== null && !isDigest(digest)) throw shape.fault(`manifest.entries[${JSON.stringify(key)}] is no digest`);
  }
  const objects = new Map<string, string>();
  for (const text of shape.list('objects', linkLimits.contentEntries)) {
    if (typeof text !== 'string' || text.length > linkLimits.objectBytes) throw shape.fault('manifest.objects holds no text');
    objects.set(textDigest(text), text);
  }
  return {
    envelope,
    generation,
    ...(base === undefined ? {} : { base }),
    entries: entries as ReadonlyMap<string, string | null>,
    objects,
  };
}

export function parseWant(value: unknown): WantMessage {
  const shape = new Shape('want', value);
  const wants = shape.list('wants', linkLimits.wants).map((want, index) => {
    const fields = new Shape(`want.wants[${index}]`, want);
    return { digest: fields.text('digest'), offset: fields.integer('offset') };
  });
  return { session: shape.integer('session'), bytes: Math.min(shape.integer('bytes', 1), linkLimits.pageBytes), wants };
}

export function parseObjects(value: unknown): ObjectsMessage {
  const shape = new Shape('objects', value);
  const parts = shape.list('parts', linkLimits.wants).map((part, index) => {
    const fields = new Shape(`objects.parts[${index}]`, part);
    const size = fields.integer('size');
    if (size > linkLimits.objectBytes)
      throw new ProtocolError('TooLarge', `an object has ${size} bytes; the limit is ${linkLimits.objectBytes}`);
    return { digest: fields.text('digest'), offset: fields.integer('offset'), size, text: fields.text('text', linkLimits.objectBytes) };
  });
  return { session: shape.integer('session'), parts };
}
