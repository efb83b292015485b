import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { canonicalJson } from '@flotilla/shared/protocol/canonical-json.js';
import { contentDigest, textDigest } from '@flotilla/shared/protocol/content.js';
import type { ManifestUpdate } from '@flotilla/shared/protocol/manifest-messages.js';

/** For tests: objects by key as a hub would send them, without a signature that anybody could check. */
export type Content = Readonly<Record<string, KubeObject>>;

/** @param base the content that the board has; without it the update is complete */
export function makeUpdate(epoch: number, revision: number, content: Content, base?: Content): ManifestUpdate {
  const index = indexOf(content);
  const before = base && indexOf(base);
  const entries = new Map<string, string | null>([...index].filter(([key, digest]) => before?.get(key) !== digest));
  for (const key of before?.keys() ?? []) if (!index.has(key)) entries.set(key, null);
  return {
    envelope: { keyId: 'k', signature: `of ${epoch}.${revision}`, payload: '' },
    generation: { epoch, revision, digest: contentDigest(index) },
    ...(before ? { base: contentDigest(before) } : {}),
    entries,
    objects: new Map(
      Object.entries(content).flatMap(([key, object]) => (entries.has(key) ? [[textOf(object).digest, textOf(object).text]] : [])),
    ),
  };
}

/** Objects of a namespace under their keys. */
export function keyed(resource: string, objects: readonly KubeObject[]): Content {
  return Object.fromEntries(objects.map((object) => [`${resource}/${object.metadata?.namespace}/${object.metadata?.name}`, object]));
}

function indexOf(content: Content): Map<string, string> {
  return new Map(Object.entries(content).map(([key, object]) => [key, textOf(object).digest]));
}

function textOf(object: KubeObject): { readonly text: string; readonly digest: string } {
  const text = canonicalJson(object);
  return { text, digest: textDigest(text) };
}
