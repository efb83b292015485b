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

  constructor(kind: ManifestKind, object: KubeObject) {
    this.#kind = kind;
    this.#object = object;
    this.key = `${kind.resource}/${objectKey(object)}`;
    this.digest = textDigest(this.text());
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

export function contentOf(entries: ReadonlyMap<string, ManifestEntry>): ManifestContent {
  return { digest: contentDigest(new Map([...entries].map(([key, { digest }]) => [key, digest]))), entries };
}
