import type { TLSSocket } from 'node:tls';
import type { Logger } from '@flotilla/shared/log/logger.js';
import {
  type ConnectRefusal,
  ConnectRefused,
  connackCodes,
  type DeviceEnd,
  type DeviceIntroduction,
  type DevicePipe,
  mqttUserName,
} from '@flotilla/shared/protocol/courier.js';
import { downFilter, type TopicScope } from '@flotilla/shared/protocol/topics.js';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import type { Courier } from './courier.ts';
import { dialHub } from './mqtt-door.ts';

export interface Endpoint {
  readonly transport: 'mqtt' | 'websocket';
  readonly host: string;
  readonly port: number;
}

export interface MqttCourierOptions {
  readonly scope: TopicScope;
  /** Tried in turn, beginning with the one that worked last. */
  readonly endpoints: readonly Endpoint[];
  readonly ca: string;
  /** Read at each attempt: they change when the certificate is renewed. */
  readonly credentials: () => { readonly certificate: string; readonly key: string };
  readonly floorMs: () => number;
  readonly logger: Logger;
  readonly timeoutMs?: number;
}

/** MQTT 3.1.1 by mqtt.js, directly or over WebSocket on the API port; clean sessions, QoS 0 (shared/docs/protocol.md says why). */
export function createMqttCourier(options: MqttCourierOptions): Courier {
  let best = 0;
  return {
    connect: async (introduction, end) => {
      let failure: unknown = new Error('no endpoint of the hub is known');
      for (let turn = 0; turn < options.endpoints.length; turn++) {
        const index = (best + turn) % options.endpoints.length;
        const endpoint = options.endpoints[index] as Endpoint;
        try {
          const pipe = await attempt(options, endpoint, introduction, end);
          best = index;
          return pipe;
        } catch (error) {
          // A hub that refuses this board does so at every door.
          if (error instanceof ConnectRefused) throw error;
          options.logger.debug('could not connect', { ...endpoint, error });
          failure = error;
        }
      }
      throw failure;
    },
  };
}

async function attempt(
  options: MqttCourierOptions,
  endpoint: Endpoint,
  introduction: DeviceIntroduction,
  end: DeviceEnd,
): Promise<DevicePipe> {
  const timeoutMs = options.timeoutMs ?? 15_000;
  const { host, port } = endpoint;
  const socket = await dialHub({ host, port, ca: options.ca, floorMs: options.floorMs(), timeoutMs, ...options.credentials() });
  const client = mqttClient(endpoint, socket, {
    clientId: options.scope.node,
    username: mqttUserName.write(introduction),
    keepalive: Math.round(introduction.keepAliveMs / 1000),
    clean: true,
    protocolVersion: 4,
    connectTimeout: timeoutMs,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    // mqtt-packet would fill a table of 65,536 buffers otherwise.
    writeCache: false,
  });
  return new Promise<DevicePipe>((resolve, reject) => {
    let reason = 'the connection was closed';
    let up = false;
    client.on('connect', () => {
      up = true;
      client.subscribe(downFilter(options.scope), { qos: 0 });
      resolve({ send: (topic, payload) => send(client, topic, payload), close: () => void client.end() });
    });
    client.on('message', (topic, payload) => end.message(topic, payload));
    client.on('error', (error) => {
      reason = error.message;
      if (!up) reject(refusal(error) ?? error);
      client.end(true);
    });
    client.on('close', () => {
      socket.destroy();
      reject(new Error(reason));
      if (up) end.closed(reason);
      up = false;
    });
  });
}

function mqttClient({ transport, host, port }: Endpoint, socket: TLSSocket, options: IClientOptions): MqttClient {
  if (transport === 'mqtt') return new mqtt.MqttClient(() => socket, options);
  const wsOptions = { createConnection: () => socket, perMessageDeflate: false } as NonNullable<IClientOptions['wsOptions']>;
  return mqtt.connect({ ...options, protocol: 'wss', hostname: host.includes(':') ? `[${host}]` : host, port, path: '/mqtt', wsOptions });
}

function send(client: MqttClient, topic: string, payload: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    client.publish(topic, payload, { qos: 0 }, (error) => (error ? reject(error) : resolve()));
  });
}

/** CONNACK's return code, as mqtt.js reports it. */
function refusal(error: Error): ConnectRefused | undefined {
  const code = 'code' in error ? error.code : undefined;
  const [name] = Object.entries(connackCodes).find(([, number]) => number === code) ?? [];
  return name ? new ConnectRefused(name as ConnectRefusal, error.message) : undefined;
}
