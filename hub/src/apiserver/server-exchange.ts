import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { constants, createGzip, type Gzip, gzip } from 'node:zlib';
import { StatusError, tooLarge } from '@flotilla/shared/errors/status.js';
import type { PeerCertificate } from '#auth/authn/authenticator.ts';
import type { AnswerStream, Exchange, Relay, UpgradeOffer } from './exchange.ts';
import { relayRequest } from './server-relay.ts';

/** What kube-apiserver takes at most. */
const maxBodyBytes = 3 * 1024 * 1024;
/** From this size on an answer is compressed (apiserver, `defaultGzipThresholdBytes`). */
const compressFromBytes = 128 * 1024;
/** A body that is read as a whole has this long to come; what is relayed takes its time. */
const bodyTimeoutMs = 60_000;

const noHeaders: readonly (readonly [string, string])[] = [];

const peers = new WeakMap<object, { peer: PeerCertificate | undefined }>();

/** The certificate at the other end of a connection, looked at once a connection. */
export function peerOf(socket: TLSSocket): PeerCertificate | undefined {
  const known = peers.get(socket);
  if (known) return known.peer;
  const certificate = socket.getPeerX509Certificate?.();
  const chainError = socket.authorized ? undefined : String(socket.authorizationError ?? 'the certificate is not trusted');
  const peer = certificate ? { certificate, chainError } : undefined;
  peers.set(socket, { peer });
  return peer;
}

export class ServerExchange implements Exchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #headers: Record<string, string | readonly string[]> = {};
  #abort: AbortController | undefined;
  #body: Promise<Buffer> | undefined;
  readonly upgrade: (UpgradeOffer & { readonly taken: boolean }) | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, upgrade?: UpgradeOffer & { readonly taken: boolean }) {
    this.#request = request;
    this.#response = response;
    this.upgrade = upgrade;
  }

  get method(): string {
    return this.#request.method ?? 'GET';
  }

  get url(): string {
    return this.#request.url ?? '/';
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name.toLowerCase()];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  headersFrom(prefix: string): readonly (readonly [string, string])[] {
    const { rawHeaders } = this.#request;
    let found: [string, string][] | undefined;
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] ?? '';
      if (name.length < prefix.length || name.slice(0, prefix.length).toLowerCase() !== prefix) continue;
      found ??= [];
      found.push([name.toLowerCase(), rawHeaders[at + 1] ?? '']);
    }
    return found ?? noHeaders;
  }

  get peer(): PeerCertificate | undefined {
    return peerOf(this.#request.socket as TLSSocket);
  }

  get remoteAddress(): string {
    return this.#request.socket.remoteAddress ?? '';
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      const abort = new AbortController();
      this.#abort = abort;
      const end = (): void => {
        if (!this.#response.writableFinished) abort.abort();
      };
      // What left HTTP lives as long as its connection.
      const life = this.upgrade ? this.#request.socket : this.#response;
      if (life.destroyed) abort.abort();
      else life.once('close', end);
    }
    return this.#abort.signal;
  }

  get answered(): boolean {
    return this.#response.headersSent || this.upgrade?.taken === true;
  }

  get code(): number {
    return this.#response.statusCode;
  }

  bodyArrived(): Promise<void> | undefined {
    const { headers } = this.#request;
    if (this.upgrade || (!Number(headers['content-length'] ?? 0) && headers['transfer-encoding'] === undefined)) return undefined;
    this.#body ??= this.#receive(maxBodyBytes);
    return this.#body.then(
      () => {},
      () => {},
    );
  }

  readBody(limitBytes = maxBodyBytes): Promise<Buffer> {
    this.#body ??= this.#receive(limitBytes);
    return this.#body;
  }

  #receive(limitBytes: number): Promise<Buffer> {
    const request = this.#request;
    if (this.upgrade) return Promise.resolve(Buffer.alloc(0));
    const refuse = (): Error => {
      this.setHeader('Connection', 'close');
      return tooLarge(`Request entity too large: limit is ${limitBytes}`);
    };
    if (Number(request.headers['content-length'] ?? 0) > limitBytes) return Promise.reject(refuse());
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const late = setTimeout(() => {
        this.setHeader('Connection', 'close');
        reject(new StatusError(408, 'Timeout', 'the body of the request did not come in time'));
      }, bodyTimeoutMs).unref();
      request.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limitBytes) {
          request.pause();
          request.removeAllListeners('data');
          reject(refuse());
        } else chunks.push(chunk);
      });
      request.once('end', () => {
        clearTimeout(late);
        resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
      });
      request.once('error', reject);
      request.once('close', () => {
        clearTimeout(late);
        reject(new Error('the client went away before its request was complete'));
      });
    });
  }

  setHeader(name: string, value: string | readonly string[]): void {
    this.#headers[name] = value;
  }

  async reply(code: number, contentType: string, body: string | Buffer): Promise<void> {
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    this.#headers['Content-Type'] = contentType;
    let data = body;
    if (length >= compressFromBytes && this.#takesGzip()) {
      data = await compressed(body);
      this.#headers['Content-Encoding'] = 'gzip';
      this.#headers['Vary'] = 'Accept-Encoding';
      this.#headers['Content-Length'] = String(data.length);
    } else this.#headers['Content-Length'] = String(length);
    if (this.#response.destroyed) return;
    this.#response.writeHead(code, this.#headers as Record<string, string | string[]>);
    this.#response.end(this.method === 'HEAD' ? undefined : data);
  }

  stream(code: number, contentType: string, options: { readonly compress?: boolean } = {}): AnswerStream {
    this.#headers['Content-Type'] = contentType;
    const compress = options.compress && this.#takesGzip();
    if (compress) {
      this.#headers['Content-Encoding'] = 'gzip';
      this.#headers['Vary'] = 'Accept-Encoding';
    }
    this.#response.writeHead(code, this.#headers as Record<string, string | string[]>);
    this.#response.flushHeaders();
    return new ServerStream(this.#response, compress ? createGzip({ level: constants.Z_BEST_SPEED }) : undefined);
  }

  relay(relay: Relay): Promise<void> {
    const own = { 'Audit-Id': this.#headers['Audit-Id'] as string };
    return relayRequest({ request: this.#request, response: this.#response, offer: this.upgrade, own, ...relay });
  }

  #takesGzip(): boolean {
    return /\bgzip\b(?!;q=0(\.0*)?(,|$))/.test(this.header('accept-encoding') ?? '');
  }
}

class ServerStream implements AnswerStream {
  readonly #response: ServerResponse;
  readonly #gzip: Gzip | undefined;

  constructor(response: ServerResponse, gzip: Gzip | undefined) {
    this.#response = response;
    this.#gzip = gzip;
    gzip?.pipe(response);
    // What is written to a client that went away is dropped; who waits learns it from `drained`.
    response.on('error', () => {});
    response.once('close', () => gzip?.destroy());
  }

  get backlog(): number {
    return (this.#gzip?.writableLength ?? 0) + this.#response.writableLength;
  }

  write(data: string | Buffer): void {
    if (!this.#response.destroyed) (this.#gzip ?? this.#response).write(data);
  }

  drained(): Promise<void> {
    const target = this.#gzip ?? this.#response;
    const response = this.#response;
    return new Promise((resolve, reject) => {
      if (response.destroyed) return reject(new Error('the client went away'));
      if (!target.writableNeedDrain) return resolve();
      const settle = (): void => {
        target.off('drain', settle);
        response.off('close', settle);
        if (response.destroyed) reject(new Error('the client went away'));
        else resolve();
      };
      target.once('drain', settle);
      response.once('close', settle);
    });
  }

  end(): void {
    (this.#gzip ?? this.#response).end();
  }

  destroy(): void {
    this.#response.destroy();
  }
}

function compressed(body: string | Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip(body, { level: constants.Z_BEST_SPEED }, (error, result) => (error ? reject(error) : resolve(result)));
  });
}
