import type { WatchEvent } from '#registry/generic/types.ts';
import type { CachedObject } from '#store/cache.ts';

/** The bytes of the latest events: made once, written to every watcher. */
export class FrameCache {
  readonly #frames = new Map<CachedObject, { type: string; frame: Buffer }>();
  readonly #size: number;

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
}
