import type { WatchEvent } from '#registry/generic/types.ts';
import type { CachedObject } from '#store/cache.ts';

/** The bytes of the latest events: made once, written to every watcher. */
export class FrameCache {
  readonly #frames = new Map<CachedObject, { type: string; frame: Buffer }>();
  readonly #size: number;
  #joined: { readonly frames: readonly Buffer[]; readonly bytes: Buffer } | undefined;

  constructor(size = 64) {
    this.#size = size;
  }

  get(event: WatchEvent): Buffer {
    const known = this.#frames.get(event.object);
    if (known?.type === event.type) return known.frame;
    const frame = Buffer.from(`{"type":"${event.type}","object":${event.object.json()}}\n`);
    if (this.#frames.size >= this.#size) {
      const oldest = this.#frames.keys().next();
      if (!oldest.done) this.#frames.delete(oldest.value);
    }
    this.#frames.set(event.object, { type: event.type, frame });
    return frame;
  }

  /** Frames as one. Watchers of the same have the same to come, and the same bytes wait for all of them. */
  joined(frames: readonly Buffer[], length: number): Buffer {
    const known = this.#joined;
    if (known?.frames.length === frames.length && known.frames.every((frame, at) => frame === frames[at])) return known.bytes;
    const bytes = Buffer.concat(frames, length);
    this.#joined = { frames, bytes };
    return bytes;
  }
}
