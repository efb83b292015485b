import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { ConnectRefused, type DeviceEnd, type DevicePipe, type Dial } from '@flotilla/shared/protocol/courier.js';
import { encodeJson } from '@flotilla/shared/protocol/frame.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { Refusal } from '@flotilla/shared/protocol/link-messages.js';
import { type DownKind, downTopic, upKindOf } from '@flotilla/shared/protocol/topics.js';
import { SessionTable } from '../session-table.ts';
import { type Boards, type Broker, type BrokerHandler, type DeviceIdentity, type DeviceSession, newCounters } from '../types.ts';

/** How badly the simulated network behaves. All zero is a perfect line. */
export interface Weather {
  /** Each message takes up to this long; what is sent later may arrive earlier. */
  readonly delayMs: number;
  /** Chances per message, 0 to 1. */
  readonly duplicate: number;
  readonly lose: number;
  /** The connection breaks: everything on its way is lost. Half the time the hub notices late. */
  readonly disconnect: number;
}

export const calm: Weather = { delayMs: 0, duplicate: 0, lose: 0, disconnect: 0 };

export interface SimulatedBrokerOptions {
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly boards: Boards;
  readonly weather?: Weather;
}

/** The broker without MQTT: one process, one seed, any weather. Worse than MQTT, which neither loses nor reorders within a connection. */
export class SimulatedBroker implements Broker {
  readonly counters = newCounters();
  weather: Weather;
  readonly #options: SimulatedBrokerOptions;
  readonly #sessions: SessionTable;
  readonly #lines = new Map<number, Line>();
  readonly #cut = new Set<string>();
  #handler: BrokerHandler | undefined;

  constructor(options: SimulatedBrokerOptions) {
    this.#options = options;
    this.weather = options.weather ?? calm;
    this.#sessions = new SessionTable(options);
  }

  async start(handler: BrokerHandler): Promise<void> {
    this.#handler = handler;
  }

  async stop(): Promise<void> {
    for (const line of [...this.#lines.values()]) this.#hangUp(line, 'the hub stops', true);
    this.#handler = undefined;
  }

  /** A way to connect as the device with this identity; undefined is a device without a certificate. */
  dial(identity: DeviceIdentity | undefined): Dial {
    return async (introduction, end) => {
      await this.#options.clock.sleep('simulated connect', this.#delayMs());
      if (!this.#handler || this.#cut.has(identity?.node ?? '')) throw new Error('connection refused');
      try {
        this.#sessions.admit(identity, introduction, (incident) => this.#handler?.incident(incident));
      } catch (error) {
        if (error instanceof ConnectRefused) this.counters.refused[error.refusal]++;
        throw error;
      }
      return this.#open(identity as DeviceIdentity, introduction, end);
    };
  }

  /** Cuts a node off, or lets it back. The hub does not notice before the keep-alive ends. */
  partition(node: string, cut: boolean): void {
    if (!cut) return void this.#cut.delete(node);
    this.#cut.add(node);
    const session = this.#sessions.get(node);
    const line = session && this.#lines.get(session.epoch);
    if (line) this.#hangUp(line, 'connection lost', false);
  }

  send(session: DeviceSession, kind: DownKind, payload: Buffer): Promise<void> {
    const line = this.#lines.get(session.epoch);
    if (!line) return Promise.reject(new Error(`the session of node ${session.node} is over`));
    const topic = downTopic({ clusterId: this.#options.clusterId, node: session.node }, kind);
    this.#carry(line, () => line.deviceOpen && line.end.message(topic, payload));
    return Promise.resolve();
  }

  disconnect(session: DeviceSession, reason: string): void {
    const line = this.#lines.get(session.epoch);
    if (line) this.#hangUp(line, reason, true);
  }

  session(node: string): DeviceSession | undefined {
    return this.#sessions.get(node);
  }

  #open(identity: DeviceIdentity, introduction: Parameters<Dial>[0], end: DeviceEnd): DevicePipe {
    const { session, previous } = this.#sessions.open(identity, introduction, 'simulated');
    const old = previous && this.#lines.get(previous.epoch);
    if (old) this.#hangUp(old, 'taken over by a newer connection', true);
    const line: Line = { session, end, heardMs: this.#options.clock.monotonicMs(), deviceOpen: true };
    this.#lines.set(session.epoch, line);
    this.counters.connects++;
    this.#handler?.connected(session);
    return {
      send: async (topic, payload) => {
        if (!line.deviceOpen) throw new Error('the connection is closed');
        this.#carry(line, () => this.#arrive(line, topic, payload));
      },
      close: () => this.#hangUp(line, 'closed', true),
    };
  }

  #arrive(line: Line, topic: string, payload: Buffer): void {
    const { session } = line;
    if (!this.#lines.has(session.epoch)) return;
    line.heardMs = this.#options.clock.monotonicMs();
    if (payload.length > linkLimits.packetBytes + 1024) {
      this.#hangUp(line, 'packet too large', true);
      return;
    }
    this.counters.messages++;
    let kind: ReturnType<typeof upKindOf>;
    try {
      kind = upKindOf({ clusterId: this.#options.clusterId, node: session.node }, topic);
    } catch {
      this.counters.deniedPublishes++;
      const message = `node ${session.node} may not publish to ${JSON.stringify(topic)}`;
      const refusal: Refusal = { about: topic, reason: 'Forbidden', message };
      this.#handler?.incident({ node: session.node, type: 'DeniedPublish', message });
      for (const part of encodeJson(refusal)) void this.send(session, 'refusal', part);
      return;
    }
    this.#handler?.message(session, kind, payload);
  }

  /** Delivers once, twice, late or not at all. */
  #carry(line: Line, deliver: () => void): void {
    const { clock, random } = this.#options;
    if (random.next() < this.weather.disconnect) {
      this.#hangUp(line, 'connection lost', random.next() < 0.5);
      return;
    }
    const copies = random.next() < this.weather.lose ? 0 : random.next() < this.weather.duplicate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) clock.after('simulated delivery', this.#delayMs(), deliver);
  }

  #hangUp(line: Line, reason: string, hubNotices: boolean): void {
    const { clock } = this.#options;
    if (line.deviceOpen) {
      line.deviceOpen = false;
      clock.after('simulated close', 0, () => line.end.closed(reason));
    }
    if (hubNotices) this.#ended(line, reason);
    else clock.after('simulated keep-alive timeout', line.session.keepAliveMs * 1.5, () => this.#ended(line, 'keep-alive timeout'));
  }

  #ended(line: Line, reason: string): void {
    if (!this.#lines.delete(line.session.epoch)) return;
    this.#sessions.close(line.session);
    this.counters.disconnects++;
    this.#handler?.disconnected(line.session, reason, this.#options.clock.monotonicMs() - line.heardMs);
  }

  #delayMs(): number {
    return this.weather.delayMs > 0 ? this.#options.random.next() * this.weather.delayMs : 0;
  }
}

interface Line {
  readonly session: DeviceSession;
  readonly end: DeviceEnd;
  heardMs: number;
  deviceOpen: boolean;
}
