import type { KubeObject, ObjectMeta } from '@flotilla/shared/meta/object.js';
import type { CachedObject } from './cache.ts';
import type { Revision } from './contract.ts';

/** How objects become text and back; the pair must keep every integer (bigint) as it is. */
export interface Codec {
  parse(text: string): unknown;
  stringify(value: unknown): string;
}

export const plainJson: Codec = { parse: JSON.parse, stringify: JSON.stringify };

const metadataStart = '"metadata":{';
const emptyMetadata: ObjectMeta = {};

/** The text of an object without the fields that the store itself knows (resourceVersion) or nobody serves (selfLink). */
export function encodeObject(object: KubeObject, codec: Codec): string {
  const { resourceVersion: _revision, selfLink: _link, ...metadata } = object.metadata ?? emptyMetadata;
  return codec.stringify(inOrder(object, metadata));
}

/** kind, apiVersion, metadata first: whatever is nested in the rest, the first metadata in the text is the object's own. */
function inOrder(object: KubeObject, metadata: ObjectMeta): KubeObject {
  const { kind, apiVersion, metadata: _metadata, ...rest } = object;
  return { ...(kind === undefined ? {} : { kind }), ...(apiVersion === undefined ? {} : { apiVersion }), metadata, ...rest };
}

/**
 * An object at a revision. Keeps one text at most: the stored one until the JSON is asked for, then the JSON. What was read
 * from the store is decoded when somebody looks at it.
 */
export class CachedEntry<T extends KubeObject = KubeObject> implements CachedObject<T> {
  readonly key: string;
  readonly revision: Revision;
  readonly #codec: Codec;
  #object: T | undefined;
  #text: string | undefined;
  #complete = false;

  constructor(key: string, object: T | undefined, revision: Revision, text: string | undefined, codec: Codec) {
    this.key = key;
    this.#object = object;
    this.revision = revision;
    this.#text = text;
    this.#codec = codec;
  }

  get object(): T {
    this.#object ??= decode(this.#text ?? '{}', this.revision, this.#codec) as T;
    return this.#object;
  }

  json(): string {
    if (this.#text === undefined || !this.#complete) {
      this.#text = (this.#text === undefined ? undefined : withRevision(this.#text, this.revision)) ?? this.#codec.stringify(this.object);
      this.#complete = true;
    }
    return this.#text;
  }

  /** The same state under another revision: what a DELETED event shows. */
  at(revision: Revision): CachedEntry<T> {
    return entryOf(this.key, this.object, revision, undefined, this.#codec);
  }
}

/** Takes over an object the caller gives away: its parts are frozen, not copied. */
export function entryOf<T extends KubeObject>(
  key: string,
  object: T,
  revision: Revision,
  text: string | undefined,
  codec: Codec,
): CachedEntry<T> {
  const { selfLink: _link, ...metadata } = object.metadata ?? emptyMetadata;
  metadata.resourceVersion = String(revision);
  return new CachedEntry(key, deepFreeze(inOrder(object, metadata)) as T, revision, text, codec);
}

/** What the store holds, not looked into yet. */
export function decodeEntry(key: string, text: string, revision: Revision, codec: Codec): CachedEntry {
  return new CachedEntry(key, undefined, revision, text, codec);
}

function decode(text: string, revision: Revision, codec: Codec): KubeObject {
  const object = codec.parse(text) as KubeObject;
  object.metadata ??= {};
  object.metadata.resourceVersion = String(revision);
  return freezeParsed(object);
}

/** As `deepFreeze`, for a tree that nobody else has a part of. */
function freezeParsed<T extends object>(value: T): T {
  for (const name in value) {
    const member = value[name];
    if (typeof member === 'object' && member !== null) freezeParsed(member);
  }
  return Object.freeze(value);
}

function withRevision(text: string, revision: Revision): string | undefined {
  const at = text.indexOf(metadataStart);
  if (at < 0) return undefined;
  const from = at + metadataStart.length;
  const comma = text[from] === '}' ? '' : ',';
  return `${text.slice(0, from)}"resourceVersion":"${revision}"${comma}${text.slice(from)}`;
}

/** Freezes the whole tree; stops at what is frozen, since our own objects share frozen parts. Drops members that are undefined. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  const record = value as Record<string, unknown>;
  for (const name in record) {
    const member = record[name];
    if (member === undefined) delete record[name];
    else if (typeof member === 'object') deepFreeze(member);
  }
  return Object.freeze(value);
}
