import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import { contentDigest, isContentKey, parseObject, textDigest } from './content.ts';
import type { PinnedKey } from './envelope.ts';
import { type ObjectsMessage, openManifest, parseObjects, parseWant } from './manifest-messages.ts';
import { parseRefusal } from './parse-both.ts';
import type { TopicScope } from './topics.ts';

/** The parts of vectors/sync.json that need no store; agent/src/spec/spec-vectors.test.ts walks through its steps. */
interface Vectors {
  readonly objects: readonly { readonly key: string; readonly object: object; readonly text: string; readonly digest: string }[];
  readonly contents: readonly { readonly entries: Readonly<Record<string, string>>; readonly digest: string }[];
  readonly steps: readonly { readonly manifest?: unknown; readonly objects?: ObjectsMessage }[];
  readonly want: unknown;
  readonly gap: unknown;
  readonly refused: readonly { readonly name: string; readonly manifest: unknown; readonly reason: string }[];
}

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../../docs/vectors/${name}.json`, import.meta.url), 'utf8'));
const vectors = read('sync') as Vectors;
const core = read('core') as { keys: { keyId: string; publicKeyPem: string }; scope: TopicScope };
const keys: readonly PinnedKey[] = [{ keyId: core.keys.keyId, publicKey: core.keys.publicKeyPem }];

test.for(vectors.objects)('object $key', ({ key, object, text, digest }) => {
  expect(canonicalJson(object)).toBe(text);
  expect(textDigest(text)).toBe(digest);
  expect(parseObject(key, text)).toEqual(object);
  expect(isContentKey(key)).toBe(true);
});

test.for(vectors.contents)('content $digest', ({ entries, digest }) => {
  expect(contentDigest(new Map(Object.entries(entries)))).toBe(digest);
  expect(contentDigest(new Map(Object.entries(entries).reverse()))).toBe(digest);
});

test('messages are read', () => {
  for (const { manifest, objects } of vectors.steps) {
    if (manifest) expect(openManifest(keys, core.scope, manifest).generation.digest).toHaveLength(43);
    if (objects) expect(parseObjects(objects)).toEqual(objects);
  }
  expect(parseWant(vectors.want)).toEqual(vectors.want);
  expect(parseRefusal(vectors.gap)).toEqual(vectors.gap);
});

test.for(vectors.refused)('refused: $name', ({ manifest, reason }) => {
  expect(() => openManifest(keys, core.scope, manifest)).toThrow(expect.objectContaining({ reason }));
});

test('keys', () => {
  for (const key of ['pods/default/web', 'nodes/board-1.site', 'nodeoperations/n', 'secrets/a/b_c:d']) expect(isContentKey(key)).toBe(true);
  for (const key of ['', 'pods', 'pods/', 'pods//x', 'a/b/c/d', 'Pods/a', '__proto__', 'pods/ä', 'pods/a b', `pods/${'x'.repeat(600)}`])
    expect(isContentKey(key), key).toBe(false);
});

test('a bigint stands as its digits', () => {
  expect(canonicalJson({ b: 2n ** 62n, a: [1n] })).toBe('{"a":[1],"b":4611686018427387904}');
});
