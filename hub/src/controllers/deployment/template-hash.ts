import type { PodTemplateSpec } from '@flotilla/shared/api/generated/types.js';

export const hashLabel = 'pod-template-hash';

/** Frozen templates are shared, so their text is made once. */
const texts = new WeakMap<object, string>();

/** A canonical text: keys sorted, what is empty left out, the hash label ignored. Equal texts are equal templates. */
export function templateText(template: PodTemplateSpec): string {
  let text = texts.get(template);
  if (text === undefined) {
    const { [hashLabel]: _hash, ...labels } = template.metadata?.labels ?? {};
    text = JSON.stringify(canonical({ ...template, metadata: { ...template.metadata, labels } })) ?? '';
    if (Object.isFrozen(template)) texts.set(template, text);
  }
  return text;
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => canonical(item) ?? null);
  if (value === null || typeof value !== 'object') return value ?? undefined;
  const entries = Object.entries(value)
    .map(([key, child]): [string, unknown] => [key, canonical(child)])
    .filter(([, child]) => child !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  // An empty struct may mean something (`emptyDir: {}`); an absent one means nothing.
  return Object.fromEntries(entries);
}

// apimachinery, util/rand: what is left of the alphabet without vowels and look-alikes.
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** The value of `pod-template-hash`: FNV-32a over the canonical text and the collision count, spelt safely. */
export function templateHash(template: PodTemplateSpec, collisionCount?: number): string {
  let hash = 0x811c9dc5;
  const mix = (byte: number): void => {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  };
  for (const byte of new TextEncoder().encode(templateText(template))) mix(byte);
  if (collisionCount !== undefined) for (let shift = 0; shift < 32; shift += 8) mix((collisionCount >>> shift) & 0xff);
  return [...String(hash)].map((digit) => alphabet[digit.charCodeAt(0) % alphabet.length]).join('');
}
