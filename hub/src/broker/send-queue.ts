import type { DownKind } from '@flotilla/shared/protocol/topics.js';

/** The order in which what waits for one board is sent: answers it waits for, then what it shall run, then streams. */
const lanes = ['control', 'sync', 'streams'] as const;
type Lane = (typeof lanes)[number];

const syncKinds: readonly DownKind[] = ['manifest', 'objects', 'operation', 'update', 'recall'];

function laneOf(kind: DownKind): Lane {
  if (kind === 'stream') return 'streams';
  return syncKinds.includes(kind) ? 'sync' : 'control';
}

interface Waiting {
  readonly kind: DownKind;
  readonly payload: Buffer;
  resolve(): void;
  reject(error: Error): void;
}

export interface SendQueueOptions {
  /** Hands one payload to the connection; resolves when the connection can take the next. */
  readonly write: (kind: DownKind, payload: Buffer) => Promise<void>;
  /** Told of every change of `bytes`. */
  readonly grew: (bytes: number) => void;
}

/**
 * What waits for one board. One payload is on its way into the connection at a time, so whatever is urgent waits for that one and for
 * nothing else; within a lane the order stays. A board that does not read holds up nobody but itself.
 */
export class SendQueue {
  readonly #options: SendQueueOptions;
  readonly #lanes: Readonly<Record<Lane, Waiting[]>> = { control: [], sync: [], streams: [] };
  #bytes = 0;
  #writing = false;
  #ended: Error | undefined;

  constructor(options: SendQueueOptions) {
    this.#options = options;
  }

  /** What waits, the one on its way included. */
  get bytes(): number {
    return this.#bytes;
  }

  send(kind: DownKind, payload: Buffer): Promise<void> {
    if (this.#ended) return Promise.reject(this.#ended);
    this.#count(payload.length);
    return new Promise((resolve, reject) => {
      this.#lanes[laneOf(kind)].push({ kind, payload, resolve, reject });
      if (!this.#writing) void this.#pump();
    });
  }

  /** Nothing is sent any more; whoever waits is told why. */
  end(error: Error): void {
    if (this.#ended) return;
    this.#ended = error;
    for (const lane of lanes) for (const waiting of this.#lanes[lane].splice(0)) waiting.reject(error);
    this.#count(-this.#bytes);
  }

  async #pump(): Promise<void> {
    this.#writing = true;
    for (let next = this.#next(); next; next = this.#next()) {
      try {
        await this.#options.write(next.kind, next.payload);
        next.resolve();
      } catch (error) {
        next.reject(error instanceof Error ? error : new Error(String(error)));
      }
      if (!this.#ended) this.#count(-next.payload.length);
    }
    this.#writing = false;
  }

  #next(): Waiting | undefined {
    for (const lane of lanes) {
      const next = this.#lanes[lane].shift();
      if (next) return next;
    }
    return undefined;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#options.grew(bytes);
  }
}
