import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { PeerCertificate } from '#auth/authn/authenticator.ts';
import type { RequestContext } from '#registry/generic/types.ts';
import type { RequestInfo } from './request-info.ts';

/** One request and its answer, without the socket: what handlers see of HTTP. */
export interface Exchange {
  readonly method: string;
  /** Path and query as they came. */
  readonly url: string;
  /** A request header; several of one name are joined with commas. */
  header(name: string): string | undefined;
  /** The headers whose names begin so, one by one as they came, names in lower case. */
  headersFrom(prefix: string): readonly (readonly [name: string, value: string])[];
  readonly peer: PeerCertificate | undefined;
  readonly remoteAddress: string;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** Whether an answer has begun: an error can no longer be told. */
  readonly answered: boolean;
  /** The status of the answer, once it has begun. */
  readonly code: number;
  /** Resolves when the body is there, cannot be had, or there is none: `readBody` does not wait then. */
  bodyArrived(): Promise<void> | undefined;
  /** @throws StatusError RequestEntityTooLarge */
  readBody(limitBytes?: number): Promise<Buffer>;
  /** A header of the answer to come. */
  setHeader(name: string, value: string | readonly string[]): void;
  /** The whole answer; compressed when it is large and the client takes that. */
  reply(code: number, contentType: string, body: string | Buffer): void | Promise<void>;
  /** An answer in parts. */
  stream(code: number, contentType: string, options?: { readonly compress?: boolean }): AnswerStream;
  /** Undefined when the client asks for an answer in HTTP. */
  readonly upgrade?: UpgradeOffer | undefined;
  /** Sends the request on to another HTTP server and gives back what that answers, bodies and upgrades streamed both ways. */
  relay(relay: Relay): Promise<void>;
}

/** A client that asks to leave HTTP. It is answered in HTTP unless one of these is called. */
export interface UpgradeOffer {
  /** What it asks for, in lower case: `websocket`, `spdy/3.1`. */
  readonly protocol: string;
  /** Subprotocols a WebSocket client offers, in its order; empty when it names none. */
  readonly subprotocols: readonly string[];
  /** Answers 101 with these headers; bytes both ways from then on. */
  accept(headers: Readonly<Record<string, string>>): Duplex;
  /** Resolves when the handshake is done. @throws StatusError BadRequest when it is none */
  webSocket(subprotocol: string | undefined): Promise<WebSocket>;
}

export interface Relay {
  readonly path: string;
  /** What goes to the other server instead of the client's own headers; undefined takes one away. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** A new connection to the other server. */
  connect(): Duplex;
  /** Whether TLS is spoken on it; what it presents as certificate is not looked at. */
  readonly tls: boolean;
  /** Changes the headers of the answer in place; gives what its body shall pass through. */
  answered(headers: Record<string, string | string[] | undefined>): readonly Duplex[];
}

export interface AnswerStream {
  /** Bytes waiting for the client. */
  readonly backlog: number;
  write(data: string | Buffer): void;
  /** Resolves when the client has taken what waits; rejects when it went away. */
  drained(): Promise<void>;
  end(): void;
  /** Breaks the connection: the client must not take what it got for the whole. */
  destroy(): void;
}

/** A request of the API that is known and allowed. */
export interface ApiRequest {
  readonly exchange: Exchange;
  readonly info: RequestInfo;
  readonly ctx: RequestContext;
}

export type ExchangeHandler = (exchange: Exchange) => void | Promise<void>;
