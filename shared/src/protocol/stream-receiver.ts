import type { DataFrame } from './frame.ts';
import { linkLimits } from './limits.ts';
import type { ReceiveWindow } from './receive-window.ts';

type Received = Pick<DataFrame, 'channel' | 'data'>;

/** Frames that wait for one before them, and pieces that wait for the consumer: tiny ones cost more than their bytes. */
const earlyFrames = 256;
const piecesBeforeMerging = 512;
const mostPieces = 16_384;

/**
 * The receiving end of a stream. Puts frames in order by their offset, drops what comes twice, gives new credit as the consumer
 * takes data away, and never holds more than the window. One consumer iterates over it, once.
 */
export class StreamReceiver implements AsyncIterable<Received> {
  readonly #grant: (bytes: number, total: number) => void;
  readonly #windowBytes: number;
  readonly #window: ReceiveWindow | undefined;
  readonly #early = new Map<number, DataFrame>();
  #ready: Received[] = [];
  #mergeAbove = piecesBeforeMerging;
  /** The next byte that is missing. */
  #received = 0;
  #consumed = 0;
  #granted: number;
  #length: number | undefined;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  /**
   * @param grant tells the sender that it may send so many bytes more, and how many it was ever allowed
   * @param windowBytes the first credit, which opening gave, and the most that is held
   * @param window adapts to the line; then it says what the first credit is
   */
  constructor(
    grant: (bytes: number, total: number) => void,
    windowBytes: number = linkLimits.streamWindowBytes,
    window: ReceiveWindow | undefined = undefined,
  ) {
    this.#grant = grant;
    this.#windowBytes = windowBytes;
    this.#window = window;
    this.#granted = window?.bytes ?? windowBytes;
    window?.granted(this.#granted, 0);
  }

  /** What opening gives. */
  get firstCredit(): number {
    return this.#window?.bytes ?? this.#windowBytes;
  }

  /** All that was sent has arrived, or it never will. */
  get isOver(): boolean {
    return this.#failure !== undefined || (this.#length !== undefined && this.#received >= this.#length);
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  data(frame: DataFrame): void {
    const { offset, data } = frame;
    if (this.isOver || offset < this.#received || data.length === 0) return;
    if (data.length > linkLimits.streamFrameBytes) {
      this.fail(new Error(`the sender sent a frame of ${data.length} bytes; the limit is ${linkLimits.streamFrameBytes}`));
      return;
    }
    if (offset + data.length > this.#granted) {
      this.fail(new Error('the sender exceeded its credit'));
      return;
    }
    this.#early.set(offset, frame);
    if (this.#early.size > earlyFrames) {
      this.fail(new Error('a part of the stream is missing'));
      return;
    }
    for (let next = this.#early.get(this.#received); next; next = this.#early.get(this.#received)) {
      this.#early.delete(this.#received);
      this.#ready.push({ channel: next.channel, data: next.data });
      this.#received += next.data.length;
    }
    this.#window?.arrived(this.#received);
    if (this.#ready.length > this.#mergeAbove) this.#merge();
    this.#wake?.();
  }

  /** No more than `length` bytes will come. */
  end(length: number): void {
    this.#length ??= length;
    this.#wake?.();
  }

  /** What has arrived in order is still given out; then the consumer gets the error. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#early.clear();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Received> {
    for (;;) {
      const next = this.#ready.shift();
      if (next) {
        yield next;
        this.#take(next.data.length);
        continue;
      }
      if (this.#failure) throw this.#failure;
      if (this.#length !== undefined && this.#received >= this.#length) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  /** Neighbours of one channel become one piece. */
  #merge(): void {
    const merged: { channel: number; parts: Buffer[]; bytes: number }[] = [];
    for (const { channel, data } of this.#ready) {
      const last = merged.at(-1);
      if (last && last.channel === channel && last.bytes + data.length <= linkLimits.streamFrameBytes) {
        last.parts.push(data);
        last.bytes += data.length;
      } else merged.push({ channel, parts: [data], bytes: data.length });
    }
    this.#ready = merged.map(({ channel, parts }) => ({ channel, data: Buffer.concat(parts) }));
    this.#mergeAbove = this.#ready.length + piecesBeforeMerging;
    if (this.#ready.length > mostPieces) this.fail(new Error('the sender cuts its data into too small pieces'));
  }

  #take(bytes: number): void {
    this.#consumed += bytes;
    const windowBytes = this.#window?.bytes ?? this.#windowBytes;
    const due = this.#consumed + windowBytes - this.#granted;
    if (due < windowBytes / 2 || this.isOver) return;
    this.#granted += due;
    this.#window?.granted(this.#granted, this.#received);
    this.#grant(due, this.#granted);
  }
}
