import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { badRequest } from '@flotilla/shared/errors/status.js';
import { type WebSocket, WebSocketServer } from 'ws';
import type { UpgradeOffer } from './exchange.ts';
import { ServerExchange } from './server-exchange.ts';

/** One message of a client; a larger one ends the connection with 1009. */
const maxWebSocketMessageBytes = 1024 * 1024;
/** A client that vanished is noticed by TCP itself: an idle stream sends nothing of its own. */
const keepAliveMs = 30_000;
/** What the Kubernetes conformance suite and Go's `websocket.NewConfig` call themselves; no other site can serve it. */
const ownOrigins: ReadonlySet<string> = new Set(['http://localhost']);

/** A request to leave HTTP, seen as any other until its handler takes the offer. */
export function upgradeExchange(request: IncomingMessage, socket: Duplex, head: Buffer): ServerExchange {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket);
  response.once('finish', () => {
    response.detachSocket(socket as Socket);
    socket.end();
  });
  return new ServerExchange(request, response, new SocketOffer({ request, response, socket, head }));
}

/** The Origin of another site: its pages must not use what the browser knows of us. Clients outside browsers send none. */
export function foreignOrigin({ headers: { origin, host } }: Pick<IncomingMessage, 'headers'>): string | undefined {
  if (origin === undefined || ownOrigins.has(origin)) return undefined;
  return URL.canParse(origin) && new URL(origin).host === host ? undefined : origin;
}

interface OfferParts {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: Duplex;
  readonly head: Buffer;
}

class SocketOffer implements UpgradeOffer {
  readonly #parts: OfferParts;
  taken = false;

  constructor(parts: OfferParts) {
    this.#parts = parts;
  }

  get protocol(): string {
    return (this.#parts.request.headers.upgrade ?? '').toLowerCase();
  }

  get subprotocols(): readonly string[] {
    const offered = this.#parts.request.headers['sec-websocket-protocol'] ?? '';
    return offered
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
  }

  accept(headers: Readonly<Record<string, string>>): Duplex {
    const { head } = this.#parts;
    const socket = this.#take();
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
    if (head.length > 0) socket.unshift(head);
    return socket;
  }

  webSocket(subprotocol: string | undefined): Promise<WebSocket> {
    const { request, head } = this.#parts;
    const { 'sec-websocket-key': key = '', 'sec-websocket-version': version } = request.headers;
    if (request.method !== 'GET' || !/^[+/0-9A-Za-z]{22}==$/.test(key) || version !== '13') {
      return Promise.reject(badRequest('the WebSocket handshake is not valid'));
    }
    const server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: maxWebSocketMessageBytes,
    });
    // `ws` takes no name with a slash, which `SPDY/3.1+portforward.k8s.io` has: it does not get to see any.
    delete request.headers['sec-websocket-protocol'];
    if (subprotocol !== undefined) server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${subprotocol}`));
    return new Promise((resolve) => server.handleUpgrade(request, this.#take(), head, resolve));
  }

  #take(): Duplex {
    const { response, socket } = this.#parts;
    this.taken = true;
    response.statusCode = 101;
    response.detachSocket(socket as Socket);
    const tcp = socket as Socket;
    tcp.setTimeout(0);
    tcp.setNoDelay(true);
    tcp.setKeepAlive(true, keepAliveMs);
    return socket;
  }
}
