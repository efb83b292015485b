import { Agent, type IncomingMessage, request } from 'node:http';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { RuntimeError } from '../types.ts';

export interface LibpodCall {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** 30 s when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Statuses that are an answer, not a failure, beyond 2xx. */
  readonly accept?: readonly number[];
  /** Called with the header of the answer. */
  readonly onHeader?: (header: IncomingMessage['headers']) => void;
}

export interface LibpodAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** What podman's API answered with a status of 400 or more. */
export class LibpodError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'LibpodError';
    this.status = status;
  }
}

const maxAnswerBytes = 32 << 20;
const basePath = '/v4.0.0/libpod';

/** Calls podman's libpod REST API over its unix socket, on connections that stay. Every call ends in bounded time. */
export class LibpodClient {
  readonly #socketPath: string;
  readonly #clock: Clock;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16, maxFreeSockets: 4 });

  constructor(options: { readonly socketPath: string; readonly clock: Clock }) {
    this.#socketPath = options.socketPath;
    this.#clock = options.clock;
  }

  /** @throws LibpodError, or RuntimeError with reason Unavailable or Aborted */
  async call(method: 'GET' | 'POST' | 'DELETE', path: string, options: LibpodCall = {}): Promise<LibpodAnswer> {
    const parts: Buffer[] = [];
    let length = 0;
    const status = await this.stream(method, path, options, (chunk) => {
      length += chunk.length;
      if (length > maxAnswerBytes) throw new RuntimeError('Unavailable', `podman's answer to ${method} ${path} is too long`);
      parts.push(chunk);
    });
    const body = parse(Buffer.concat(parts));
    if (status < 400 || options.accept?.includes(status)) return { status, body };
    throw new LibpodError(status, errorText(body) ?? `podman answered ${status} to ${method} ${path}`);
  }

  /** As `call`, handing over the body as it comes; resolves with the status at its end. */
  stream(method: string, path: string, options: LibpodCall, onData: (chunk: Buffer) => void): Promise<number> {
    const { signal, timeoutMs = 30_000 } = options;
    const query = options.query ? `?${new URLSearchParams(options.query)}` : '';
    const payload = options.body === undefined ? undefined : JSON.stringify(options.body);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted(signal));
      const call = request({
        agent: this.#agent,
        socketPath: this.#socketPath,
        method,
        path: `${basePath}${path}${query}`,
        headers: {
          Host: 'podman',
          ...(payload === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) }),
          ...options.headers,
        },
      });
      const fail = (error: Error): void => {
        settle();
        call.destroy();
        reject(error instanceof RuntimeError ? error : unavailable(error));
      };
      const onAbort = (): void => fail(aborted(signal));
      const timer = this.#clock.after(`podman ${method} ${path}`, timeoutMs, () =>
        fail(new RuntimeError('Unavailable', `podman did not answer ${method} ${path} within ${timeoutMs / 1000} s`)),
      );
      const settle = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      call.on('error', fail);
      call.on('response', (response: IncomingMessage) => {
        options.onHeader?.(response.headers);
        response.on('data', (chunk: Buffer) => {
          try {
            onData(chunk);
          } catch (error) {
            fail(error as Error);
          }
        });
        response.on('error', fail);
        response.on('aborted', () => fail(new Error('the connection broke')));
        response.on('end', () => {
          settle();
          resolve(response.statusCode ?? 0);
        });
      });
      call.end(payload);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function parse(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return bytes.toString();
  }
}

/** The words of an error answer: `{message}` of most calls, `{Errs}` of those on pods. */
export function errorText(body: unknown): string | undefined {
  if (typeof body === 'string') return body.trim() || undefined;
  if (typeof body !== 'object' || body === null) return undefined;
  const { message, Errs: errors } = body as { message?: unknown; Errs?: unknown };
  if (typeof message === 'string') return message;
  return Array.isArray(errors) && errors.length > 0
    ? errors.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('; ')
    : undefined;
}

/**
 * Something ended or went while podman looked at it. It read about a container's process in /proc and the process was gone: it says so
 * until conmon has told it of the end. Or what it had just found in its list was no longer in its database.
 */
export function changedMeanwhile(error: unknown): boolean {
  const words = /\/proc\/\d+\/.*no such (process|file)|no such (container|pod)$/;
  return error instanceof LibpodError && error.status === 500 && words.test(error.message);
}

function unavailable(error: Error): RuntimeError {
  return new RuntimeError('Unavailable', `podman's API service does not answer: ${error.message}`, { cause: error });
}

function aborted(signal: AbortSignal | undefined): RuntimeError {
  return new RuntimeError('Aborted', 'the call was aborted', { cause: signal?.reason });
}
