import type { KubeObject, ObjectMeta } from '@flotilla/shared/meta/object.js';
import type { CachedObject } from './cache.ts';
import type { Revision } from './contract.ts';
import { SharedTrees } from './shared-trees.ts';

/** How objects become text and back; the pair must keep every integer (bigint) as it is. */
export interface Codec {
  parse(text: string): unknown;
  stringify(value: unknown): string;
}

export const plainJson: Codec = { parse: JSON.parse, stringify: JSON.stringify };

const metadataStart = '"metadata":{';
const emptyMetadata: ObjectMeta = {};
/** Half of a decoded pod is its managedFields, and most of these are alike. */
const fieldTrees = new SharedTrees();

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
 * An object at a revision. Keeps one text at most: the stored one until the JSON is asked for, then the JSON; at rest it keeps only
 * the object, until the JSON is asked for, or only the text. What was read from the store is decoded when somebody looks at it.
 */
export class CachedEntry<T extends KubeObject = KubeObject> implements CachedObject<T> {
  readonly key: string;
  readonly revision: Revision;
  readonly #codec: Codec;
  #object: T | undefined;
  #text: string | undefined;
  #complete = false;
  #resting = false;

  constructor(key: string, object: T | undefined, revision: Revision, text: string | undefined, codec: Codec) {
    this.key = key;
    this.#object = object;
    this.revision = revision;
    this.#text = text;
    this.#codec = codec;
  }

  get object(): T {
    if (this.#object === undefined) {
      this.#object = decode(this.#text ?? '{}', this.revision, this.#codec) as T;
      if (this.#resting) this.rest();
    }
    return this.#object;
  }

  /** Does now what the first look at it would do. What cannot be decoded is told to whoever looks. */
  decodeAhead(): void {
    try {
      void this.object;
    } catch {
      // Only what is asked for may fail.
    }
  }

  /** Its news is old: few ask for its JSON from here on, so of text and object it keeps one. */
  rest(keep: 'object' | 'text' = 'object'): void {
    if (keep === 'text' && this.#text !== undefined) {
      this.#object = undefined;
      return;
    }
    this.#resting = true;
    if (this.#object === undefined) return;
    this.#text = undefined;
    this.#complete = false;
  }

  json(): string {
    if (this.#text === undefined || !this.#complete) {
      const text = this.#text ?? encodeObject(this.object, this.#codec);
      this.#text = withRevision(text, this.revision) ?? this.#codec.stringify(this.object);
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
  shareFields(metadata);
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
  shareFields(object.metadata);
  return freezeParsed(object);
}

/** Replaces what managedFields say by the shared copy of it; entries that are frozen already belong to an object that has it. */
function shareFields(metadata: ObjectMeta): void {
  const { managedFields } = metadata;
  if (!Array.isArray(managedFields)) return;
  metadata.managedFields = managedFields.map((entry) =>
    entry.fieldsV1 && !Object.isFrozen(entry) ? { ...entry, fieldsV1: sharedCopy(entry.fieldsV1) } : entry,
  );
}

/** Copies of frozen trees: whoever writes managedFields hands in the same ones again and again. */
const sharedCopies = new WeakMap<object, object>();

function sharedCopy(fields: object): object {
  const known = sharedCopies.get(fields);
  if (known) return known;
  const copy = fieldTrees.share(fields);
  if (Object.isFrozen(fields)) sharedCopies.set(fields, copy);
  return copy;
}

/**
 * As `deepFreeze`, for a tree whose only shared parts are the fieldsV1: to ask each part whether it is frozen takes longer than to freeze
 * it, and a hub that starts freezes millions of them.
 */
function freezeParsed<T extends object>(value: T): T {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) freezeMember(value[index]);
  } else {
    for (const name in value) {
      const member = value[name];
      if (name !== 'fieldsV1' || !Object.isFrozen(member)) freezeMember(member);
    }
  }
  return Object.freeze(value);
}

function freezeMember(member: unknown): void {
  if (typeof member === 'object' && member !== null) freezeParsed(member);
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
