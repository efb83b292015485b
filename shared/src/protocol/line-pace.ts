import type { Clock } from '@flotilla/shared/clock/clock.js';
import { StreamRest } from './stream-rest.ts';

export interface LinePaceOptions {
  readonly clock: Pick<Clock, 'monotonicMs' | 'after'>;
  /** Asks the other end to answer behind all that was sent so far; undefined where the line cannot tell. */
  readonly arrived: (() => Promise<void> | undefined) | undefined;
  /** More has arrived: there may be room now. */
  readonly moved: () => void;
}

/** How long a heartbeat may have to wait behind what was sent before it, beside the time that the line itself takes. */
const queueMs = 600;
/** The same until something has queued for the first time: what the line carries is found out sooner. */
const firstQueueMs = 1000;
const firstWindowBytes = 8 * 1024;
const leastWindowBytes = 2560;
const mostWindowBytes = 1024 * 1024;
const leastShare = 0.5;
/** So little is sent without asking whether it arrived: an idle board asks nothing. */
const unaskedBytes = 4 * 1024;
/** Of so many answers that had the line for themselves the quickest tells its round trip: the others met lost packets. */
const aloneAnswers = 6;
const firstFrameBytes = 4 * 1024;
/** With what goes around it this fills a packet: two small ones are lost twice as often. */
const leastFrameBytes = 1280;
const mostFrameBytes = 16 * 1024;

interface Mark {
  readonly sentBytes: number;
  readonly atMs: number;
  readonly arrivedBytes: number;
  /** Nothing else was under way. */
  readonly alone: boolean;
  /** More was waiting than the line took. */
  readonly full: boolean;
}

/**
 * Measures what the line carries, by asking now and then whether what was sent has arrived (MQTT's ping is answered in order), and says
 * how much more may go under way: what the line carries in its own round trip and 0.6 s, less while it stalls; and when streams rest.
 * What the kernel's and the carrier's buffers would swallow counts as under way; the drain of the socket would not show it.
 */
export class LinePace {
  readonly #options: LinePaceOptions;
  readonly #marks: Mark[] = [];
  #sentBytes = 0;
  #arrivedBytes = 0;
  #windowBytes = firstWindowBytes;
  /** Of the line when nothing queues on it. */
  #roundTripMs: number | undefined;
  #bytesPerMs: number | undefined;
  #queueMs = firstQueueMs;
  /** Of what the line could have under way; less while it stalls. */
  #share = 1;
  #alone: readonly number[] = [];
  readonly #rest: StreamRest;

  constructor(options: LinePaceOptions) {
    this.#options = options;
    const { clock, arrived, moved } = options;
    // Whether such a question is answered tells nothing.
    const probe = (): void => void arrived?.()?.catch(() => {});
    this.#rest = new StreamRest({ clock, moved, probe, roundTripMs: () => this.#roundTripMs });
  }

  /** So much data a frame should have: what the line carries in 0.3 s. */
  get frameBytes(): number {
    if (this.#options.arrived === undefined) return mostFrameBytes;
    if (this.#bytesPerMs === undefined) return firstFrameBytes;
    return clamp(Math.floor((this.#bytesPerMs * queueMs) / 2), leastFrameBytes, mostFrameBytes);
  }

  sent(bytes: number): void {
    this.#sentBytes += bytes;
    const asked = this.#marks.at(-1)?.sentBytes ?? this.#arrivedBytes;
    if (this.#sentBytes - asked >= Math.max(unaskedBytes, this.#windowBytes / 4)) this.#ask(false);
  }

  /** Whether more may be sent. When not, `moved` is called as soon as it may be otherwise. */
  room(): boolean {
    if (this.#options.arrived === undefined || this.#sentBytes - this.#arrivedBytes < this.#windowBytes) return true;
    if ((this.#marks.at(-1)?.sentBytes ?? this.#arrivedBytes) < this.#sentBytes) this.#ask(true);
    return false;
  }

  /** The board was told something that it will act upon and speak about: streams rest. */
  rest(): void {
    this.#rest.begin();
    // Whoever waits learns of it.
    this.#options.moved();
  }

  /** Whether streams shall send nothing now. When so, `moved` is called as soon as they may again. */
  get resting(): boolean {
    return this.#rest.goesOn;
  }

  #ask(full: boolean): void {
    const answer = this.#options.arrived?.();
    if (!answer) return;
    const mark: Mark = {
      sentBytes: this.#sentBytes,
      atMs: this.#options.clock.monotonicMs(),
      arrivedBytes: this.#arrivedBytes,
      alone: this.#sentBytes - this.#arrivedBytes <= 2 * leastWindowBytes,
      full: full || this.#marks.length > 0,
    };
    this.#marks.push(mark);
    // When it fails the connection is over, and whoever waits learns of it from there.
    answer.then(() => this.#answered(mark)).catch(() => {});
  }

  #answered(mark: Mark): void {
    const at = this.#marks.indexOf(mark);
    if (at < 0) return;
    this.#marks.splice(0, at + 1);
    this.#arrivedBytes = Math.max(this.#arrivedBytes, mark.sentBytes);
    const tookMs = Math.max(1, this.#options.clock.monotonicMs() - mark.atMs);
    if (mark.alone) this.#alone = [...this.#alone, tookMs].slice(-aloneAnswers);
    this.#roundTripMs = Math.min(tookMs, ...(mark.alone ? this.#alone : [this.#roundTripMs ?? tookMs]));
    this.#measured((this.#arrivedBytes - mark.arrivedBytes) / tookMs, mark.full);
    if (tookMs - this.#roundTripMs > queueMs) this.#queueMs = queueMs;
    // A line that stalls (lost packets) lets more queue than its rate tells.
    if (tookMs - this.#roundTripMs > 2 * queueMs) this.#share = Math.max(leastShare, this.#share * 0.6);
    else this.#share = Math.min(1, this.#share * 1.03);
    const fullBytes = (this.#bytesPerMs ?? 0) * (this.#roundTripMs + this.#queueMs);
    this.#windowBytes = clamp(fullBytes * this.#share, leastWindowBytes, mostWindowBytes);
    this.#options.moved();
  }

  /** What was sent too little to fill the line tells only that it carries at least so much. */
  #measured(bytesPerMs: number, full: boolean): void {
    const known = this.#bytesPerMs;
    if (known === undefined) this.#bytesPerMs = bytesPerMs;
    else if (bytesPerMs > known) this.#bytesPerMs = (known + bytesPerMs) / 2;
    else if (full) this.#bytesPerMs = (3 * known + bytesPerMs) / 4;
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
