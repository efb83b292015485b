import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { ConnectRefused, type DeviceEnd, type DevicePipe, type Dial } from '@flotilla/shared/protocol/courier.js';
import { encodeJson } from '@flotilla/shared/protocol/frame.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { Refusal } from '@flotilla/shared/protocol/link-messages.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import { type DownKind, downTopic, upKindOf } from '@flotilla/shared/protocol/topics.js';
import { Admission, type Pace } from '../admission.ts';
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
import { type Condition, calm, Enemy, type NetworkFault, type Packet, type Weather } from './weather.ts';

export interface SimulatedBrokerOptions {
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly boards: Boards;
  readonly weather?: Weather;
  /** Called with each fault as it strikes. */
  readonly struck?: (fault: NetworkFault) => void;
  /** What the hub's loop carries; without it a connect takes no time of the hub. */
  readonly pace?: Pace;
  /** A planted mistake, for tests of the tests: the timeout of an old session ends whatever session the node has. */
  readonly lateTimeoutEndsAny?: boolean;
}

/** The broker without MQTT: one process, one seed, any weather. Worse than MQTT, which neither loses nor reorders within a connection. */
export class SimulatedBroker implements Broker {
  readonly counters = newCounters();
  weather: Weather;
  readonly #options: SimulatedBrokerOptions;
  readonly #sessions: SessionTable;
  readonly #enemy: Enemy;
  readonly #admission: Admission;
  readonly #lines = new Map<number, Line>();
  readonly #cut = new Set<string>();
  readonly #conditions = new Map<string, Condition>();
  #handler: BrokerHandler | undefined;
  #longestBytes = 0;

  constructor(options: SimulatedBrokerOptions) {
    this.#options = options;
    this.weather = options.weather ?? calm;
    this.#sessions = new SessionTable(options);
    this.#enemy = new Enemy(options.random);
    this.#admission = new Admission(options.clock, options.pace);
  }

  async start(handler: BrokerHandler, incarnation = 0): Promise<void> {
    this.#handler = handler;
    this.#sessions.begin(incarnation);
  }

  async stop(): Promise<void> {
    for (const line of [...this.#lines.values()]) {
      this.#farewell(line.session.node, line.session.bootId, line.end, 1_000);
      this.#hangUp(line, 'the hub stops', true);
    }
    this.#admission.stop();
    this.#handler = undefined;
  }

  /** The hub's process is gone: boards that can be reached learn of it, the hub learns nothing more. */
  abandon(): void {
    this.#handler = undefined;
    this.#admission.stop();
    for (const line of [...this.#lines.values()]) {
      const late = this.#silent(line.session.node, 'down') || this.#cut.has(line.session.node);
      this.#closeDevice(line, 'connection reset', late ? line.session.keepAliveMs * 1.5 : 0);
    }
    this.#lines.clear();
  }

  /** The longest payload that was handed over by either side. */
  get longestBytes(): number {
    return this.#longestBytes;
  }

  /** Connections that the hub knows of. */
  get lines(): number {
    return this.#lines.size;
  }

  /** Nodes whose board and hub both believe that they are connected, over a line that carries. */
  soundNodes(): string[] {
    return [...this.#lines.values()]
      .filter(({ deviceOpen, session }) => deviceOpen && !this.#silent(session.node, 'up') && !this.#silent(session.node, 'down'))
      .map(({ session }) => session.node);
  }

  /** A way to connect as the device with this identity; undefined is a device without a certificate. */
  dial(identity: DeviceIdentity | undefined): Dial {
    return async (introduction, end) => {
      const node = identity?.node ?? '';
      await this.#options.clock.sleep('simulated connect', this.#delayMs());
      if (this.#silent(node, 'up') || this.#silent(node, 'down')) {
        await this.#options.clock.sleep('simulated connect timeout', connectTimeoutMs);
        throw new Error('connection timed out');
      }
      if (!this.#handler || this.#cut.has(node)) throw new Error('connection refused');
      if (this.#options.pace) await this.#handshake();
      if (!this.#handler || this.#cut.has(node)) throw new Error('connection reset');
      try {
        this.#sessions.admit(identity, introduction, (incident) => this.#handler?.incident(incident));
      } catch (error) {
        if (error instanceof ConnectRefused) this.counters.refused[error.refusal]++;
        throw error;
      }
      const backlogMs = this.#handler.backlogMs?.() ?? 0;
      if (backlogMs <= brokerLimits.backlogMs) return this.#open(identity as DeviceIdentity, introduction, end);
      this.#farewell(node, introduction.bootId, end, backlogMs);
      this.#options.clock.after('simulated close', 0, () => end.closed('sent away'));
      return { send: async () => {}, close: () => {} };
    };
  }

  #handshake(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#admission.enter({ start: resolve, drop: () => reject(new Error('connection reset')), gone: false });
    });
  }

  /** A board that the network carries to hears when to come again. */
  #farewell(node: string, bootId: string, end: DeviceEnd, leastMs: number): void {
    this.counters.sentAway++;
    if (this.#silent(node, 'down') || this.#cut.has(node)) return;
    const topic = downTopic({ clusterId: this.#options.clusterId, node }, 'retry');
    const payloads = this.#handler?.farewell?.(node, bootId, this.#admission.nextSlotMs(leastMs)) ?? [];
    for (const payload of payloads) this.#options.clock.after('simulated farewell', 0, () => end.message(topic, payload));
  }

  /** Cuts a node off, or lets it back. The hub does not notice before the keep-alive ends. */
  partition(node: string, cut: boolean): void {
    if (!cut) return void this.#cut.delete(node);
    this.#cut.add(node);
    const line = this.#lineOf(node);
    if (line) this.#hangUp(line, 'connection lost', false);
  }

  /** The device's process ended; `noticed` is whether its kernel could still close the connection. */
  deviceGone(node: string, noticed: boolean): void {
    const line = this.#lineOf(node);
    if (line) this.#hangUp(line, 'the device ended', noticed && !this.#silent(node, 'up') && !this.#cut.has(node));
  }

  /** What the network does to a node from now on; undefined is nothing. */
  condition(node: string, condition: Condition | undefined): void {
    if (!condition) return void this.#conditions.delete(node);
    this.#conditions.set(node, condition);
    const line = this.#lineOf(node);
    if (!line || !condition.silent) return;
    const { clock } = this.#options;
    line.quietMs ??= clock.monotonicMs();
    // Pings get through in one direction at most, so both their questions and their answers fail to come.
    clock.after('simulated ping timeout', line.session.keepAliveMs * 1.5, () => {
      if (this.#conditions.get(node) !== condition || !this.#lines.has(line.session.epoch)) return;
      this.#hangUp(line, 'no answer to a ping', true);
    });
  }

  send(session: DeviceSession, kind: DownKind, payload: Buffer): Promise<void> {
    const line = this.#lines.get(session.epoch);
    if (!line) return Promise.reject(new Error(`the session of node ${session.node} is over`));
    const topic = downTopic({ clusterId: this.#options.clusterId, node: session.node }, kind);
    this.#carry(line, 'down', { node: session.node, topic, payload });
    return Promise.resolve();
  }

  disconnect(session: DeviceSession, reason: string): void {
    const line = this.#lines.get(session.epoch);
    if (line) this.#hangUp(line, reason, true);
  }

  expect(): void {}

  charge(): void {}

  get load(): BrokerLoad {
    const { perSecond, waiting, dropped } = this.#admission;
    return { sessions: this.#lines.size, queuedBytes: 0, admittedPerSecond: perSecond, waiting, dropped };
  }

  session(node: string): DeviceSession | undefined {
    return this.#sessions.get(node);
  }

  #lineOf(node: string): Line | undefined {
    const session = this.#sessions.get(node);
    return session && this.#lines.get(session.epoch);
  }

  #silent(node: string, direction: 'up' | 'down'): boolean {
    const silent = this.#conditions.get(node)?.silent;
    return silent === 'both' || silent === direction;
  }

  #open(identity: DeviceIdentity, introduction: Parameters<Dial>[0], end: DeviceEnd): DevicePipe {
    const { session, previous } = this.#sessions.open(identity, introduction, 'simulated');
    const old = previous && this.#lines.get(previous.epoch);
    if (old) this.#hangUp(old, 'taken over by a newer connection', true);
    const nowMs = this.#options.clock.monotonicMs();
    const line: Line = {
      session,
      end,
      heardMs: nowMs,
      quietMs: undefined,
      deviceOpen: true,
      up: { sent: 0, arrived: 0, busyUntilMs: nowMs },
      down: { sent: 0, arrived: 0, busyUntilMs: nowMs },
    };
    this.#lines.set(session.epoch, line);
    this.counters.connects++;
    this.#handler?.connected(session);
    return {
      send: async (topic, payload) => {
        if (!line.deviceOpen) throw new Error('the connection is closed');
        this.#carry(line, 'up', { node: session.node, topic, payload });
      },
      close: () => this.#hangUp(line, 'closed', !this.#silent(session.node, 'up')),
    };
  }

  #arrive(line: Line, direction: 'up' | 'down', packet: Packet): void {
    if (direction === 'down') {
      if (line.deviceOpen) line.end.message(packet.topic, packet.payload);
      return;
    }
    const { topic, payload } = packet;
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
    } catch (error) {
      // A newer board's kind of message is no trespass.
      const unsupported = error instanceof ProtocolError && error.reason === 'Unsupported' ? error : undefined;
      const message = unsupported?.message ?? `node ${session.node} may not publish to ${JSON.stringify(topic)}`;
      const refusal: Refusal = { about: topic, reason: unsupported ? 'Unsupported' : 'Forbidden', message };
      if (!unsupported) {
        this.counters.deniedPublishes++;
        this.#handler?.incident({ node: session.node, type: 'DeniedPublish', message });
      }
      for (const part of encodeJson(refusal)) void this.send(session, 'refusal', part).catch(() => {});
      return;
    }
    this.#handler?.message(session, kind, payload);
  }

  /** Delivers once, twice, late, in part, or not at all. */
  #carry(line: Line, direction: 'up' | 'down', packet: Packet): void {
    const { random, struck } = this.#options;
    const { weather } = this;
    this.#longestBytes = Math.max(this.#longestBytes, packet.payload.length);
    this.#enemy.hears(direction, packet);
    if (random.next() < weather.disconnect) {
      struck?.('cut at a message');
      this.#hangUp(line, 'connection lost', random.next() < 0.5);
      return;
    }
    if (this.#silent(packet.node, direction)) return void struck?.('half-open');
    if (random.next() < (weather.hostile ?? 0)) {
      struck?.('hostile');
      this.#deliver(line, direction, this.#enemy.invents(direction, packet));
    }
    const old = direction === 'down' && random.next() < (weather.replay ?? 0) ? this.#enemy.replays(packet.node) : undefined;
    if (old) {
      struck?.('replayed');
      this.#deliver(line, direction, old);
    }
    if (random.next() < weather.lose) return void struck?.('lost');
    if (random.next() < (weather.truncate ?? 0)) {
      struck?.('truncated');
      const length = Math.floor(random.next() * packet.payload.length);
      this.#deliver(line, direction, { ...packet, payload: packet.payload.subarray(0, length) });
      return;
    }
    this.#deliver(line, direction, packet);
    if (random.next() < weather.duplicate) {
      struck?.('duplicated');
      this.#deliver(line, direction, packet);
    }
  }

  #deliver(line: Line, direction: 'up' | 'down', packet: Packet): void {
    const { clock, struck } = this.#options;
    const way = line[direction];
    const { bytesPerSecond, latencyMs = 0 } = this.#conditions.get(packet.node) ?? {};
    const number = ++way.sent;
    let delayMs = this.#delayMs();
    if (delayMs > delayedMs) struck?.('delayed');
    if (bytesPerSecond !== undefined) {
      struck?.('slow link');
      // Rounded up: what a signature compresses to is not the seed's to say.
      const bytes = Math.ceil((packet.payload.length + overheadBytes) / 256) * 256;
      const nowMs = clock.monotonicMs();
      way.busyUntilMs = Math.max(nowMs, way.busyUntilMs) + (bytes / bytesPerSecond) * 1000;
      delayMs += way.busyUntilMs - nowMs;
    }
    clock.after('simulated delivery', delayMs + latencyMs, () => {
      if (number < way.arrived) struck?.('reordered');
      way.arrived = Math.max(way.arrived, number);
      this.#arrive(line, direction, packet);
    });
  }

  #hangUp(line: Line, reason: string, hubNotices: boolean): void {
    const { clock, struck, lateTimeoutEndsAny } = this.#options;
    line.quietMs ??= clock.monotonicMs();
    this.#closeDevice(line, reason, 0);
    if (hubNotices) {
      this.#ended(line, reason);
      return;
    }
    clock.after('simulated keep-alive timeout', line.session.keepAliveMs * 1.5, () => {
      const newer = this.#lineOf(line.session.node);
      if (newer && newer !== line) struck?.('late timeout');
      this.#ended(newer && lateTimeoutEndsAny ? newer : line, 'keep-alive timeout');
    });
  }

  #closeDevice(line: Line, reason: string, delayMs: number): void {
    if (!line.deviceOpen) return;
    line.deviceOpen = false;
    this.#options.clock.after('simulated close', delayMs, () => line.end.closed(reason));
  }

  #ended(line: Line, reason: string): void {
    if (!this.#lines.delete(line.session.epoch)) return;
    this.#sessions.close(line.session);
    this.counters.disconnects++;
    this.#handler?.disconnected(line.session, reason, this.#idleMs(line));
  }

  /** Pings count as heard; they are not simulated one by one. */
  #idleMs({ heardMs, quietMs, session }: Line): number {
    const nowMs = this.#options.clock.monotonicMs();
    const untilMs = Math.max(heardMs, quietMs ?? nowMs);
    return nowMs - (untilMs - ((untilMs - heardMs) % session.keepAliveMs));
  }

  #delayMs(): number {
    return this.weather.delayMs > 0 ? this.#options.random.next() * this.weather.delayMs : 0;
  }
}

/** As long as the agent's own attempts. */
const connectTimeoutMs = 15_000;
/** What counts as delayed. */
const delayedMs = 500;
/** TCP, TLS and MQTT around a payload, roughly. */
const overheadBytes = 100;

interface Way {
  sent: number;
  arrived: number;
  busyUntilMs: number;
}

interface Line {
  readonly session: DeviceSession;
  readonly end: DeviceEnd;
  heardMs: number;
  /** Since when not even pings get through. */
  quietMs: number | undefined;
  deviceOpen: boolean;
  readonly up: Way;
  readonly down: Way;
}
