import { type KubeObject, objectKey } from '@flotilla/shared/meta/object.js';
import { canonicalJson } from '@flotilla/shared/protocol/canonical-json.js';
import { contentDigest, textDigest } from '@flotilla/shared/protocol/content.js';
import type { ManifestKind } from './manifest-kinds.ts';

/** One object in the content of a node. */
export class ManifestEntry {
  readonly key: string;
  readonly digest: string;
  readonly #kind: ManifestKind;
  readonly #object: KubeObject;

  /** @param digest that of the text, where it is known */
  constructor(kind: ManifestKind, object: KubeObject, digest?: string) {
    this.#kind = kind;
    this.#object = object;
    this.key = `${kind.resource}/${objectKey(object)}`;
    this.digest = digest ?? textDigest(this.text());
  }

  /** As the board gets it. Made anew each time: most are never sent. */
  text(): string {
    return canonicalJson(this.#kind.content(this.#object));
  }
}

/** What a node shall have, without a number. */
export interface ManifestContent {
  readonly digest: string;
  /** By key. */
  readonly entries: ReadonlyMap<string, ManifestEntry>;
}

const known = new WeakMap<KubeObject, ManifestEntry>();

/** Objects in the cache are frozen, so each is looked at once, and shared by all contents it is in. */
export function entryOf(kind: ManifestKind, object: KubeObject): ManifestEntry {
  let entry = known.get(object);
  if (!entry) {
    entry = new ManifestEntry(kind, object);
    known.set(object, entry);
  }
  return entry;
}

/**
 * Whether a change of an object is none to boards. Parts that are as they were before are the very same in both, so this looks at no
 * more than the first two levels; the digest is worked out only where they differ.
 */
export function sameForBoards(kind: ManifestKind, object: KubeObject, old: KubeObject): boolean {
  if (!looksSame(object, old)) return entryOf(kind, object).digest === entryOf(kind, old).digest;
  const before = known.get(old);
  if (before && !known.has(object)) known.set(object, new ManifestEntry(kind, object, before.digest));
  return true;
}

/** Everything but what no kind's content has: see `ManifestKind.content`. */
function looksSame(object: KubeObject, old: KubeObject): boolean {
  const { metadata, status, ...rest } = object as KubeObject & { status?: { phase?: unknown } };
  const { metadata: oldMetadata, status: oldStatus, ...oldRest } = old as KubeObject & { status?: { phase?: unknown } };
  if (isEnded(status?.phase) || isEnded(oldStatus?.phase)) return false;
  const { managedFields: _fields, resourceVersion: _revision, ...meta } = metadata ?? {};
  const { managedFields: _oldFields, resourceVersion: _oldRevision, ...oldMeta } = oldMetadata ?? {};
  return sameMembers(rest, oldRest) && sameMembers(meta, oldMeta);
}

function isEnded(phase: unknown): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

function sameMembers(one: Readonly<Record<string, unknown>>, other: Readonly<Record<string, unknown>>): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}

export function contentOf(entries: ReadonlyMap<string, ManifestEntry>): ManifestContent {
  return { digest: contentDigest(new Map([...entries].map(([key, { digest }]) => [key, digest]))), entries };
}
