import { linkLimits } from './limits.ts';
import type { PodReference } from './link-messages.ts';
import type { LogOptions } from './log-options.ts';
import { ProtocolError } from './protocol-error.ts';
import { Shape } from './shape.ts';

/** What a board that says `streams: 1` in its hello can open beside logs. */
export type PodStreamRequest =
  | ({ readonly kind: 'exec'; readonly command: readonly string[] } & ContainerStreamRequest)
  | ({ readonly kind: 'attach' } & ContainerStreamRequest)
  /** One TCP connection to a port of the pod itself. */
  | { readonly kind: 'forward'; readonly pod: PodReference; readonly port: number };

/** A shell of the board itself, where it allows one: for boards that say `streams: 2`. */
export interface ShellRequest {
  readonly kind: 'shell';
  /** Whom the hub let in, for the board's own log. */
  readonly by: string;
  /** Without one output and error output are apart, and the input has an end. */
  readonly tty: boolean;
  /** What kind of terminal the operator has: `xterm-256color`. */
  readonly term?: string;
}

/** Whatever a hub may open. */
export type StreamRequest =
  | PodStreamRequest
  | ShellRequest
  /** To the program in a pod that waits for this call (call-messages.ts); its input is what the API says. */
  | { readonly kind: 'api'; readonly call: number };

interface ContainerStreamRequest {
  readonly pod: PodReference;
  readonly container: string;
  /** Which of the three are wanted. */
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** With a terminal there is one output: standard error comes with it. */
  readonly tty: boolean;
}

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** The board's end of an open stream, whatever is behind it. */
export interface PodStream {
  /** Resolves when there is room for more. What nobody reads any more is dropped. */
  write(data: Buffer): Promise<void>;
  /** No more input. */
  end(): void;
  resize(size: TerminalSize): void;
  /** In order, once; ends when all of it was given out. One consumer. */
  readonly output: AsyncIterable<StreamOutput>;
  /** Settles at the end: the exit code of an exec, undefined for the others. @throws StatusError or Error with words for the client */
  readonly result: Promise<{ readonly exitCode: number | undefined }>;
}

export interface StreamOutput {
  /** 1 output, 2 error output. */
  readonly channel: 1 | 2;
  readonly data: Buffer;
}

/** Streams are opened by the hub; data travels both ways in frames of their own (frame.ts). */
export type StreamMessage = { readonly session: number; readonly id: number } & (
  | {
      readonly op: 'open';
      /** What the board may send at first. */
      readonly credit: number;
      readonly logs: { readonly pod: PodReference; readonly options: LogOptions };
    }
  | { readonly op: 'open'; readonly credit: number; readonly request: StreamRequest }
  /** The board accepted a `request`; `credit` is what the hub may send at first. */
  | { readonly op: 'opened'; readonly credit: number }
  /**
   * The receiver of data allows its sender this many bytes more. `total` is all that it allowed since the beginning, so that a copy
   * of this message changes nothing; older senders leave it out.
   */
  | { readonly op: 'credit'; readonly bytes: number; readonly total?: number }
  /** Its sender sends no more data than `length` in all; the other direction goes on. */
  | { readonly op: 'end'; readonly length: number }
  | ({ readonly op: 'resize' } & TerminalSize)
  /** The board shall answer at once: so the hub learns what the line carries. `id` is the mark's own number, no stream's. */
  | { readonly op: 'mark' | 'marked' }
  /** The stream is over. */
  | ({ readonly op: 'close' } & StreamEnd)
);

/** `length` is how much data the sender sent in all; `error` why it ended early, `code` the same as an HTTP status. */
export interface StreamEnd {
  readonly length?: number;
  readonly error?: string;
  readonly code?: number;
  /** Of an exec. */
  readonly exitCode?: number;
}

const commandWords = 1024;
const commandBytes = 128 * 1024;
const termBytes = 64;

/** @throws ProtocolError Malformed */
export function parseStream(value: unknown): StreamMessage {
  const shape = new Shape('stream', value);
  const head = { session: shape.integer('session'), id: shape.integer('id') };
  const op = shape.text('op');
  switch (op) {
    case 'open':
      return { ...head, op, credit: shape.integer('credit'), ...opening(shape) };
    case 'opened':
      return { ...head, op, credit: shape.integer('credit') };
    case 'credit': {
      const total = shape.optionalInteger('total');
      return { ...head, op, bytes: shape.integer('bytes', 1), ...(total === undefined ? {} : { total }) };
    }
    case 'end':
      return { ...head, op, length: shape.integer('length') };
    case 'resize':
      return { ...head, op, width: upTo(shape, 'width', 65_535), height: upTo(shape, 'height', 65_535) };
    case 'mark':
    case 'marked':
      return { ...head, op };
    case 'close':
      return { ...head, op, ...ending(shape) };
    default:
      throw new ProtocolError('Malformed', `stream.op is ${JSON.stringify(op)}`);
  }
}

function opening(shape: Shape): { logs: { pod: PodReference; options: LogOptions } } | { request: StreamRequest } {
  if (shape.has('request')) return { request: requested(shape.nested('request')) };
  const logs = shape.nested('logs');
  return { logs: { pod: pod(logs.nested('pod')), options: logOptions(logs.nested('options')) } };
}

function requested(shape: Shape): StreamRequest {
  const kind = shape.text('kind');
  if (kind === 'api') return { kind, call: shape.integer('call', 1) };
  if (kind === 'shell') return shell(shape);
  if (kind === 'forward') return { kind, pod: pod(shape.nested('pod')), port: upTo(shape, 'port', 65_535, 1) };
  if (kind !== 'exec' && kind !== 'attach')
    throw new ProtocolError('Unsupported', `this agent opens no streams of kind ${JSON.stringify(kind)}`);
  const request: ContainerStreamRequest = {
    pod: pod(shape.nested('pod')),
    container: shape.text('container'),
    stdin: shape.boolean('stdin'),
    stdout: shape.boolean('stdout'),
    stderr: shape.boolean('stderr'),
    tty: shape.boolean('tty'),
  };
  return kind === 'attach' ? { kind, ...request } : { kind, command: command(shape), ...request };
}

function shell(shape: Shape): ShellRequest {
  const term = shape.optionalText('term', termBytes);
  if (term !== undefined && !/^[A-Za-z0-9][-+.A-Za-z0-9_]*$/.test(term)) throw shape.fault('stream.request.term is no kind of terminal');
  return { kind: 'shell', by: shape.text('by'), tty: shape.boolean('tty'), ...(term === undefined ? {} : { term }) };
}

function command(shape: Shape): string[] {
  const words = shape.list('command', commandWords);
  let bytes = 0;
  const checked = words.map((word) => {
    if (typeof word !== 'string' || word.includes('\0')) throw shape.fault('stream.request.command is not a list of words');
    bytes += Buffer.byteLength(word);
    return word;
  });
  if (checked.length === 0 || bytes > commandBytes)
    throw shape.fault(`stream.request.command has no word, or more than ${commandBytes} bytes`);
  return checked;
}

function ending(shape: Shape): StreamEnd {
  const length = shape.optionalInteger('length');
  const error = shape.optionalText('error', linkLimits.proseBytes);
  const code = shape.has('code') ? upTo(shape, 'code', 599, 400) : undefined;
  const exitCode = shape.has('exitCode') ? upTo(shape, 'exitCode', 255) : undefined;
  return {
    ...(length === undefined ? {} : { length }),
    ...(error === undefined ? {} : { error }),
    ...(code === undefined ? {} : { code }),
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}

function upTo(shape: Shape, name: string, most: number, least = 0): number {
  const value = shape.integer(name, least);
  if (value > most) throw shape.fault(`stream.${name} is more than ${most}`);
  return value;
}

function pod(shape: Shape): PodReference {
  return { namespace: shape.text('namespace'), name: shape.text('name'), uid: shape.text('uid') };
}

function logOptions(shape: Shape): LogOptions {
  const options: Record<string, unknown> = { container: shape.text('container') };
  for (const name of ['follow', 'previous', 'timestamps']) if (shape.has(name)) options[name] = shape.boolean(name);
  for (const name of ['sinceSeconds', 'tailLines', 'limitBytes']) if (shape.has(name)) options[name] = shape.integer(name);
  if (shape.has('sinceTime')) options['sinceTime'] = shape.text('sinceTime');
  return { container: shape.text('container'), ...options };
}
