import { describeError } from '@flotilla/shared/log/logger.js';
import { type DataFrame, encodeData } from '@flotilla/shared/protocol/frame.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { StreamMessage } from '@flotilla/shared/protocol/link-messages.js';
import { StreamSender } from '@flotilla/shared/protocol/stream-sender.js';
import type { LinkHandlers } from './types.ts';

type Open = Extract<StreamMessage, { op: 'open' }>;

export interface BoardStreamsOptions {
  readonly handlers: Pick<LinkHandlers, 'logs'>;
  readonly sendJson: (message: StreamMessage) => Promise<void>;
  readonly sendBytes: (payload: Buffer) => Promise<void>;
}

/** The board's end of the streams of one session. All end with it. */
export class BoardStreams {
  readonly #options: BoardStreamsOptions;
  readonly #open = new Map<number, { readonly sender: StreamSender; readonly controller: AbortController }>();
  /** Ids that were closed: what is late or comes twice does not open them again. */
  readonly #closed: number[] = [];

  constructor(options: BoardStreamsOptions) {
    this.#options = options;
  }

  receive(message: StreamMessage): void {
    const stream = this.#open.get(message.id);
    if (message.op === 'open') this.#start(message);
    else if (message.op === 'credit') stream?.sender.credit(message.bytes);
    else if (stream) stream.controller.abort(new Error(message.error ?? 'closed by the hub'));
    else this.#remember(message.id);
  }

  /** Nothing flows from the hub to the board on a log stream. */
  data(_frame: DataFrame): void {}

  end(reason: string): void {
    for (const { controller } of this.#open.values()) controller.abort(new Error(reason));
  }

  #start(message: Open): void {
    const { id, session } = message;
    if (this.#open.has(id) || this.#closed.includes(id)) return;
    if (this.#open.size >= linkLimits.streams) {
      this.#remember(id);
      void this.#options.sendJson({ session, op: 'close', id, error: `this board has ${linkLimits.streams} streams open` }).catch(() => {});
      return;
    }
    const controller = new AbortController();
    const send = (frame: DataFrame): Promise<void> => this.#options.sendBytes(encodeData(frame));
    const sender = new StreamSender({
      id,
      credit: Math.min(message.credit, linkLimits.streamWindowBytes),
      signal: controller.signal,
      send,
    });
    this.#open.set(id, { sender, controller });
    void this.#pump(message, sender, controller.signal);
  }

  async #pump({ id, session, logs }: Open, sender: StreamSender, signal: AbortSignal): Promise<void> {
    let error: string | undefined;
    try {
      for await (const chunk of this.#options.handlers.logs(logs.pod, logs.options, signal)) await sender.write(1, chunk);
    } catch (failure) {
      error = describeError(failure);
    }
    this.#open.delete(id);
    this.#remember(id);
    await this.#options
      .sendJson({ session, op: 'close', id, length: sender.length, ...(error === undefined ? {} : { error }) })
      .catch(() => {});
  }

  #remember(id: number): void {
    this.#closed.push(id);
    if (this.#closed.length > 256) this.#closed.shift();
  }
}
