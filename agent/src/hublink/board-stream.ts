import type { Clock } from '@flotilla/shared/clock/clock.js';
import { StatusError } from '@flotilla/shared/errors/status.js';
import { describeError } from '@flotilla/shared/log/logger.js';
import type { DataFrame } from '@flotilla/shared/protocol/frame.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import { ReceiveWindow } from '@flotilla/shared/protocol/receive-window.js';
import type { PodStream, StreamMessage, StreamRequest, TerminalSize } from '@flotilla/shared/protocol/stream-messages.js';
import { StreamReceiver } from '@flotilla/shared/protocol/stream-receiver.js';
import { StreamSender } from '@flotilla/shared/protocol/stream-sender.js';
import type { OpenStream } from './types.ts';

type WithoutHead<Message> = Message extends unknown ? Omit<Message, 'session' | 'id'> : never;
type StreamNote = WithoutHead<StreamMessage>;

export interface BoardStreamOptions {
  readonly id: number;
  readonly request: StreamRequest;
  /** What the hub lets this board send at first. */
  readonly credit: number;
  /** The most that this board lets the hub have under way; on a slow line it is less. */
  readonly windowBytes: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly open: OpenStream;
  readonly note: (note: StreamNote) => Promise<void>;
  readonly send: (frame: DataFrame) => Promise<void>;
}

/** The board's end of one stream to a pod. */
export class BoardStream {
  readonly #options: BoardStreamOptions;
  readonly #controller = new AbortController();
  readonly #sender: StreamSender;
  readonly #input: StreamReceiver;
  #stream: PodStream | undefined;
  #size: TerminalSize | undefined;
  #outputEnded = false;

  constructor(options: BoardStreamOptions) {
    this.#options = options;
    const { id, credit, send, note, request } = options;
    this.#sender = new StreamSender({ id, credit, signal: this.#controller.signal, send });
    const takesInput = hasInput(request);
    this.#input = new StreamReceiver(
      (bytes, total) => void note({ op: 'credit', bytes, total }).catch(() => {}),
      takesInput ? options.windowBytes : 0,
      takesInput ? new ReceiveWindow({ clock: options.clock, mostBytes: options.windowBytes }) : undefined,
    );
  }

  receive(message: StreamMessage): void {
    if (message.op === 'credit') this.#sender.credit(message.bytes, message.total);
    else if (message.op === 'end') this.#input.end(message.length);
    else if (message.op === 'close') this.abort(new Error(message.error ?? 'closed by the hub'));
    else if (message.op === 'resize') {
      this.#size = { width: message.width, height: message.height };
      this.#stream?.resize(this.#size);
    }
  }

  data(frame: DataFrame): void {
    this.#input.data(frame);
    if (this.#input.failure) this.abort(this.#input.failure);
  }

  abort(why: Error): void {
    this.#input.fail(why);
    this.#controller.abort(why);
  }

  /** Resolves when it is over and the hub was told. */
  async run(): Promise<void> {
    const { note } = this.#options;
    let last: StreamNote;
    try {
      last = { op: 'close', ...(await this.#serve()), length: this.#sender.length };
    } catch (failure) {
      // Nothing was opened, or all that there is was said: then the hub can tell a failure from a break.
      const whole = this.#outputEnded || this.#stream === undefined;
      last = { op: 'close', ...errorNote(failure), ...(whole ? { length: this.#sender.length } : {}) };
    }
    this.#controller.abort(new Error('the stream is over'));
    this.#input.fail(new Error('the stream is over'));
    await note(last).catch(() => {});
  }

  async #serve(): Promise<{ exitCode?: number }> {
    const { open, request, note } = this.#options;
    const { signal } = this.#controller;
    const stream = await open(request, signal);
    this.#stream = stream;
    // Looked at below; an end in between is no surprise.
    stream.result.catch(() => {});
    signal.throwIfAborted();
    if (this.#size) stream.resize(this.#size);
    await note({ op: 'opened', credit: hasInput(request) ? this.#input.firstCredit : 0 });
    void this.#feed(stream);
    for await (const { channel, data } of stream.output) await this.#sender.write(channel, data);
    signal.throwIfAborted();
    this.#outputEnded = true;
    // A peer that has said all it has to say may still listen.
    if (isConnection(request)) await note({ op: 'end', length: this.#sender.length });
    const { exitCode } = await stream.result;
    return exitCode === undefined ? {} : { exitCode };
  }

  async #feed(stream: PodStream): Promise<void> {
    try {
      for await (const { data } of this.#input) await stream.write(data);
      stream.end();
    } catch {
      // The stream is over, one way or the other.
    }
  }
}

/** Bytes both ways, each way with an end of its own. */
function isConnection(request: StreamRequest): request is Extract<StreamRequest, { kind: 'forward' | 'api' }> {
  return request.kind === 'forward' || request.kind === 'api';
}

function hasInput(request: StreamRequest): boolean {
  return isConnection(request) || request.kind === 'shell' || request.stdin;
}

function errorNote(failure: unknown): { error: string; code: number } {
  const code = failure instanceof StatusError ? failure.code : 500;
  return { error: describeError(failure).slice(0, linkLimits.proseBytes), code };
}
