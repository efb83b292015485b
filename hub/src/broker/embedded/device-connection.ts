import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { DeviceIntroduction } from '@flotilla/shared/protocol/courier.js';
import { type DownKind, downTopic } from '@flotilla/shared/protocol/topics.js';
import type { Client } from 'aedes';
import { Allowance } from '../allowance.ts';
import { SendQueue } from '../send-queue.ts';
import { brokerLimits, type DeviceIdentity, type DeviceSession } from '../types.ts';

export interface DeviceConnectionOptions {
  readonly clock: Clock;
  readonly clusterId: string;
  readonly client: Client;
  readonly identity: DeviceIdentity | undefined;
  readonly transport: 'mqtt' | 'websocket';
  /** Told of every change of what waits to be sent. */
  readonly queued: (bytes: number) => void;
}

/** A connection from its first byte; becomes a session when CONNECT was accepted. */
export class DeviceConnection {
  readonly identity: DeviceIdentity | undefined;
  readonly transport: 'mqtt' | 'websocket';
  readonly allowance = new Allowance();
  readonly queue: SendQueue;
  introduction: DeviceIntroduction = { bootId: '', serial: '', keepAliveMs: 0 };
  heardMs: number;
  denials = 0;
  session: DeviceSession | undefined;
  /** It is not taken on, but asked to come again after this time. */
  sentAwayMs: number | undefined;
  reason = 'closed';
  readonly #options: DeviceConnectionOptions;

  constructor(options: DeviceConnectionOptions) {
    this.#options = options;
    this.identity = options.identity;
    this.transport = options.transport;
    this.heardMs = options.clock.monotonicMs();
    this.queue = new SendQueue({ write: (kind, payload) => this.#write(kind, payload), grew: options.queued });
  }

  /** Says a last word, after whatever else the device waits for, and hangs up when it is on its way or the time for it is over. */
  async farewell(payloads: readonly Buffer[]): Promise<void> {
    const { client, clock } = this.#options;
    const timer = clock.after('broker: farewell', farewellMs, () => hangUp(client));
    try {
      for (const payload of payloads) await this.queue.send('retry', payload);
      client.conn.end();
    } catch {
      timer.cancel();
      hangUp(client);
    } finally {
      this.queue.end(new Error(`the session of node ${this.#node} is over`));
    }
  }

  /**
   * Waits until there is little in the connection's own buffer: whatever comes later and is urgent waits for that, and for nothing else.
   * @throws when the device reads nothing for `brokerLimits.drainMs`
   */
  async #write(kind: DownKind, payload: Buffer): Promise<void> {
    const { client, clock } = this.#options;
    let left = client.conn.writableLength;
    let progressMs = clock.monotonicMs();
    for (let delayMs = 10; left > brokerLimits.bufferedBytes; delayMs = Math.min(2 * delayMs, 160)) {
      if (clock.monotonicMs() - progressMs >= brokerLimits.drainMs) {
        client.conn.destroy(new Error('the device does not read what it is sent'));
        throw new Error(`node ${this.#node} does not read what it is sent`);
      }
      await clock.sleep('broker: a full buffer', delayMs);
      if (client.closed) throw new Error(`the session of node ${this.#node} is over`);
      if (client.conn.writableLength < left) progressMs = clock.monotonicMs();
      left = client.conn.writableLength;
    }
    await this.#publish(kind, payload);
  }

  get #node(): string {
    return this.identity?.node ?? '';
  }

  #publish(kind: DownKind, payload: Buffer): Promise<void> {
    const { client, clusterId } = this.#options;
    const topic = downTopic({ clusterId, node: this.#node }, kind);
    return new Promise((resolve, reject) => {
      client.publish({ cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false }, (error) =>
        error || client.closed ? reject(error ?? new Error(`the session of node ${this.#node} is over`)) : resolve(),
      );
    });
  }
}

/** How long a last word may take. */
const farewellMs = 2_000;

/** aedes leaves a connection open that is closed while it still answers CONNECT (measured: until the board gave up). */
export function hangUp(client: Client): void {
  client.close();
  client.conn.destroy();
}
