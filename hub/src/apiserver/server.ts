import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { StatusError } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { listenWide, type WideListener } from '@flotilla/shared/platform/wide-listener.js';
import type { PeerCertificate } from '#auth/authn/authenticator.ts';
import type { ServerTls } from '#auth/pki/pki.ts';
import { replyError } from './answers.ts';
import type { ExchangeHandler } from './exchange.ts';
import { peerOf, ServerExchange } from './server-exchange.ts';
import { foreignOrigin, upgradeExchange } from './server-upgrade.ts';

/**
 * The one HTTPS port: API, join endpoint and WebSocket upgrades share it.
 *
 * INVARIANT: what a path is handed to is fixed before `listen`; a handler's error ends its own request and nothing else.
 */
export interface HttpsServer {
  /** Resolves with the port, which is another one than asked for when 0 was asked. @throws Error with code EADDRINUSE */
  listen(host: string, port: number): Promise<number>;
  /** Stops accepting, ends idle connections at once and the rest after a grace. */
  close(graceMs?: number): Promise<void>;
  /** For WebSocket; the handler owns the socket and checks the peer itself. */
  onUpgrade(path: string, handler: UpgradeHandler): void;
  /** A path, and all below it, that authenticates by itself. */
  handle(prefix: string, handler: ExchangeHandler): void;
  /** A connection that came another way than through the port; TLS begins on it as on any other. */
  accept(connection: Duplex): void;
  /** After a renewal; connections that stand keep their certificate. */
  setTls(tls: ServerTls): void;
}

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer, peer: PeerCertificate | undefined) => void;

export interface HttpsServerOptions {
  readonly tls: ServerTls;
  /** All paths without a handler of their own. */
  readonly fallback: ExchangeHandler;
  readonly logger: Logger;
  readonly clock: { sleep(name: string, delayMs: number, signal?: AbortSignal): Promise<void> };
}

const maxHeaderBytes = 64 * 1024;
const headersTimeoutMs = 32_000;
/** Longer than the 90 s after which Go clients close an idle connection: the client closes, so no request meets a closing door. */
const keepAliveTimeoutMs = 120_000;
const lateBodyMs = 60_000;
const handshakeTimeoutMs = 15_000;
const maxConnections = 50_000;

export function createHttpsServer({ tls, fallback, logger, clock }: HttpsServerOptions): HttpsServer {
  const upgrades = new Map<string, UpgradeHandler>();
  const prefixes = new Map<string, ExchangeHandler>();
  const upgraded = new Set<Duplex>();

  const server = createServer({
    ...secureContext(tls),
    requestCert: true,
    // Without a certificate, or with one that is not trusted, the request is answered 401 in words.
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: handshakeTimeoutMs,
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headersTimeoutMs,
    // A relayed body may take any time; one that is read as a whole has a limit of its own.
    requestTimeout: 0,
    keepAliveTimeout: keepAliveTimeoutMs,
    noDelay: true,
  });
  server.maxConnections = maxConnections;
  let listener: WideListener | undefined;

  const find = (url: string): ExchangeHandler => {
    for (const [prefix, handler] of prefixes) {
      if (url === prefix || url.startsWith(`${prefix}/`) || url.startsWith(`${prefix}?`)) return handler;
    }
    return fallback;
  };
  server.on('request', (request, response) => {
    const exchange = new ServerExchange(request, response);
    response.on('error', () => {});
    if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) {
      response.once('finish', () => endLateBody(request));
    }
    void run(exchange, find(request.url ?? '/'), logger);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    const handler = upgrades.get((request.url ?? '').split('?', 1)[0] ?? '');
    if (handler) return handler(request, socket, head, peerOf(socket as TLSSocket));
    const exchange = upgradeExchange(request, socket, head);
    const origin = foreignOrigin(request);
    if (origin === undefined) return void run(exchange, find(request.url ?? '/'), logger);
    logger.warn('refused an upgrade that a page of another site asked for', { origin, path: request.url, remote: exchange.remoteAddress });
    void replyError(exchange, new StatusError(403, 'Forbidden', `origin ${JSON.stringify(origin)} is not allowed`, {}));
  });
  server.on('tlsClientError', (error, socket) => {
    logger.debug('TLS handshake failed', { remote: socket.remoteAddress, error });
    socket.destroy();
  });

  return {
    async listen(host, port) {
      listener = await listenWide(server, { host, port }, { noDelay: true });
      return listener.port;
    },
    async close(graceMs = 5000) {
      const closed = listener?.close();
      server.closeIdleConnections();
      for (const socket of upgraded) socket.destroy();
      const over = new AbortController();
      const late = clock.sleep('api-server-close', graceMs, over.signal).then(
        () => server.closeAllConnections(),
        () => {},
      );
      await closed;
      over.abort();
      await late;
    },
    onUpgrade: (path, handler) => void upgrades.set(path, handler),
    handle: (prefix, handler) => void prefixes.set(prefix, handler),
    accept(connection) {
      connection.on('error', () => connection.destroy());
      server.emit('connection', connection);
    },
    setTls: (next) => server.setSecureContext(secureContext(next)),
  };
}

function secureContext({ cert, key, ca, session }: ServerTls): SecureContextOptions {
  return { cert, key, ca: [...ca], minVersion: 'TLSv1.2', ...session };
}

async function run(exchange: ServerExchange, handler: ExchangeHandler, logger: Logger): Promise<void> {
  try {
    await handler(exchange);
  } catch (error) {
    if (!exchange.signal.aborted) logger.error('request failed', { method: exchange.method, error });
    if (!exchange.answered) await replyError(exchange, error);
  }
}

/** A body that nobody waits for any more may still come, for a while. */
function endLateBody(request: IncomingMessage): void {
  if (request.complete) return;
  const late = setTimeout(() => {
    if (!request.complete) request.destroy();
  }, lateBodyMs).unref();
  request.once('close', () => clearTimeout(late));
}
