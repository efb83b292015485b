import type { Clock } from '@flotilla/shared/clock/clock.js';
import { describeError } from '@flotilla/shared/log/logger.js';
import { type DataFrame, encodeData } from '@flotilla/shared/protocol/frame.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { StreamMessage } from '@flotilla/shared/protocol/stream-messages.js';
import { StreamSender } from '@flotilla/shared/protocol/stream-sender.js';
import { StreamWindows } from '@flotilla/shared/protocol/stream-windows.js';
import { BoardStream } from './board-stream.ts';
import type { LinkHandlers } from './types.ts';

type Open = Extract<StreamMessage, { op: 'open' }>;

export interface BoardStreamsOptions {
  readonly handlers: Pick<LinkHandlers, 'logs' | 'openStream'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly sendJson: (message: StreamMessage) => Promise<void>;
  readonly sendBytes: (payload: Buffer) => Promise<void>;
}

/** One stream as the table below knows it. */
interface Entry {
  receive(message: StreamMessage): void;
  data(frame: DataFrame): void;
  abort(why: Error): void;
}

const remembered = 4 * linkLimits.streams;

/** The board's end of the streams of one session. All end with it. */
export class BoardStreams {
  readonly #options: BoardStreamsOptions;
  readonly #open = new Map<number, Entry>();
  /** Ids that were closed: what is late or comes twice does not open them again. */
  readonly #closed: number[] = [];
  /** One for each stream to a pod: never more than there may be streams. */
  readonly #windows = new StreamWindows({ streams: linkLimits.streams, ampleBytes: linkLimits.boardInputBytes });

  constructor(options: BoardStreamsOptions) {
    this.#options = options;
  }

  /** How many are open. */
  get open(): number {
    return this.#open.size;
  }

  receive(message: StreamMessage): void {
    if (message.op === 'mark') {
      void this.#options.sendJson({ session: message.session, id: message.id, op: 'marked' }).catch(() => {});
      return;
    }
    const stream = this.#open.get(message.id);
    if (message.op === 'open') this.#start(message);
    else if (stream) stream.receive(message);
    else if (message.op === 'close') this.#remember(message.id);
  }

  data(frame: DataFrame): void {
    this.#open.get(frame.stream)?.data(frame);
  }

  end(reason: string): void {
    for (const stream of [...this.#open.values()]) stream.abort(new Error(reason));
  }

  #start(message: Open): void {
    const { id } = message;
    if (this.#open.has(id) || this.#closed.includes(id)) return;
    if (this.#open.size >= linkLimits.streams) this.#refuse(message, 429, `this board has ${linkLimits.streams} streams open`);
    else if ('logs' in message) this.#logs(message);
    else this.#podStream(message);
  }

  #refuse({ id, session }: Open, code: number, error: string): void {
    this.#remember(id);
    void this.#options.sendJson({ session, op: 'close', id, length: 0, error, code }).catch(() => {});
  }

  #podStream(message: Extract<Open, { request: unknown }>): void {
    const { id, session, credit, request } = message;
    const { handlers, sendJson, sendBytes } = this.#options;
    const windowBytes = handlers.openStream && this.#windows.take();
    if (!handlers.openStream || windowBytes === undefined) {
      this.#refuse(message, 501, `this board does not do ${request.kind}`);
      return;
    }
    const stream = new BoardStream({
      ...{ id, request, credit, windowBytes },
      clock: this.#options.clock,
      open: handlers.openStream,
      note: (note) => sendJson({ session, id, ...note }),
      send: (frame) => sendBytes(encodeData(frame)),
    });
    this.#open.set(id, stream);
    void stream.run().finally(() => {
      this.#windows.give(windowBytes);
      this.#forget(id);
    });
  }

  #logs(message: Extract<Open, { logs: unknown }>): void {
    const { id, credit } = message;
    const controller = new AbortController();
    const send = (frame: DataFrame): Promise<void> => this.#options.sendBytes(encodeData(frame));
    const sender = new StreamSender({ id, credit, signal: controller.signal, send });
    this.#open.set(id, {
      receive: (said) => {
        if (said.op === 'credit') sender.credit(said.bytes, said.total);
        else if (said.op === 'close') controller.abort(new Error(said.error ?? 'closed by the hub'));
      },
      // Nothing flows from the hub to the board on a log stream.
      data: () => {},
      abort: (why) => controller.abort(why),
    });
    void this.#pumpLogs(message, sender, controller.signal);
  }

  async #pumpLogs({ id, session, logs }: Extract<Open, { logs: unknown }>, sender: StreamSender, signal: AbortSignal): Promise<void> {
    let error: string | undefined;
    try {
      for await (const chunk of this.#options.handlers.logs(logs.pod, logs.options, signal)) await sender.write(1, chunk);
    } catch (failure) {
      error = describeError(failure).slice(0, linkLimits.proseBytes);
    }
    this.#forget(id);
    await this.#options
      .sendJson({ session, op: 'close', id, length: sender.length, ...(error === undefined ? {} : { error }) })
      .catch(() => {});
  }

  #forget(id: number): void {
    this.#open.delete(id);
    this.#remember(id);
  }

  #remember(id: number): void {
    this.#closed.push(id);
    if (this.#closed.length > remembered) this.#closed.shift();
  }
}
