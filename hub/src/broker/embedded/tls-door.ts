import { createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { createServer as createTlsServer, type SecureContextOptions, type TLSSocket, type Server as TlsServer } from 'node:tls';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { listenWide, type WideListener } from '@flotilla/shared/platform/wide-listener.js';
import type { Admission } from '../admission.ts';
import { brokerLimits } from '../types.ts';

/** The hub's certificate, chain and key; `ca` is what issues the boards' certificates. */
export interface BrokerTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: readonly string[];
  /** How sessions are resumed; OpenSSL's way when left out. */
  readonly session?: { readonly ticketKeys: Buffer; readonly sessionTimeout: number; readonly sessionIdContext: string };
}

export interface TlsDoorOptions {
  readonly tls: BrokerTls;
  readonly admission: Admission;
  readonly logger: Logger;
  /** A handshake was completed. Who may connect is decided there, not by OpenSSL: see deviceIdentity. */
  readonly connected: (socket: TLSSocket) => void;
}

const tcpOptions = { noDelay: true, pauseOnConnect: true };

/** MQTT's own port. A connection waits for its handshake until the hub can carry it: TCP costs nothing, TLS a millisecond. */
export class TlsDoor {
  readonly #options: TlsDoorOptions;
  readonly #tls: TlsServer;
  readonly #tcp: TcpServer;
  readonly #sockets = new Set<Socket>();
  #listener: WideListener | undefined;

  constructor(options: TlsDoorOptions) {
    const { admission, connected, logger, tls } = options;
    this.#options = options;
    this.#tls = createTlsServer(
      { ...secureContext(tls), requestCert: true, rejectUnauthorized: false, handshakeTimeout: brokerLimits.handshakeMs },
      (socket) => {
        admission.ended(idOf(socket));
        connected(socket);
      },
    );
    this.#tls.on('tlsClientError', (error, socket) => {
      admission.ended(idOf(socket));
      logger.debug('TLS handshake failed', { error });
      socket.destroy();
    });
    // Messages are small and follow one another: none waits for the acknowledgement of the one before.
    this.#tcp = createTcpServer(tcpOptions, (socket) => this.#arrived(socket));
    this.#tcp.maxConnections = brokerLimits.connections;
  }

  get port(): number | undefined {
    return this.#listener?.port;
  }

  /** After a renewal; connections that stand keep their certificate. */
  setTls(tls: BrokerTls): void {
    this.#tls.setSecureContext(secureContext(tls));
  }

  async listen(address: { readonly host: string; readonly port: number }): Promise<void> {
    this.#listener = await listenWide(this.#tcp, address, tcpOptions);
    this.#tcp.on('error', (error) => this.#options.logger.error('the MQTT port failed', { error }));
  }

  /** Takes nobody any more. Resolves when the last connection has ended. */
  async close(): Promise<void> {
    await this.#listener?.close();
  }

  /** Ends what is still connected. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #arrived(socket: Socket): void {
    const { admission } = this.#options;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const onError = (): void => {};
    socket.on('error', onError);
    admission.enter({
      start: () => {
        if (socket.destroyed) return;
        const id = idOf(socket);
        admission.began(id, () => socket.destroy());
        socket.once('close', () => admission.ended(id));
        socket.off('error', onError);
        this.#tls.emit('connection', socket);
      },
      drop: () => socket.destroy(),
      get gone() {
        return socket.destroyed;
      },
    });
  }
}

/** Both ends of a connection that stands: no other has them. */
function idOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function secureContext({ cert, key, ca, session = undefined }: BrokerTls): SecureContextOptions {
  return { cert, key, ca: [...ca], minVersion: 'TLSv1.2', ...session };
}
