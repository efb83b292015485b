import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { decodeStored } from '#registry/decode/decode-stored.ts';
import type { WatchEvent } from '#registry/generic/types.ts';
import { asStatusError, protobufOf, protobufType } from './answers.ts';
import type { AnswerStream, Exchange } from './exchange.ts';
import type { FlushTurns } from './flush-turns.ts';
import type { FrameCache } from './frame-cache.ts';
import { encodeFrame } from './protobuf/encode-protobuf.ts';
import { readWatchOptions } from './query-options.ts';
import { checkVersion, viewOf } from './read-handlers.ts';
import { eventObjectText, objectText, type View } from './representation.ts';
import type { StoredRequest } from './stored-request.ts';
import { firstProtocol } from './streams/sub-protocols.ts';
import { webSocketAnswer } from './streams/web-socket-answer.ts';

/** What a watcher may leave unread before it is dropped, in bytes. */
const maxBacklogBytes = 1024 * 1024;
/** kube-apiserver ends a watch after 30 to 60 minutes when the client names no time. */
const defaultTimeoutSeconds = 1800;

export interface WatchDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly frames: FrameCache;
  readonly turns: FlushTurns;
}

/** Streams events as JSON, one a line; those of one commit go out in one write. Resolves when the watch is over. */
export async function handleWatch(request: StoredRequest, dependencies: WatchDependencies): Promise<void> {
  const { exchange, info, ctx, resource, target } = request;
  const { random } = dependencies;
  const view = viewOf(request);
  checkVersion(info.query.get('resourceVersion'));
  const asked = readWatchOptions(info.query);
  const timeoutSeconds = asked.timeoutSeconds || Math.floor(defaultTimeoutSeconds * (1 + random.next()));
  const name = target.name ? `metadata.name=${target.name}` : undefined;
  const fieldSelector = [asked.fieldSelector, name].filter(Boolean).join(',') || undefined;

  const connection = new WatchConnection(view, dependencies);
  const watch = await resource.watch(ctx, target.namespace, { ...asked, fieldSelector, timeoutSeconds }, connection);
  try {
    const { stream, signal } = await answerTo(exchange, view);
    await connection.run(stream, signal);
  } finally {
    watch.stop();
  }
}

/** HTTP, or a WebSocket where the client asks for one (apiserver, `WatchServer.HandleWS`): then each event is a message. */
async function answerTo(exchange: Exchange, { representation: { format } }: View): Promise<{ stream: AnswerStream; signal: AbortSignal }> {
  const isProtobuf = format === 'protobuf';
  const { upgrade } = exchange;
  if (upgrade?.protocol !== 'websocket') {
    return { stream: exchange.stream(200, isProtobuf ? `${protobufType};stream=watch` : 'application/json'), signal: exchange.signal };
  }
  const socket = await upgrade.webSocket(firstProtocol(upgrade.subprotocols));
  const stream = webSocketAnswer(socket, isProtobuf ? 'binary' : 'text');
  return { stream, signal: AbortSignal.any([exchange.signal, stream.gone]) };
}

class WatchConnection {
  readonly #view: View;
  readonly #clock: Clock;
  readonly #frames: FrameCache;
  readonly #turns: FlushTurns;
  #stream: AnswerStream | undefined;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #initialBytes = 0;
  #streamed = false;
  #scheduled = false;
  #first = true;
  #over = false;
  #finish: () => void = () => {};

  constructor(view: View, { clock, frames, turns }: WatchDependencies) {
    this.#view = view;
    this.#clock = clock;
    this.#frames = frames;
    this.#turns = turns;
  }

  /** Begins with what was handed over already: the initial list may be larger than the backlog a watcher is allowed. */
  run(stream: AnswerStream, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#finish = resolve;
      this.#stream = stream;
      this.#initialBytes = this.#pendingBytes;
      if (signal.aborted) this.#drop();
      else signal.addEventListener('abort', () => this.#drop(), { once: true });
      if (this.#over && this.#pending.length === 0) this.#end();
      else this.#flush();
    });
  }

  event(event: WatchEvent): void {
    if (!this.#over) this.#push(this.#frame(event));
  }

  ended(error?: Error): void {
    if (this.#over) return;
    if (error) this.#push(this.#errorFrame(asStatusError(error).toStatus()));
    this.close();
  }

  /** Ends the answer in good order, after what is pending. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#schedule();
  }

  #errorFrame(status: object): Buffer {
    if (this.#view.representation.format === 'protobuf') return encodeFrame('ERROR', protobufOf({ ...status }));
    return Buffer.from(`{"type":"ERROR","object":${JSON.stringify(status)}}\n`);
  }

  #frame(event: WatchEvent): Buffer {
    if (this.#view.representation.format === 'protobuf') return this.#typedFrame(event);
    if (this.#view.representation.as === 'Object') return this.#frames.get(event);
    const view = { ...this.#view, nowMs: this.#clock.wallMs() };
    const text = eventObjectText(view, event, this.#first);
    this.#first = false;
    return Buffer.from(`{"type":"${event.type}","object":${text}}\n`);
  }

  #typedFrame({ type, object }: WatchEvent): Buffer {
    const isWhole = this.#view.representation.as === 'Object';
    const tree = isWhole ? object.object : (decodeStored(objectText(this.#view, object)) as KubeObject);
    return encodeFrame(type, protobufOf({ ...tree }));
  }

  #push(frame: Buffer): void {
    this.#pending.push(frame);
    this.#pendingBytes += frame.length;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || !this.#stream) return;
    this.#scheduled = true;
    this.#turns.add(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    const stream = this.#stream;
    if (!stream) return;
    if (this.#pending.length > 0) {
      // A burst is written whole: what counts is what the client left unread before it.
      if (stream.backlog > maxBacklogBytes + this.#initialBytes) {
        this.#drop();
        return;
      }
      if (this.#streamed && stream.backlog <= maxBacklogBytes) this.#initialBytes = 0;
      this.#streamed = true;
      if ('gone' in stream) for (const frame of this.#pending) stream.write(frame);
      else if (this.#pending.length === 1 && this.#pending[0]) stream.write(this.#pending[0]);
      else stream.write(this.#frames.joined(this.#pending, this.#pendingBytes));
      this.#pending = [];
      this.#pendingBytes = 0;
    }
    if (this.#over) this.#end();
  }

  #end(): void {
    this.#stream?.end();
    this.#finish();
  }

  #drop(): void {
    this.#over = true;
    this.#pending = [];
    this.#stream?.destroy();
    this.#finish();
  }
}
