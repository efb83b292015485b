import { badRequest, type StatusError, tooManyRequests, unavailable } from '@flotilla/shared/errors/status.js';
import type { DataFrame } from '@flotilla/shared/protocol/frame.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { PodReference, StreamMessage } from '@flotilla/shared/protocol/link-messages.js';
import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';
import { StreamReceiver } from '@flotilla/shared/protocol/stream-receiver.js';

/** The hub's end of the streams of one session. */
export class HubStreams {
  readonly #session: number;
  readonly #send: (message: StreamMessage) => Promise<void>;
  readonly #open = new Map<number, StreamReceiver>();
  #lastId = 0;

  constructor(options: { session: number; send: (message: StreamMessage) => Promise<void> }) {
    this.#session = options.session;
    this.#send = options.send;
  }

  /** Log text as the board sends it. Ends with the signal, with the board's last word, or with an error when the board goes away. */
  async *logs(pod: PodReference, options: LogOptions, signal: AbortSignal): AsyncGenerator<Buffer> {
    if (signal.aborted) return;
    if (this.#ended) throw this.#ended;
    if (this.#open.size >= linkLimits.streams) throw tooManyRequests(`the node has ${linkLimits.streams} streams open`, 1);
    const id = ++this.#lastId;
    const session = this.#session;
    const receiver = new StreamReceiver((bytes) => this.#quietly({ session, op: 'credit', id, bytes }));
    this.#open.set(id, receiver);
    const onAbort = (): void => receiver.fail(abandoned);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#send({ session, op: 'open', id, credit: linkLimits.streamWindowBytes, logs: { pod, options } }).catch(
        (error: unknown) => {
          throw unavailable('the node went away', { cause: error });
        },
      );
      yield* receiver;
    } catch (error) {
      if (error !== abandoned) throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      // The board ended it itself when it is no longer in the table.
      if (this.#open.delete(id)) this.#quietly({ session, op: 'close', id });
    }
  }

  receive(message: StreamMessage): void {
    if (message.op !== 'close') return;
    const receiver = this.#open.get(message.id);
    this.#open.delete(message.id);
    if (message.error !== undefined) receiver?.fail(badRequest(message.error));
    else receiver?.end(message.length ?? 0);
    // What is still on its way behind a close that overtook it belongs to the stream.
    if (receiver && message.error === undefined) this.#late.set(message.id, receiver);
    for (const [oldest] of this.#late) {
      if (this.#late.size <= linkLimits.streams) break;
      this.#late.delete(oldest);
    }
  }

  data(frame: DataFrame): void {
    (this.#open.get(frame.stream) ?? this.#late.get(frame.stream))?.data(frame);
  }

  /** All that are open, and whoever asks for one from now on, get this error. */
  end(error: StatusError): void {
    this.#ended = error;
    for (const receiver of [...this.#open.values(), ...this.#late.values()]) receiver.fail(error);
    this.#open.clear();
    this.#late.clear();
  }

  readonly #late = new Map<number, StreamReceiver>();
  #ended: StatusError | undefined;

  #quietly(message: StreamMessage): void {
    this.#send(message).catch(() => {});
  }
}

const abandoned = new Error('nobody reads this stream any more');
