import type { Etcd3, IDuplexStream, IEvent, IWatchRequest, IWatchResponse } from 'etcd3';
import type { Revision } from '../contract.ts';

export interface WatchStreamHandler {
  /** The server knows of the watch: nothing later can be missed. */
  created(): void;
  events(events: readonly IEvent[]): void;
  /** The revision lies before the compaction. */
  compacted(revision: Revision): void;
  broken(error: Error): void;
}

export interface WatchStreamRange {
  readonly key: Buffer;
  readonly range_end: Buffer;
  /** The first revision wanted. */
  readonly from: Revision;
}

type Stream = IDuplexStream<IWatchRequest, IWatchResponse>;

/**
 * One watch on a gRPC stream of its own. etcd3's own watcher hides which revision was compacted and repeats itself on
 * terms of its own, so this speaks the protocol directly.
 */
export class WatchStream {
  readonly #handler: WatchStreamHandler;
  #stream: Stream | undefined;
  #over = false;

  constructor(handler: WatchStreamHandler) {
    this.#handler = handler;
  }

  start(client: Etcd3, { key, range_end, from }: WatchStreamRange): void {
    client.watchClient.watch().then(
      (stream) => {
        if (this.#over) return stream.cancel();
        this.#stream = stream;
        stream.on('data', (response) => this.#receive(response));
        stream.on('error', (error) => this.#break(error));
        stream.on('end', () => this.#break(new Error('etcd ended the watch')));
        stream.write({ create_request: { key, range_end, start_revision: from, prev_kv: true } });
      },
      (error: Error) => this.#break(error),
    );
  }

  stop(): void {
    this.#over = true;
    // A cancelled stream reports that as an error; by then nobody is told any more.
    this.#stream?.cancel();
  }

  #receive(response: IWatchResponse): void {
    if (this.#over) return;
    const compacted = Number(response.compact_revision);
    if (response.canceled && compacted > 0) {
      this.stop();
      this.#handler.compacted(compacted);
    } else if (response.canceled) this.#break(new Error('etcd cancelled the watch'));
    else if (response.created) this.#handler.created();
    else if (response.events.length > 0) this.#handler.events(response.events);
  }

  #break(error: Error): void {
    if (this.#over) return;
    this.stop();
    this.#handler.broken(error);
  }
}
