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
import { HubMemory } from './hub-memory.ts';
import { watchAddress } from './mqtt-address.ts';
import { type DialedHub, dialHub } from './mqtt-door.ts';
import { watchPings } from './mqtt-pings.ts';
import type { ProxyFor } from './mqtt-proxy.ts';
import type { LinkMeter } from './types.ts';
import type { WireCount } from './wire-count.ts';

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
  readonly proxy?: ProxyFor;
  /** Counts pings, which no one else sees. */
  readonly meter?: Pick<LinkMeter, 'ping'>;
  /** Counts the bytes of connections. */
  readonly wire?: WireCount;
  /** The machine's own addresses now; those of its interfaces when left out. */
  readonly addresses?: () => ReadonlySet<string>;
}

/** MQTT 3.1.1 by mqtt.js, directly or over WebSocket on the API port; clean sessions, QoS 0 (shared/docs/protocol.md says why). */
export function createMqttCourier(options: MqttCourierOptions): Courier {
  let best = 0;
  const memory = new HubMemory();
  let ahead: Promise<DialedHub | undefined> | undefined;
  return {
    prepare: () => {
      const [first] = options.endpoints;
      if (first) ahead = dial({ ...options, memory }, first).then(held, () => undefined);
    },
    connect: async (introduction, end) => {
      // The hub does not wait for long, and an address may be gone by now: then it is dialled as ever.
      const prepared = await ahead;
      ahead = undefined;
      const dialed = prepared && !prepared.socket.destroyed && prepared.socket.readyState === 'open' ? prepared : undefined;
      let failure: unknown = new Error('no endpoint of the hub is known');
      for (let turn = 0; turn < options.endpoints.length; turn++) {
        const index = (best + turn) % options.endpoints.length;
        const endpoint = options.endpoints[index] as Endpoint;
        try {
          const way = (turn === 0 && dialed) || (await dial({ ...options, memory }, endpoint));
          const pipe = await attempt(options, { ...way, endpoint }, introduction, end);
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

const defaultTimeoutMs = 15_000;

async function dial(options: MqttCourierOptions & { readonly memory: HubMemory }, endpoint: Endpoint): Promise<DialedHub> {
  const { host, port } = endpoint;
  const { ca, memory, proxy, timeoutMs = defaultTimeoutMs } = options;
  const dialed = await dialHub({
    ...{ host, port, ca, memory, timeoutMs, ...options.credentials() },
    ...{ floorMs: options.floorMs(), ended: 'doubt' },
    ...(proxy ? { proxy } : {}),
    ...(options.wire ? { wire: options.wire } : {}),
  });
  options.logger.debug('reached the hub', { ...endpoint, resumed: dialed.resumed });
  return dialed;
}

/** Until it is used nobody cares what becomes of it; the next attempt tells. */
function held(dialed: DialedHub): DialedHub {
  dialed.socket.on('error', () => {});
  return dialed;
}

async function attempt(
  options: MqttCourierOptions,
  { endpoint, socket, certificateEndMs }: DialedHub & { readonly endpoint: Endpoint },
  introduction: DeviceIntroduction,
  end: DeviceEnd,
): Promise<DevicePipe> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
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
    let unwatch = (): void => {};
    const pings = watchPings(client, { meter: options.meter, pinged: (idleMs) => end.pinged?.(idleMs) });
    client.on('connect', () => {
      up = true;
      client.subscribe(downFilter(options.scope), { qos: 0 });
      unwatch = watchAddress(socket, options.addresses, () => {
        reason = 'the address of this board is gone';
        client.end(true);
        socket.destroy();
      });
      resolve({
        send: (topic, payload) => send(client, topic, payload),
        arrived: pings.arrived,
        close: () => void client.end(),
        certificateEndMs,
      });
    });
    client.on('message', (topic, payload) => end.message(topic, payload));
    client.on('error', (error) => {
      reason = error.message;
      if (!up) reject(refusal(error) ?? error);
      client.end(true);
    });
    client.on('close', () => {
      unwatch();
      pings.end();
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
