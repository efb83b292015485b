import type { Envelope } from '@flotilla/shared/protocol/envelope.js';
import type { ManifestMessage } from '@flotilla/shared/protocol/manifest-messages.js';
import type { ManifestContent } from './manifest-content.ts';

export interface ManifestMessageParts {
  readonly signed: Envelope;
  readonly content: ManifestContent;
  /** The content that the board has. */
  readonly base: ManifestContent | undefined;
  /** How many bytes of objects may come along; the board asks for the rest. */
  readonly inline: number;
  /** A content of which the board has, or is fetching, the objects. */
  readonly held: ManifestContent | undefined;
}

export function manifestMessage({ signed, content, base, inline, held }: ManifestMessageParts): ManifestMessage {
  const entries: Record<string, string | null> = {};
  const objects: string[] = [];
  const there = new Set([base, held].flatMap((other) => [...(other?.entries.values() ?? [])].map(({ digest }) => digest)));
  let left = inline;
  for (const [key, entry] of content.entries) {
    if (base?.entries.get(key)?.digest === entry.digest) continue;
    entries[key] = entry.digest;
    if (left <= 0 || there.has(entry.digest)) continue;
    const text = entry.text();
    if (text.length > left) continue;
    left -= text.length;
    there.add(entry.digest);
    objects.push(text);
  }
  for (const key of base?.entries.keys() ?? []) if (!content.entries.has(key)) entries[key] = null;
  return { signed, ...(base ? { base: base.digest } : {}), entries, objects };
}
