import { linkLimits } from './limits.ts';

/**
 * Shares out what may be held for readers that do not read: the first streams get a full window, the others a small one when the
 * ample room is gone. So many streams at once cost bounded memory, and few are fast.
 */
export class StreamWindows {
  readonly #most: number;
  readonly #ampleBytes: number;
  #open = 0;
  #bytes = 0;

  /** @param limits `streams` at one time; `ampleBytes` to give out in full windows */
  constructor(limits: { readonly streams: number; readonly ampleBytes: number }) {
    this.#most = limits.streams;
    this.#ampleBytes = limits.ampleBytes;
  }

  /** The window of one more stream in bytes; undefined when there are too many. */
  take(): number | undefined {
    if (this.#open >= this.#most) return undefined;
    const full = this.#bytes + linkLimits.streamWindowBytes <= this.#ampleBytes;
    const bytes = full ? linkLimits.streamWindowBytes : linkLimits.streamSmallWindowBytes;
    this.#open++;
    this.#bytes += bytes;
    return bytes;
  }

  /** The stream with a window of so many bytes is over. */
  give(bytes: number): void {
    this.#open--;
    this.#bytes -= bytes;
  }
}
