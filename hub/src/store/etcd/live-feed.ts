import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Etcd3, IEvent } from 'etcd3';
import { CompactedError, type Revision, type StoreEvent } from '../contract.ts';
import { FanOut } from '../fan-out.ts';
import { RevisionGate } from '../revision-gate.ts';
import type { KeySpace } from './etcd-client.ts';
import { WatchStream } from './watch-stream.ts';

const firstPauseMs = 100;
const longestPauseMs = 5000;

/**
 * Follows everything that happens in the key space, over lost connections too, and hands it to all watchers of this hub:
 * one watch on etcd however many there are here.
 */
export class LiveFeed {
  readonly fanOut = new FanOut();
  readonly gate: RevisionGate;
  readonly #client: Etcd3;
  readonly #space: KeySpace;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #stream: WatchStream | undefined;
  #timer: Timer | undefined;
  #pauseMs = firstPauseMs;
  #closed = false;

  constructor(client: Etcd3, space: KeySpace, from: Revision, doors: { clock: Clock; logger: Logger }) {
    this.#client = client;
    this.#space = space;
    this.gate = new RevisionGate(from);
    this.#clock = doors.clock;
    this.#logger = doors.logger;
  }

  start(): Promise<void> {
    return new Promise((resolve) => this.#connect(resolve));
  }

  close(reason: Error): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#stream?.stop();
    this.gate.fail(reason);
    this.fanOut.end(reason);
  }

  #connect(created: () => void): void {
    const stream = new WatchStream({
      created: () => {
        this.#pauseMs = firstPauseMs;
        created();
      },
      events: (events) => this.#publish(events),
      compacted: (revision) => {
        // Too long without a connection: what happened meanwhile is gone, so everybody lists anew.
        this.gate.advance(revision);
        this.fanOut.end(new CompactedError(revision));
        this.#connect(created);
      },
      broken: (error) => {
        if (this.#closed) return;
        this.#logger.warn('the watch on etcd broke off and is resumed', { error, after: this.gate.current });
        this.#timer = this.#clock.after('etcd watch', this.#pauseMs, () => this.#connect(created));
        this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
      },
    });
    this.#stream = stream;
    stream.start(this.#client, { ...this.#space.all, from: this.gate.current + 1 });
  }

  #publish(received: readonly IEvent[]): void {
    const revision = Number(received.at(-1)?.kv.mod_revision ?? 0);
    const events = received.flatMap((event) => toStoreEvent(event, this.#space));
    this.gate.advance(revision);
    this.fanOut.publish(events);
  }
}

/** Empty for the store's own keys. */
export function toStoreEvent(event: IEvent, space: KeySpace): StoreEvent[] {
  const key = space.name(event.kv.key);
  if (key === undefined) return [];
  const deleted = event.type === 'Delete' || String(event.type) === 'DELETE';
  const value = deleted ? undefined : space.keyValue(event.kv)?.value;
  return [
    { type: deleted ? 'delete' : 'put', key, value, previous: space.keyValue(event.prev_kv), revision: Number(event.kv.mod_revision) },
  ];
}
