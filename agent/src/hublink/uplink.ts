import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { DevicePipe } from '@flotilla/shared/protocol/courier.js';
import { cutFrame } from '@flotilla/shared/protocol/cut-frame.js';
import { LinePace } from '@flotilla/shared/protocol/line-pace.js';
import { type DownKind, type TopicScope, type UpKind, upTopic } from '@flotilla/shared/protocol/topics.js';
import type { LinkMeter } from './types.ts';

/** From the most to the least urgent. Pings are MQTT's own and wait in no queue. */
export type Lane = 'heartbeat' | 'status' | 'sync' | 'streams';

const laneOfKind: Readonly<Record<UpKind, Lane>> = {
  hello: 'heartbeat',
  lease: 'heartbeat',
  report: 'status',
  applied: 'status',
  token: 'status',
  refusal: 'status',
  want: 'sync',
  operation: 'sync',
  recall: 'sync',
  traffic: 'sync',
  log: 'streams',
  stream: 'streams',
  call: 'streams',
};

/** What of the hub's makes this board act and speak of it. */
const begetsWords: readonly DownKind[] = ['manifest', 'objects', 'token'];

/** What waits for the line before one more is turned away. */
const mostWaitingBytes = 8 * 1024 * 1024;

export interface UplinkOptions {
  readonly pipe: DevicePipe;
  readonly clock: Clock;
  readonly scope: TopicScope;
  readonly meter: LinkMeter | undefined;
}

interface Waiting {
  readonly kind: UpKind;
  payload: Buffer;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * All that a board sends over one connection goes through here. Heartbeats and status go out at once; the other lanes wait for their
 * turn, the higher one first, while so much is under way that a heartbeat would have to wait behind it for more than 0.6 s
 * (line-pace.ts of the protocol). A lane is first in, first out. Frames of streams are cut to what the line carries in 0.3 s; streams rest
 * while the board does what the hub just told it, and speaks of it.
 *
 * INVARIANTS: a lane never reorders; a lower lane sends nothing while a higher one waits; when the connection is over, all that waits is
 * rejected. Where nothing is measured (a pipe that cannot tell what arrived) only the drain of the connection holds senders up.
 */
export class Uplink {
  readonly #options: UplinkOptions;
  readonly #pace: LinePace;
  readonly #waiting: Readonly<Record<'sync' | 'streams', Waiting[]>> = { sync: [], streams: [] };
  readonly #handed = new Set<(error: Error) => void>();
  #waitingBytes = 0;
  #pumping = false;
  #over: Error | undefined;

  constructor(options: UplinkOptions) {
    const { pipe, clock } = options;
    this.#options = options;
    this.#pace = new LinePace({ clock, arrived: pipe.arrived ? () => pipe.arrived?.() : undefined, moved: () => void this.#pump() });
  }

  /** Resolves when it was handed to the connection. Rejects when that is over, or too much waits already. */
  send(kind: UpKind, payload: Buffer, lane: Lane = laneOfKind[kind]): Promise<void> {
    if (this.#over) return Promise.reject(this.#over);
    if (lane === 'heartbeat' || lane === 'status') return this.#hand(kind, payload);
    if (this.#waitingBytes + payload.length > mostWaitingBytes)
      return Promise.reject(new Error(`${this.#waitingBytes} bytes are waiting for the line already`));
    return new Promise((resolve, reject) => {
      this.#waiting[lane].push({ kind, payload, resolve, reject });
      this.#waitingBytes += payload.length;
      void this.#pump();
    });
  }

  /** The hub said something. */
  heard(kind: DownKind): void {
    if (begetsWords.includes(kind)) this.#pace.rest();
  }

  close(error: Error): void {
    if (this.#over) return;
    this.#over = error;
    for (const queue of Object.values(this.#waiting)) for (const { reject } of queue.splice(0)) reject(error);
    this.#waitingBytes = 0;
    for (const reject of this.#handed) reject(error);
    this.#handed.clear();
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    for (let next = this.#next(); next && !this.#over; next = this.#next()) {
      if ((next.queue === this.#waiting.streams && this.#pace.resting) || !this.#pace.room()) break;
      await this.#sendPart(next.queue, next.item);
    }
    this.#pumping = false;
  }

  #next(): { readonly queue: Waiting[]; readonly item: Waiting } | undefined {
    const queue = [this.#waiting.sync, this.#waiting.streams].find(({ length }) => length > 0);
    return queue?.[0] && { queue, item: queue[0] };
  }

  async #sendPart(queue: Waiting[], item: Waiting): Promise<void> {
    const { first, rest } = cutFrame(item.payload, this.#pace.frameBytes);
    this.#waitingBytes -= item.payload.length - (rest?.length ?? 0);
    if (rest) item.payload = rest;
    else queue.shift();
    try {
      await this.#hand(item.kind, first);
      if (!rest) item.resolve();
    } catch (error) {
      if (rest && queue[0] === item) {
        queue.shift();
        this.#waitingBytes -= rest.length;
      }
      item.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #hand(kind: UpKind, payload: Buffer): Promise<void> {
    const topic = upTopic(this.#options.scope, kind);
    const sent = this.#options.pipe.send(topic, payload);
    this.#options.meter?.message('up', kind, topic.length + payload.length);
    this.#pace.sent(topic.length + payload.length);
    // A connection that broke may never say what became of it.
    return new Promise((resolve, reject) => {
      this.#handed.add(reject);
      sent.then(resolve, reject).finally(() => this.#handed.delete(reject));
    });
  }
}
