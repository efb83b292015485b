import type { ObjectPart, ObjectWant } from '@flotilla/shared/protocol/manifest-messages.js';
import type { ManifestContent, ManifestEntry } from './manifest-content.ts';

/** Cuts the objects of one content, and of no other, into answers of a size that the board chose. */
export class ObjectPages {
  readonly #content: ManifestContent;
  #byDigest: ReadonlyMap<string, ManifestEntry> | undefined;
  /** The object that the last page ended in. */
  #begun: { readonly digest: string; readonly bytes: Buffer } | undefined;

  constructor(content: ManifestContent) {
    this.#content = content;
  }

  /** As many of the objects as fit, in the order asked for; at least one byte of the first. */
  page(wants: readonly ObjectWant[], bytes: number): ObjectPart[] {
    this.#byDigest ??= new Map([...this.#content.entries.values()].map((entry) => [entry.digest, entry]));
    const parts: ObjectPart[] = [];
    let left = bytes;
    for (const { digest, offset } of wants) {
      if (left <= 0) break;
      const whole = this.#bytesOf(digest);
      if (!whole || offset >= whole.length) continue;
      const end = characterEnd(whole, Math.min(whole.length, offset + left));
      // Less than one character's room.
      if (end <= offset) break;
      parts.push({ digest, offset, size: whole.length, text: whole.toString('utf8', offset, end) });
      left -= end - offset;
      if (end < whole.length) this.#begun = { digest, bytes: whole };
    }
    return parts;
  }

  #bytesOf(digest: string): Buffer | undefined {
    if (this.#begun?.digest === digest) return this.#begun.bytes;
    const entry = this.#byDigest?.get(digest);
    return entry && Buffer.from(entry.text(), 'utf8');
  }
}

/** The last place up to `end` where no character of the UTF-8 is cut. */
function characterEnd(bytes: Buffer, end: number): number {
  let place = end;
  while (place > 0 && place < bytes.length && ((bytes[place] ?? 0) & 0xc0) === 0x80) place--;
  return place;
}
