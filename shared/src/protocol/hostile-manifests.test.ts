import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openContent } from './content.ts';
import type { Envelope, PinnedKey } from './envelope.ts';
import { linkLimits } from './limits.ts';
import { openManifest, parseObjects, parseWant } from './manifest-messages.ts';
import { ProtocolError } from './protocol-error.ts';
import type { TopicScope } from './topics.ts';

/** Whatever comes instead of a message is refused with a reason, and nothing else happens. */

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../../docs/vectors/${name}.json`, import.meta.url), 'utf8'));
const { steps, want } = read('sync') as { steps: { manifest?: { signed: Envelope }; objects?: unknown }[]; want: unknown };
const core = read('core') as { keys: { keyId: string; publicKeyPem: string }; scope: TopicScope };
const keys: readonly PinnedKey[] = [{ keyId: core.keys.keyId, publicKey: core.keys.publicKeyPem }];
const { scope } = core;
const first = steps[0]?.manifest ?? expect.fail();

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The message with something else in one place, or with one place gone. */
function damaged(message: unknown, at: readonly number[], put: Json | undefined): unknown {
  const copy = structuredClone(message) as Json;
  let place: Json = copy;
  for (const [depth, choice] of at.entries()) {
    if (place === null || typeof place !== 'object') break;
    const names: (string | number)[] = Array.isArray(place) ? [...place.keys()] : Object.keys(place);
    const name = names[choice % Math.max(1, names.length)];
    if (name === undefined) break;
    const fields = place as Record<string | number, Json>;
    const next = fields[name] ?? null;
    if (depth === at.length - 1 || next === null || typeof next !== 'object') {
      if (put === undefined) delete fields[name];
      else fields[name] = put;
      break;
    }
    place = next;
  }
  return copy;
}

const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;
const damage = fc.tuple(fc.array(fc.nat(20), { minLength: 1, maxLength: 5 }), fc.option(json, { nil: undefined }));

test.for<[string, unknown, (value: unknown) => unknown]>([
  ['a manifest', first, (value) => openManifest(keys, scope, value)],
  ['objects', steps[1]?.objects, parseObjects],
  ['a want', want, parseWant],
  ['a content handed back', { envelope: first.signed, objects: { 'pods/default/web': '{}' } }, (value) => openContent(keys, scope, value)],
])('%s', ([, message, parse]) => {
  let refused = 0;
  const attempt = (value: unknown): void => {
    try {
      parse(value);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      refused++;
    }
  };
  fc.assert(
    fc.property(damage, ([at, put]) => attempt(damaged(message, at, put))),
    { numRuns: 500, seed: 1 },
  );
  fc.assert(fc.property(json, attempt), { numRuns: 300, seed: 1 });
  expect(refused).toBeGreaterThan(100);
});

test('bounds hold on both sides', () => {
  const digest = 'x'.repeat(43);
  const entries = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, index) => [`pods/a/p${index}`, digest]));
  expect(openManifest(keys, scope, { ...first, entries: entries(linkLimits.contentEntries) }).entries.size).toBe(20_000);
  const tooLarge = expect.objectContaining({ reason: 'TooLarge' });
  expect(() => openManifest(keys, scope, { ...first, entries: entries(linkLimits.contentEntries + 1) })).toThrow(tooLarge);
  const part = (size: number): object => ({ session: 1, parts: [{ digest, offset: 0, size, text: '' }] });
  expect(parseObjects(part(linkLimits.objectBytes)).parts).toHaveLength(1);
  expect(() => parseObjects(part(linkLimits.objectBytes + 1))).toThrow(tooLarge);
  const wants = (count: number): object => ({ session: 1, bytes: 1, wants: Array.from({ length: count }, () => ({ digest, offset: 0 })) });
  expect(parseWant(wants(linkLimits.wants)).wants).toHaveLength(linkLimits.wants);
  expect(() => parseWant(wants(linkLimits.wants + 1))).toThrow(expect.objectContaining({ reason: 'Malformed' }));
  expect(parseWant({ ...wants(1), bytes: 1e12 }).bytes).toBe(linkLimits.pageBytes);
});
