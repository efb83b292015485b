import type { Logger } from '@flotilla/shared/log/logger.js';
import { Aedes, type AuthenticateError, type Client } from 'aedes';
import mqttPacket from 'mqtt-packet';
import { brokerLimits } from '../types.ts';

/** What is decided about MQTT's packets. Called in the order in which a client comes, speaks and goes. */
export interface MqttHooks {
  connecting(client: Client, userName: string, keepAliveMs: number): void;
  /** Call `done` once, with an error when the client may not connect. */
  authenticate(client: Client, done: (refused?: AuthenticateError) => void): void;
  /** CONNACK is on its way. */
  ready(client: Client): void;
  maySubscribe(client: Client, topic: string): boolean;
  /** @returns why the connection shall end; undefined when it shall not */
  published(client: Client, topic: string, payload: Buffer): string | undefined;
  heard(client: Client): void;
  /** The connection will end, and this is why. */
  fault(client: Client, reason: string): void;
  disconnected(client: Client): void;
}

/** MQTT's framing and keep-alive by aedes; nothing a client says is stored or routed to another. */
export async function createAedes(hooks: MqttHooks, logger: Logger): Promise<Aedes> {
  // It would fill a table of 65,536 buffers otherwise, of 7 MB.
  mqttPacket.writeToStream.cacheNumbers = false;
  let clientNumber = 0;
  const aedes = await Aedes.createBroker({
    concurrency: 1000,
    queueLimit: 64,
    drainTimeout: brokerLimits.drainMs,
    connectTimeout: brokerLimits.handshakeMs,
    keepaliveLimit: brokerLimits.keepAliveSeconds,
    // One's own id per connection: taking over is the session table's business, not that of names a client chooses.
    preConnect: (client, packet, callback) => {
      hooks.connecting(client, packet.username ?? '', (packet.keepalive ?? 0) * 1000);
      const connect = packet as { clientId: string; clean: boolean; will?: unknown };
      connect.clientId = `device-${++clientNumber}`;
      connect.clean = true;
      delete connect.will;
      callback(null, true);
    },
    authenticate: (client, _name, _password, done) => {
      hooks.authenticate(client, (refused) => (refused ? done(refused, null) : done(null, true)));
    },
    authorizeSubscribe: (client, subscription, callback) => {
      callback(null, hooks.maySubscribe(client, subscription.topic) ? subscription : null);
    },
    authorizePublish: (client, packet, callback) => {
      if (!client) return callback(new Error('publish without a session'));
      if (packet.qos === 2) return callback(new Error('QoS 2 is not part of this protocol'));
      const fault = hooks.published(client, packet.topic, Buffer.from(packet.payload));
      if (fault !== undefined) return callback(new Error(fault));
      // What is left for aedes to route goes nowhere.
      Object.assign(packet, { topic: 'taken', payload: Buffer.alloc(0), retain: false });
      callback(null);
    },
  });
  // From here on aedes hands over what the board sends; that it calls the client ready comes some turns later.
  aedes.on('connackSent', (packet, client) => {
    if (packet.returnCode === 0) hooks.ready(client);
  });
  aedes.on('ping', (_packet, client) => hooks.heard(client));
  aedes.on('keepaliveTimeout', (client) => hooks.fault(client, 'keep-alive timeout'));
  aedes.on('clientError', (client, error) => hooks.fault(client, error.message));
  aedes.on('connectionError', (_client, error) => logger.debug('connection failed before CONNECT', { error }));
  aedes.on('error' as 'closed', () => logger.error('the broker reported an error'));
  aedes.on('clientDisconnect', (client) => hooks.disconnected(client));
  return aedes;
}
