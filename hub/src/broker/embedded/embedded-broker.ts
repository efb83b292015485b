import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { ConnectRefused, connackCodes, mqttUserName } from '@flotilla/shared/protocol/courier.js';
import { encodeJson } from '@flotilla/shared/protocol/frame.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { Refusal } from '@flotilla/shared/protocol/link-messages.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import { type DownKind, downFilter, upKindOf } from '@flotilla/shared/protocol/topics.js';
import type { Aedes, AuthenticateError, Client } from 'aedes';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { Admission } from '../admission.ts';
import { OneByOne } from '../one-by-one.ts';
import { Refusals } from '../refusals.ts';
import { SessionTable } from '../session-table.ts';
import {
  type Boards,
  type Broker,
  type BrokerHandler,
  type BrokerLoad,
  brokerLimits,
  type DeviceIdentity,
  type DeviceSession,
  newCounters,
} from '../types.ts';
import { createAedes, type MqttHooks } from './aedes-server.ts';
import { DeviceConnection, hangUp } from './device-connection.ts';
import { deviceIdentity, readAuthorities } from './device-identity.ts';
import { guardReads } from './read-guard.ts';
import { type BrokerTls, TlsDoor } from './tls-door.ts';

export interface EmbeddedBrokerOptions {
  readonly clusterId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly boards: Boards;
  readonly tls: BrokerTls;
  /** MQTT's own port; undefined when boards come over the API port only. Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
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
  readonly #connections = new WeakMap<object, DeviceConnection>();
  readonly #admission: Admission;
  readonly #refusals: Refusals;
  readonly #slowed = new OneByOne();
  #queuedBytes = 0;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: 2 * linkLimits.packetBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false),
  });
  #aedes: Aedes | undefined;
  #door: TlsDoor | undefined;
  #handler: BrokerHandler | undefined;
  #authorities: readonly X509Certificate[];

  constructor(options: EmbeddedBrokerOptions) {
    this.#options = options;
    this.#authorities = readAuthorities(options.tls.ca);
    this.#sessions = new SessionTable(options);
    this.#admission = new Admission(options.clock);
    this.#refusals = new Refusals(options.clock);
  }

  /** The port that listens; undefined without one. */
  get port(): number | undefined {
    return this.#door?.port;
  }

  /** What the hub carries and what waits, for those who watch it. */
  get load(): BrokerLoad {
    const { perSecond, waiting, dropped } = this.#admission;
    return { sessions: this.#clients.size, queuedBytes: this.#queuedBytes, admittedPerSecond: perSecond, waiting, dropped };
  }

  /** After a renewal; connections that stand keep their certificate. */
  setTls(tls: BrokerTls): void {
    this.#authorities = readAuthorities(tls.ca);
    this.#door?.setTls(tls);
  }

  async start(handler: BrokerHandler, incarnation = 0): Promise<void> {
    this.#handler = handler;
    this.#sessions.begin(incarnation);
    this.#aedes = await createAedes(this.#hooks, this.#options.logger);
    const { listen, logger, tls } = this.#options;
    if (!listen) return;
    const door = new TlsDoor({
      ...{ admission: this.#admission, logger, tls },
      connected: (socket) => {
        const identity = deviceIdentity(socket, this.#authorities);
        if (identity) return this.#accept(socket, identity, 'mqtt');
        socket.on('error', () => {});
        socket.destroy();
      },
    });
    await door.listen(listen);
    this.#door = door;
  }

  /** Asks every board to come again at a time of its own: a fleet does not come back in one wave. */
  async stop(): Promise<void> {
    const aedes = this.#aedes;
    const door = this.#door;
    this.#aedes = undefined;
    this.#door = undefined;
    const closed = door?.close();
    this.#admission.stop();
    const words = [...this.#clients].map(([epoch, client]) => {
      const session = this.#connections.get(client)?.session;
      return session?.epoch === epoch ? this.#sendAway(client, session, 'the hub stops', leastRetryMs) : undefined;
    });
    await Promise.race([Promise.all(words), this.#options.clock.sleep('broker: farewells', farewellsMs)]);
    if (aedes) await new Promise<void>((resolve) => aedes.close(() => resolve()));
    for (const socket of this.#webSockets.clients) socket.terminate();
    this.#webSockets.close();
    door?.hangUp();
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

  async send(session: DeviceSession, kind: DownKind, payload: Buffer): Promise<void> {
    const client = this.#clients.get(session.epoch);
    const queue = client && this.#connections.get(client)?.queue;
    if (!queue) throw new Error(`the session of node ${session.node} is over`);
    if (queue.bytes + payload.length > brokerLimits.queuedBytes) throw this.#tooSlow(session);
    const sent = queue.send(kind, payload);
    if (this.#queuedBytes > brokerLimits.queuedBytesInAll) this.#endLongestQueue();
    await sent;
  }

  disconnect(session: DeviceSession, reason: string): void {
    const client = this.#clients.get(session.epoch);
    if (!client) return;
    this.#ended(session, reason);
    this.#connections.get(client)?.queue.end(new Error(`the session of node ${session.node} is over: ${reason}`));
    hangUp(client);
  }

  expect(session: DeviceSession, bytes: number): void {
    const client = this.#clients.get(session.epoch);
    if (client) this.#connections.get(client)?.allowance.expect(bytes);
  }

  charge(session: DeviceSession): void {
    const client = this.#clients.get(session.epoch);
    if (client) this.#connections.get(client)?.allowance.charge(this.#options.clock.monotonicMs());
  }

  session(node: string): DeviceSession | undefined {
    return this.#sessions.get(node);
  }

  #accept(stream: Duplex, identity: DeviceIdentity | undefined, transport: DeviceConnection['transport']): void {
    if (!this.#aedes) {
      stream.destroy();
      return;
    }
    const { clock, clusterId } = this.#options;
    let connection: DeviceConnection | undefined;
    guardReads(stream, linkLimits.packetBytes + 1024, {
      read: (bytes, messages) => (connection ? this.#paced(connection, client, bytes, messages) : 0),
      after: (delayMs, fire) => void clock.after('broker: slowed', delayMs, fire),
      tooLong: (message) => {
        this.counters.tooLarge++;
        if (identity) this.#handler?.incident({ node: identity.node, type: 'TooLarge', message: `node ${identity.node} sent ${message}` });
      },
    });
    const client = this.#aedes.handle(stream);
    connection = new DeviceConnection({
      ...{ clock, clusterId, client, identity, transport },
      queued: (bytes) => {
        this.#queuedBytes += bytes;
      },
    });
    this.#connections.set(client, connection);
  }

  readonly #hooks: MqttHooks = {
    connecting: (client, userName, keepAliveMs) => {
      const connection = this.#connections.get(client);
      if (connection) connection.introduction = { ...mqttUserName.read(userName), keepAliveMs };
    },
    authenticate: (client, done) => {
      const connection = this.#connections.get(client);
      try {
        if (!connection) throw new ConnectRefused('unauthorized', 'unknown connection');
        this.#admit(connection);
        done();
      } catch (error) {
        this.#refuseConnect(connection, error, done);
      }
    },
    ready: (client) => this.#ready(client),
    maySubscribe: (client, topic) => {
      const connection = this.#connections.get(client);
      const scope = { clusterId: this.#options.clusterId, node: connection?.identity?.node ?? '' };
      if (connection?.session && topic === downFilter(scope)) return true;
      if (connection?.sentAwayMs !== undefined) return false;
      this.counters.deniedSubscribes++;
      if (connection?.session) this.#denied(client, connection, connection.session, topic, 'DeniedSubscribe');
      return false;
    },
    published: (client, topic, payload) => {
      const connection = this.#connections.get(client);
      if (connection?.sentAwayMs !== undefined) return undefined;
      if (!connection?.session) return 'publish without a session';
      this.#received(client, connection, connection.session, topic, payload);
      return undefined;
    },
    heard: (client) => this.#heard(client),
    fault: (client, reason) => {
      const connection = this.#connections.get(client);
      if (connection) connection.reason = reason;
    },
    disconnected: (client) => {
      const connection = this.#connections.get(client);
      connection?.queue.end(new Error(`the session of node ${connection.identity?.node} is over`));
      if (connection?.session) this.#ended(connection.session, connection.reason);
    },
  };

  #admit(connection: DeviceConnection): void {
    const { identity, introduction } = connection;
    this.#sessions.admit(identity, introduction, (incident) => this.#handler?.incident(incident));
    const backlogMs = this.#handler?.backlogMs?.() ?? 0;
    if (backlogMs > brokerLimits.backlogMs) connection.sentAwayMs = this.#admission.nextSlotMs(backlogMs);
  }

  #refuseConnect(connection: DeviceConnection | undefined, error: unknown, done: (refused: AuthenticateError) => void): void {
    const refused = error instanceof ConnectRefused ? error : new ConnectRefused('unauthorized', String(error));
    const node = connection?.identity?.node;
    this.counters.refused[refused.refusal]++;
    const answer = Object.assign(new Error(refused.message), { returnCode: connackCodes[refused.refusal] });
    const often = this.#refusals.answer(node, () => done(answer));
    if (!often) this.#options.logger.info('refused a connection', { refusal: refused.refusal, reason: refused.message });
    else if (node !== undefined && refused.refusal === 'unauthorized')
      this.#handler?.incident({ node, type: 'NotAllowed', message: refused.message });
  }

  #ready(client: Client): void {
    const connection = this.#connections.get(client);
    if (!connection?.identity || client.closed) return;
    const { identity, introduction, transport, sentAwayMs } = connection;
    if (sentAwayMs !== undefined) {
      this.counters.sentAway++;
      void connection.farewell(this.#handler?.farewell?.(identity.node, introduction.bootId, sentAwayMs) ?? []);
      return;
    }
    if (!this.#sessions.isEnrolled(identity)) {
      hangUp(client);
      return;
    }
    const { session, previous } = this.#sessions.open(identity, introduction, transport);
    if (previous) {
      const old = this.#clients.get(previous.epoch);
      this.#ended(previous, 'taken over by a newer connection');
      if (old) hangUp(old);
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
    const connection = this.#connections.get(client);
    const heardMs = connection?.heardMs ?? 0;
    this.#handler?.disconnected(session, reason, this.#options.clock.monotonicMs() - heardMs);
  }

  #received(client: Client, connection: DeviceConnection, session: DeviceSession, topic: string, payload: Buffer): void {
    this.#heard(client);
    if (!this.#clients.has(session.epoch)) return;
    this.counters.messages++;
    try {
      const kind = upKindOf({ clusterId: this.#options.clusterId, node: session.node }, topic);
      this.#handler?.message(session, kind, payload);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.charge(session);
      // A newer board's kind of message is no trespass.
      if (error.reason === 'Unsupported') this.#refuse(client, topic, error);
      else this.#denied(client, connection, session, topic, 'DeniedPublish');
    }
  }

  /** MQTT 3.1.1 has no word for a refused publish, so the board is told in the application's own. */
  #denied(
    client: Client,
    connection: DeviceConnection,
    session: DeviceSession,
    topic: string,
    type: 'DeniedPublish' | 'DeniedSubscribe',
  ): void {
    const verb = type === 'DeniedPublish' ? 'publish to' : 'subscribe to';
    if (type === 'DeniedPublish') this.counters.deniedPublishes++;
    const message = `node ${session.node} may not ${verb} ${JSON.stringify(topic.slice(0, linkLimits.textBytes))}`;
    this.#handler?.incident({ node: session.node, type, message });
    this.#refuse(client, topic, { reason: 'Forbidden', message });
    if (++connection.denials >= brokerLimits.denials)
      void this.#sendAway(client, session, 'too many denied messages', brokerLimits.excessEndedMs);
  }

  #refuse(client: Client, topic: string, { reason, message }: Pick<Refusal, 'reason' | 'message'>): void {
    const refusal: Refusal = { about: topic.slice(0, linkLimits.textBytes), reason, message };
    const queue = this.#connections.get(client)?.queue;
    for (const payload of encodeJson(refusal)) queue?.send('refusal', payload).catch(() => {});
  }

  /** Holds back a board that sends too much; hangs up on one that does not stop. @returns for how long nothing more is read */
  #paced(connection: DeviceConnection, client: Client, bytes: number, messages: number): number {
    const { session, allowance } = connection;
    const nowMs = this.#options.clock.monotonicMs();
    const { pauseMs: owedMs, report, over } = allowance.read(nowMs, { bytes, messages });
    const pauseMs = owedMs < spreadFromMs ? owedMs : this.#slowed.next(nowMs, { leastMs: owedMs, apartMs: 5, mostMs: 2 * owedMs });
    if (pauseMs > 0) this.counters.slowed++;
    if (!session) return pauseMs;
    const message = `node ${session.node} sends more than it may: it is read slower, and its connection ends if it goes on`;
    if (report) {
      this.#handler?.incident({ node: session.node, type: 'TooMuch', message });
      this.#refuse(client, 'up', { reason: 'Busy', message });
    }
    if (over) {
      this.counters.floods++;
      // What is being read is still handed over.
      queueMicrotask(() => void this.#sendAway(client, session, 'it sends too much', brokerLimits.excessEndedMs));
    }
    return pauseMs;
  }

  /** Ends a session with the request to come again. */
  async #sendAway(client: Client, session: DeviceSession, reason: string, leastMs: number): Promise<void> {
    const connection = this.#connections.get(client);
    if (!connection || !this.#clients.has(session.epoch)) return;
    const payloads = this.#handler?.farewell?.(session.node, session.bootId, this.#admission.nextSlotMs(leastMs)) ?? [];
    this.counters.sentAway++;
    connection.sentAwayMs = leastMs;
    this.#ended(session, reason);
    if (payloads.length === 0) return hangUp(client);
    const closed = new Promise<void>((resolve) => client.conn.once('close', () => resolve()));
    await connection.farewell(payloads);
    await closed;
  }

  #tooSlow(session: DeviceSession): Error {
    const message = `node ${session.node} does not read what it is sent`;
    this.counters.slowConsumers++;
    this.#handler?.incident({ node: session.node, type: 'SlowConsumer', message });
    this.disconnect(session, 'slow consumer');
    return new Error(message);
  }

  /** All together wait for more than the hub may hold: the one that holds most goes. */
  #endLongestQueue(): void {
    let longest: DeviceConnection | undefined;
    for (const client of this.#clients.values()) {
      const connection = this.#connections.get(client);
      if (connection && connection.queue.bytes > (longest?.queue.bytes ?? -1)) longest = connection;
    }
    if (longest?.session) this.#tooSlow(longest.session);
  }

  #heard(client: Client): void {
    const connection = this.#connections.get(client);
    if (connection) connection.heardMs = this.#options.clock.monotonicMs();
  }
}

/** How soon a hub that stops wants to see its boards again at the earliest, and how long it waits for them to hear it. */
const leastRetryMs = 1_000;
const farewellsMs = 1_000;
/** Boards that are held back for longer than this do not all go on in the same turn of the loop. */
const spreadFromMs = 500;
