import { StatusError } from '@flotilla/shared/errors/status.js';
import type { DataFrame } from '@flotilla/shared/protocol/frame.js';
import type { StreamMessage, StreamOutput, TerminalSize } from '@flotilla/shared/protocol/stream-messages.js';
import { StreamReceiver } from '@flotilla/shared/protocol/stream-receiver.js';
import { StreamSender } from '@flotilla/shared/protocol/stream-sender.js';
import type { NodeStream } from '#registry/generic/types.ts';

type WithoutHead<Message> = Message extends unknown ? Omit<Message, 'session' | 'id'> : never;
export type StreamNote = WithoutHead<StreamMessage>;

export interface HubStreamOptions {
  readonly id: number;
  readonly windowBytes: number;
  /** Sends without waiting; what cannot be sent is lost, and so is the session. */
  readonly note: (note: StreamNote) => void;
  readonly send: (frame: DataFrame) => Promise<void>;
  /** It needs no more messages; called once. */
  readonly over: () => void;
}

/** The hub's end of one stream. */
export class HubStream implements NodeStream {
  readonly opened: Promise<void>;
  readonly result: Promise<{ readonly exitCode: number | undefined }>;
  readonly #options: HubStreamOptions;
  readonly #opening = Promise.withResolvers<void>();
  readonly #ending = Promise.withResolvers<{ readonly exitCode: number | undefined }>();
  readonly #writes = new AbortController();
  readonly #receiver: StreamReceiver;
  readonly #sender: StreamSender;
  #writing: Promise<void> = Promise.resolve();
  /** The board's last word, which may be here before the last of its data. */
  #outcome: (() => void) | undefined;
  #inputEnded = false;
  #outputRead = false;
  #over = false;

  constructor(options: HubStreamOptions) {
    this.#options = options;
    const { id, send, note, windowBytes } = options;
    this.#receiver = new StreamReceiver((bytes, total) => note({ op: 'credit', bytes, total }), windowBytes);
    this.#sender = new StreamSender({ id, credit: 0, signal: this.#writes.signal, send });
    this.opened = this.#opening.promise;
    this.result = this.#ending.promise;
    // Whoever is interested looks; the others need no warning.
    this.opened.catch(() => {});
    this.result.catch(() => {});
  }

  /** The board has said its last word, or nobody listens any more. */
  get ended(): boolean {
    return this.#over || this.#outcome !== undefined;
  }

  get output(): AsyncIterable<StreamOutput> {
    return this.#output();
  }

  write(data: Buffer): Promise<void> {
    if (this.#inputEnded) return Promise.reject(new Error('the input of this stream was ended'));
    const written = this.#writing.then(() => this.#sender.write(0, data));
    this.#writing = written;
    written.catch(() => {});
    return written;
  }

  end(): void {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    this.#writing.then(
      () => {
        if (!this.ended) this.#options.note({ op: 'end', length: this.#sender.length });
      },
      () => {},
    );
  }

  resize({ width, height }: TerminalSize): void {
    if (this.ended || !isSize(width) || !isSize(height)) return;
    this.#options.note({ op: 'resize', width, height });
  }

  receive(message: StreamMessage): void {
    if (message.op === 'opened') {
      this.#sender.credit(0, message.credit);
      this.#opening.resolve();
    } else if (message.op === 'credit') this.#sender.credit(message.bytes, message.total);
    else if (message.op === 'end') this.#receiver.end(message.length);
    else if (message.op === 'close') this.#closed(message);
    this.#settle();
  }

  /** @returns what is wrong with it, when it ended the stream */
  data(frame: DataFrame): Error | undefined {
    if (this.#receiver.failure) return undefined;
    this.#receiver.data(frame);
    const { failure } = this.#receiver;
    if (failure) this.abandon(failure);
    this.#settle();
    return failure;
  }

  /** The board, or the connection to it, is gone. */
  fail(error: Error): void {
    this.#receiver.fail(error);
    this.#opening.reject(error);
    this.#ending.reject(error);
    this.#finish(error);
  }

  /** The rest of the data will not come, if it has not come by now. */
  tailLost(error: Error): void {
    if (!this.#over) this.fail(error);
  }

  /** Nobody is interested any more: the board is told, unless it was the one to end it. */
  abandon(why: Error): void {
    if (this.#over) return;
    const tell = this.#outcome === undefined;
    this.fail(why);
    if (tell) this.#options.note({ op: 'close' });
  }

  async *#output(): AsyncGenerator<StreamOutput> {
    for await (const { channel, data } of this.#receiver) yield { channel: channel === 2 ? 2 : 1, data };
    this.#outputRead = true;
    this.#settle();
  }

  #closed({ length, error, code, exitCode }: Extract<StreamMessage, { op: 'close' }>): void {
    if (this.#outcome) return;
    const failure = error === undefined ? undefined : new StatusError(code ?? 400, reasonOf(code ?? 400), error);
    this.#writes.abort(failure ?? new Error('the stream is over'));
    if (failure) this.#opening.reject(failure);
    else this.#opening.resolve();
    this.#outcome = () => (failure ? this.#ending.reject(failure) : this.#ending.resolve({ exitCode }));
    // An error without a length: the board gave up in the middle.
    if (failure && length === undefined) this.fail(failure);
    else this.#receiver.end(length ?? 0);
  }

  #settle(): void {
    if (!this.#outcome || !this.#receiver.isOver) return;
    if (this.#outputRead) this.#outcome();
    this.#finish(new Error('the stream is over'));
  }

  #finish(why: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#writes.abort(why);
    this.#options.over();
  }
}

/** A stream that never was. */
export function refusedStream(error: Error): NodeStream {
  const stream = new HubStream({ id: 0, windowBytes: 0, note: () => {}, send: async () => {}, over: () => {} });
  stream.fail(error);
  return stream;
}

function isSize(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 65_535;
}

const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  429: 'TooManyRequests',
  500: 'InternalError',
  501: 'NotImplemented',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

function reasonOf(code: number): string {
  return reasons[code] ?? (code < 500 ? 'BadRequest' : 'InternalError');
}
