import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createServer, type SecureContextOptions, type Server, TLSSocket } from 'node:tls';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { ConnectRefused, connackCodes, mqttUserName } from '@flotilla/shared/protocol/courier.js';
import { encodeJson } from '@flotilla/shared/protocol/frame.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { Refusal } from '@flotilla/shared/protocol/link-messages.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import { type DownKind, downFilter, downTopic, upKindOf } from '@flotilla/shared/protocol/topics.js';
import { Aedes, type AuthenticateError, type Client } from 'aedes';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { SessionTable } from '../session-table.ts';
import {
  type Boards,
  type Broker,
  type BrokerHandler,
  brokerLimits,
  type DeviceIdentity,
  type DeviceSession,
  newCounters,
} from '../types.ts';
import { deviceIdentity, readAuthorities } from './device-identity.ts';
import { guardReads } from './read-guard.ts';

/** The hub's certificate, chain and key; `ca` is what issues the boards' certificates. */
export interface BrokerTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: readonly string[];
  /** How sessions are resumed; OpenSSL's way when left out. */
  readonly session?: { readonly ticketKeys: Buffer; readonly sessionTimeout: number; readonly sessionIdContext: string };
}

export interface EmbeddedBrokerOptions {
  readonly clusterId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly boards: Boards;
  readonly tls: BrokerTls;
  /** MQTT's own port; undefined when boards come over the API port only. Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
}

/** A connection from its first byte; becomes a session when CONNECT was accepted. */
interface Connection {
  readonly identity: DeviceIdentity | undefined;
  readonly transport: 'mqtt' | 'websocket';
  bootId: string;
  serial: string;
  keepAliveMs: number;
  heardMs: number;
  denials: number;
  session: DeviceSession | undefined;
  reason: string;
}

/**
 * MQTT 3.1.1 by aedes, over TLS with client certificates on a port of its own and over WebSocket on the API server's. aedes frames
 * and keeps alive; who may connect, who takes over whom and where messages go is decided here: nothing a board publishes is routed
 * to another board, no session, retained message or will is stored.
 */
export class EmbeddedBroker implements Broker {
  readonly counters = newCounters();
  readonly #options: EmbeddedBrokerOptions;
  readonly #sessions: SessionTable;
  readonly #clients = new Map<number, Client>();
  readonly #connections = new WeakMap<object, Connection>();
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: 2 * linkLimits.packetBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false),
  });
  #aedes: Aedes | undefined;
  #server: Server | undefined;
  #handler: BrokerHandler | undefined;
  #authorities: readonly X509Certificate[];

  constructor(options: EmbeddedBrokerOptions) {
    this.#options = options;
    this.#authorities = readAuthorities(options.tls.ca);
    this.#sessions = new SessionTable(options);
  }

  /** The port that listens; undefined without one. */
  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === 'object' && address ? address.port : undefined;
  }

  /** After a renewal; connections that stand keep their certificate. */
  setTls(tls: BrokerTls): void {
    this.#authorities = readAuthorities(tls.ca);
    this.#server?.setSecureContext(secureContext(tls));
  }

  async start(handler: BrokerHandler, incarnation = 0): Promise<void> {
    this.#handler = handler;
    this.#sessions.begin(incarnation);
    this.#aedes = await this.#createAedes();
    const { listen, tls } = this.#options;
    if (!listen) return;
    const server = createServer(
      // Who may connect is decided here, not by OpenSSL: see deviceIdentity.
      // Messages are small and follow one another: none waits for the acknowledgement of the one before.
      { ...secureContext(tls), requestCert: true, rejectUnauthorized: false, noDelay: true },
      (socket) => {
        const identity = deviceIdentity(socket, this.#authorities);
        if (identity) return this.#accept(socket, identity, 'mqtt');
        socket.on('error', () => {});
        socket.destroy();
      },
    );
    server.maxConnections = brokerLimits.connections;
    server.on('tlsClientError', (error) => this.#options.logger.debug('TLS handshake failed', { error }));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(listen.port, listen.host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => this.#options.logger.error('the MQTT port failed', { error }));
    this.#server = server;
  }

  async stop(): Promise<void> {
    const aedes = this.#aedes;
    const server = this.#server;
    this.#aedes = undefined;
    this.#server = undefined;
    const closed = server ? new Promise<void>((resolve) => server.close(() => resolve())) : undefined;
    if (aedes) await new Promise<void>((resolve) => aedes.close(() => resolve()));
    for (const socket of this.#webSockets.clients) socket.terminate();
    this.#webSockets.close();
    await closed;
  }

  /**
   * Takes over an HTTP upgrade of the API server when it is for MQTT; returns false when it is not ours. The server must ask for
   * client certificates (and need not insist on them: a connection without one gets no session).
   */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (request.url?.split('?')[0] !== '/mqtt') return false;
    const identity = socket instanceof TLSSocket ? deviceIdentity(socket, this.#authorities) : undefined;
    if (!this.#aedes || this.#webSockets.clients.size >= brokerLimits.connections) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return true;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#accept(createWebSocketStream(webSocket), identity, 'websocket');
    });
    return true;
  }

  send(session: DeviceSession, kind: DownKind, payload: Buffer): Promise<void> {
    const client = this.#clients.get(session.epoch);
    if (!client) return Promise.reject(new Error(`the session of node ${session.node} is over`));
    if (client.conn.writableLength > brokerLimits.queuedBytes) {
      this.#handler?.incident({ node: session.node, type: 'SlowConsumer', message: `node ${session.node} does not read what it is sent` });
      this.disconnect(session, 'slow consumer');
      return Promise.reject(new Error(`node ${session.node} does not read what it is sent`));
    }
    return this.#publish(client, session.node, kind, payload);
  }

  disconnect(session: DeviceSession, reason: string): void {
    const client = this.#clients.get(session.epoch);
    if (!client) return;
    this.#ended(session, reason);
    client.close();
  }

  session(node: string): DeviceSession | undefined {
    return this.#sessions.get(node);
  }

  #accept(stream: Duplex, identity: DeviceIdentity | undefined, transport: Connection['transport']): void {
    if (!this.#aedes) {
      stream.destroy();
      return;
    }
    guardReads(stream, linkLimits.packetBytes + 1024);
    const client = this.#aedes.handle(stream);
    const heardMs = this.#options.clock.monotonicMs();
    this.#connections.set(client, {
      identity,
      transport,
      bootId: '',
      serial: '',
      keepAliveMs: 0,
      heardMs,
      denials: 0,
      session: undefined,
      reason: 'closed',
    });
  }

  async #createAedes(): Promise<Aedes> {
    let clientNumber = 0;
    const aedes = await Aedes.createBroker({
      concurrency: 1000,
      queueLimit: 64,
      drainTimeout: brokerLimits.drainMs,
      connectTimeout: 15_000,
      keepaliveLimit: brokerLimits.keepAliveSeconds,
      // One's own id per connection: taking over is the session table's business, not that of names a client chooses.
      preConnect: (client, packet, callback) => {
        const connection = this.#connections.get(client);
        if (connection) {
          Object.assign(connection, mqttUserName.read(packet.username ?? ''), { keepAliveMs: (packet.keepalive ?? 0) * 1000 });
        }
        const connect = packet as { clientId: string; clean: boolean; will?: unknown };
        connect.clientId = `device-${++clientNumber}`;
        connect.clean = true;
        delete connect.will;
        callback(null, true);
      },
      authenticate: (client, _name, _password, done) => {
        try {
          const connection = this.#connections.get(client);
          if (!connection) throw new ConnectRefused('unauthorized', 'unknown connection');
          this.#sessions.admit(connection.identity, connection, (incident) => this.#handler?.incident(incident));
          done(null, true);
        } catch (error) {
          done(this.#refusal(error), null);
        }
      },
      authorizeSubscribe: (client, subscription, callback) => {
        const connection = this.#connections.get(client);
        const scope = { clusterId: this.#options.clusterId, node: connection?.identity?.node ?? '' };
        if (connection?.session && subscription.topic === downFilter(scope)) return callback(null, subscription);
        this.counters.deniedSubscribes++;
        if (connection?.session) this.#denied(client, connection, connection.session, subscription.topic, 'DeniedSubscribe');
        callback(null, null);
      },
      authorizePublish: (client, packet, callback) => {
        const connection = client ? this.#connections.get(client) : undefined;
        if (!client || !connection?.session) return callback(new Error('publish without a session'));
        if (packet.qos === 2) return callback(new Error('QoS 2 is not part of this protocol'));
        this.#received(client, connection, connection.session, packet.topic, Buffer.from(packet.payload));
        // What is left for aedes to route goes nowhere.
        Object.assign(packet, { topic: 'taken', payload: Buffer.alloc(0), retain: false });
        callback(null);
      },
    });
    // From here on aedes hands over what the board sends; that it calls the client ready comes some turns later.
    aedes.on('connackSent', (packet, client) => {
      if (packet.returnCode === 0) this.#ready(client);
    });
    aedes.on('ping', (_packet, client) => this.#heard(client));
    aedes.on('keepaliveTimeout', (client) => this.#reason(client, 'keep-alive timeout'));
    aedes.on('clientError', (client, error) => this.#reason(client, error.message));
    aedes.on('connectionError', (_client, error) => this.#options.logger.debug('connection failed before CONNECT', { error }));
    aedes.on('error' as 'closed', () => this.#options.logger.error('the broker reported an error'));
    aedes.on('clientDisconnect', (client) => {
      const connection = this.#connections.get(client);
      if (connection?.session) this.#ended(connection.session, connection.reason);
    });
    return aedes;
  }

  #refusal(error: unknown): AuthenticateError {
    const refused = error instanceof ConnectRefused ? error : new ConnectRefused('unauthorized', String(error));
    this.counters.refused[refused.refusal]++;
    this.#options.logger.info('refused a connection', { refusal: refused.refusal, reason: refused.message });
    return Object.assign(new Error(refused.message), { returnCode: connackCodes[refused.refusal] });
  }

  #ready(client: Client): void {
    const connection = this.#connections.get(client);
    if (!connection?.identity || client.closed) return;
    const { identity, bootId, serial, keepAliveMs, transport } = connection;
    const { session, previous } = this.#sessions.open(identity, { bootId, serial, keepAliveMs }, transport);
    if (previous) {
      const old = this.#clients.get(previous.epoch);
      this.#ended(previous, 'taken over by a newer connection');
      old?.close();
    }
    connection.session = session;
    this.#clients.set(session.epoch, client);
    this.counters.connects++;
    this.#heard(client);
    this.#handler?.connected(session);
  }

  /** Once per session: the client's entry is the token. */
  #ended(session: DeviceSession, reason: string): void {
    const client = this.#clients.get(session.epoch);
    if (!client) return;
    this.#clients.delete(session.epoch);
    this.#sessions.close(session);
    this.counters.disconnects++;
    const heardMs = this.#connections.get(client)?.heardMs ?? 0;
    this.#handler?.disconnected(session, reason, this.#options.clock.monotonicMs() - heardMs);
  }

  #received(client: Client, connection: Connection, session: DeviceSession, topic: string, payload: Buffer): void {
    this.#heard(client);
    if (!this.#clients.has(session.epoch)) return;
    this.counters.messages++;
    try {
      const kind = upKindOf({ clusterId: this.#options.clusterId, node: session.node }, topic);
      this.#handler?.message(session, kind, payload);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // A newer board's kind of message is no trespass.
      if (error.reason === 'Unsupported') this.#refuse(client, session, topic, error);
      else this.#denied(client, connection, session, topic, 'DeniedPublish');
    }
  }

  /** MQTT 3.1.1 has no word for a refused publish, so the board is told in the application's own. */
  #denied(client: Client, connection: Connection, session: DeviceSession, topic: string, type: 'DeniedPublish' | 'DeniedSubscribe'): void {
    const verb = type === 'DeniedPublish' ? 'publish to' : 'subscribe to';
    if (type === 'DeniedPublish') this.counters.deniedPublishes++;
    const message = `node ${session.node} may not ${verb} ${JSON.stringify(topic.slice(0, linkLimits.textBytes))}`;
    this.#handler?.incident({ node: session.node, type, message });
    this.#refuse(client, session, topic, { reason: 'Forbidden', message });
    if (++connection.denials >= brokerLimits.denials) this.disconnect(session, 'too many denied messages');
  }

  #refuse(client: Client, { node }: DeviceSession, topic: string, { reason, message }: Pick<Refusal, 'reason' | 'message'>): void {
    const refusal: Refusal = { about: topic.slice(0, linkLimits.textBytes), reason, message };
    for (const payload of encodeJson(refusal)) this.#publish(client, node, 'refusal', payload).catch(() => {});
  }

  #publish(client: Client, node: string, kind: DownKind, payload: Buffer): Promise<void> {
    const topic = downTopic({ clusterId: this.#options.clusterId, node }, kind);
    return new Promise((resolve, reject) => {
      client.publish({ cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false }, (error) =>
        error || client.closed ? reject(error ?? new Error(`the session of node ${node} is over`)) : resolve(),
      );
    });
  }

  #heard(client: Client): void {
    const connection = this.#connections.get(client);
    if (connection) connection.heardMs = this.#options.clock.monotonicMs();
  }

  #reason(client: Client, reason: string): void {
    const connection = this.#connections.get(client);
    if (connection) connection.reason = reason;
  }
}

function secureContext({ cert, key, ca, session = undefined }: BrokerTls): SecureContextOptions {
  return { cert, key, ca: [...ca], minVersion: 'TLSv1.2', ...session };
}
