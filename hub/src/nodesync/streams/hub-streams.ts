import type { Clock } from '@flotilla/shared/clock/clock.js';
import { StatusError, tooManyRequests, unavailable } from '@flotilla/shared/errors/status.js';
import { type DataFrame, encodeData } from '@flotilla/shared/protocol/frame.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { PodReference } from '@flotilla/shared/protocol/link-messages.js';
import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import type { StreamMessage, StreamRequest } from '@flotilla/shared/protocol/stream-messages.js';
import type { StreamWindows } from '@flotilla/shared/protocol/stream-windows.js';
import type { NodeStream } from '#registry/generic/types.ts';
import { HubStream, refusedStream } from './hub-stream.ts';
import { PacedFrames } from './paced-frames.ts';
import { answeredWithinMs, SilenceWatch } from './silence-watch.ts';

export interface HubStreamsOptions {
  readonly node: string;
  readonly session: number;
  readonly clock: Clock;
  /** Of all boards of this hub. */
  readonly windows: StreamWindows;
  readonly send: (message: StreamMessage) => Promise<void>;
  readonly sendBytes: (payload: Buffer) => Promise<void>;
}

type Opening = { readonly logs: { readonly pod: PodReference; readonly options: LogOptions } } | { readonly request: StreamRequest };

const openedWithinMs = 30_000;
/** Between the board's last word and the last of its data, should that word have overtaken it. */
const tailWithinMs = 30_000;

/** The hub's end of the streams of one session. All end with it. */
export class HubStreams {
  readonly #options: HubStreamsOptions;
  readonly #frames: PacedFrames;
  readonly #open = new Map<number, HubStream>();
  readonly #silence: SilenceWatch;
  /** Opened before the board said hello. */
  #early: (() => void)[] | undefined = [];
  #streams = 0;
  #lastId = 0;
  #ended: StatusError | undefined;

  constructor(options: HubStreamsOptions) {
    this.#options = options;
    const { clock, node, send, sendBytes, session } = options;
    this.#frames = new PacedFrames({ clock, send: sendBytes, mark: (id) => send({ session, op: 'mark', id }) });
    this.#silence = new SilenceWatch({
      clock,
      // A board of old that has logs only does not know what a mark is.
      wanted: () => this.#open.size > 0 && this.#streams > 0,
      ask: () => this.#frames.arrived(),
      silent: () => {
        const why = unavailable(`node ${node} went away: it has not answered for ${answeredWithinMs / 1000} s`);
        for (const stream of [...this.#open.values()]) stream.abandon(why);
      },
    });
  }

  /** The board said hello. @param streams what it says it can, as in Hello */
  greeted(streams: number | undefined): void {
    this.#streams = streams ?? 0;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const open of early) open();
  }

  /** Log text as the board sends it. Ends with the signal, with the board's last word, or with an error when the board goes away. */
  async *logs(pod: PodReference, options: LogOptions, signal: AbortSignal): AsyncGenerator<Buffer> {
    if (signal.aborted) return;
    const stream = this.#start({ logs: { pod, options } }, signal);
    try {
      for await (const { data } of stream.output) yield data;
      await stream.result;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      if (stream instanceof HubStream) stream.abandon(new Error('nobody reads this stream any more'));
    }
  }

  /** As NodeConnector has it, and for calls of pods to the API. */
  open(request: StreamRequest, signal: AbortSignal): NodeStream {
    return this.#start({ request }, signal);
  }

  /** @throws ProtocolError for a stream that this session never had */
  receive(message: StreamMessage): void {
    if (message.op === 'marked') {
      this.#frames.marked(message.id);
      return;
    }
    this.#mustBeOurs(message.id);
    this.#silence.heard();
    this.#open.get(message.id)?.receive(message);
    if (message.op !== 'close') return;
    const stream = this.#open.get(message.id);
    if (!stream) return;
    this.#options.clock.after('nodesync: the tail of a stream', tailWithinMs, () =>
      stream.tailLost(unavailable('a part of the stream was lost on its way')),
    );
  }

  /** @throws ProtocolError for a stream that this session never had, and for a frame that breaks its bounds */
  data(frame: DataFrame): void {
    this.#mustBeOurs(frame.stream);
    this.#silence.heard();
    const failure = this.#open.get(frame.stream)?.data(frame);
    if (failure) throw new ProtocolError('TooLarge', `stream ${frame.stream} was closed: ${failure.message}`);
  }

  /** The board was told something that it will act upon: what both are about to say goes first. */
  rest(): void {
    this.#frames.rest();
  }

  /** All that are open, and whoever asks for one from now on, get this error. */
  end(error: StatusError): void {
    this.#ended = error;
    this.#early = undefined;
    this.#silence.stop();
    this.#frames.end(error);
    for (const stream of [...this.#open.values()]) stream.fail(error);
  }

  #start(opening: Opening, signal: AbortSignal): NodeStream {
    if (this.#ended) return refusedStream(this.#ended);
    if (signal.aborted) return refusedStream(new Error('given up', { cause: signal.reason }));
    const { windows, session } = this.#options;
    const windowBytes = this.#open.size < linkLimits.streams ? windows.take() : undefined;
    if (windowBytes === undefined) return refusedStream(tooManyRequests(this.#tooMany(), 1));
    const id = ++this.#lastId;
    const onAbort = (): void => stream.abandon(new Error('given up', { cause: signal.reason }));
    const stream = new HubStream({
      id,
      windowBytes,
      note: (note) => {
        this.#silence.sent();
        void this.#options.send({ session, id, ...note }).catch(() => {});
      },
      send: (frame) => {
        this.#silence.sent();
        return this.#frames.send(encodeData(frame));
      },
      over: () => {
        this.#open.delete(id);
        windows.give(windowBytes);
        signal.removeEventListener('abort', onAbort);
      },
    });
    this.#open.set(id, stream);
    signal.addEventListener('abort', onAbort, { once: true });
    const say = (): void => this.#say(stream, id, opening, windowBytes);
    if (this.#early) this.#early.push(say);
    else say();
    return stream;
  }

  #say(stream: HubStream, id: number, opening: Opening, credit: number): void {
    if (stream.ended) return;
    const { clock, node, session, send } = this.#options;
    if ('request' in opening) {
      const { kind } = opening.request;
      if (this.#streams < (kind === 'shell' ? 2 : 1)) {
        stream.fail(new StatusError(501, 'NotImplemented', `the agent of node ${node} is too old for ${kind}: it needs an update`));
        return;
      }
      const timer = clock.after('nodesync: a stream is opened', openedWithinMs, () =>
        stream.abandon(new StatusError(504, 'Timeout', `node ${node} did not answer within ${openedWithinMs / 1000} s`)),
      );
      stream.opened.then(
        () => timer.cancel(),
        () => timer.cancel(),
      );
    }
    send({ session, op: 'open', id, credit, ...opening }).catch((error: unknown) => {
      stream.fail(unavailable(`node ${node} went away`, { cause: error }));
    });
  }

  #tooMany(): string {
    return this.#open.size < linkLimits.streams ? 'this hub has too many streams open' : `the node has ${linkLimits.streams} streams open`;
  }

  #mustBeOurs(id: number): void {
    if (id < 1 || id > this.#lastId) throw new ProtocolError('Forbidden', `stream ${id} is none of this board's`);
  }
}
