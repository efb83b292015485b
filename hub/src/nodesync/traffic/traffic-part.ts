import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { tooManyRequests, unavailable } from '@flotilla/shared/errors/status.js';
import type { UpKind } from '@flotilla/shared/protocol/topics.js';
import { type BoardTraffic, parseTraffic, type TrafficClass, trafficClasses } from '@flotilla/shared/protocol/traffic-messages.js';
import type { NodeChannel, NodePart } from '../node-part.ts';

/** The figures of one board. */
export interface KnownTraffic {
  readonly node: string;
  /** By the hub's clock: when the board said so. */
  readonly asOfMs: number;
  readonly traffic: BoardTraffic;
}

export interface TrafficPartOptions {
  readonly clock: Clock;
  /** Counts what boards sent and received, all together. */
  readonly count: (name: TrafficClass, direction: 'up' | 'down', bytes: number) => void;
}

interface Asked {
  readonly channel: NodeChannel;
  readonly resolve: (known: KnownTraffic) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

/** A board on a slow line answers within this, or what is known must do. */
const answerMs = 15_000;
const mostAsked = 256;
/** Boards that went away are remembered, the newest of them. */
const mostKnown = 20_000;

/**
 * What boards say of their traffic: the newest figures of each, in memory. Boards tell now and then, along with a report; who wants to
 * know it now has them asked. After a start of the hub a board that is away is unknown until it comes back.
 */
export class TrafficPart implements NodePart {
  readonly kinds: readonly UpKind[] = ['traffic'];
  readonly #options: TrafficPartOptions;
  readonly #known = new Map<string, KnownTraffic>();
  readonly #channels = new Map<string, NodeChannel>();
  readonly #asked = new Map<number, Asked>();
  #question = 0;

  constructor(options: TrafficPartOptions) {
    this.#options = options;
  }

  begin(channel: NodeChannel): void {
    this.#channels.set(channel.device.node, channel);
  }

  end(channel: NodeChannel): void {
    const { node, epoch } = channel.device;
    if (this.#channels.get(node)?.device.epoch === epoch) this.#channels.delete(node);
    for (const [question, asked] of this.#asked) {
      if (asked.channel.device.epoch === epoch) this.#settle(question)?.reject(unavailable(`node ${node} went away`));
    }
  }

  receive(_kind: UpKind, value: unknown, { device }: NodeChannel): void {
    const { session, answer, traffic } = parseTraffic(value);
    if (session !== device.epoch) return;
    const known: KnownTraffic = { node: device.node, asOfMs: this.#options.clock.wallMs(), traffic };
    this.#count(known);
    this.#known.delete(device.node);
    this.#known.set(device.node, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostKnown && oldest !== undefined) this.#known.delete(oldest);
    const asked = answer === undefined ? undefined : this.#asked.get(answer);
    if (answer !== undefined && asked?.channel.device.epoch === device.epoch) this.#settle(answer)?.resolve(known);
  }

  /**
   * As of now where the board is there and answers, else as it said last; undefined when it never did.
   * @throws StatusError 429 when too many are asked at once
   */
  async figures(node: string): Promise<KnownTraffic | undefined> {
    const channel = this.#channels.get(node);
    if (!channel) return this.#known.get(node);
    try {
      return await this.#ask(channel);
    } catch (error) {
      const known = this.#known.get(node);
      if (known) return known;
      throw error;
    }
  }

  /** Of all boards that said anything. */
  all(): readonly KnownTraffic[] {
    return [...this.#known.values()];
  }

  #ask(channel: NodeChannel): Promise<KnownTraffic> {
    if (this.#asked.size >= mostAsked) throw tooManyRequests(`${mostAsked} boards are being asked already`, 1);
    const question = ++this.#question;
    return new Promise((resolve, reject) => {
      const { node } = channel.device;
      const timer = this.#options.clock.after('traffic: answer', answerMs, () =>
        this.#settle(question)?.reject(unavailable(`node ${node} did not answer within ${answerMs / 1000} s`)),
      );
      this.#asked.set(question, { channel, resolve, reject, timer });
      channel.send('traffic', { session: channel.device.epoch, question }).catch((error: Error) => this.#settle(question)?.reject(error));
    });
  }

  #settle(question: number): Asked | undefined {
    const asked = this.#asked.get(question);
    asked?.timer.cancel();
    this.#asked.delete(question);
    return asked;
  }

  /** What was added since the board said so last; a board heard for the first time begins here, and one whose counts went back begins anew. */
  #count({ node, traffic }: KnownTraffic): void {
    const before = this.#known.get(node)?.traffic;
    if (!before) return;
    const anew = before.sinceMs !== traffic.sinceMs;
    for (const name of trafficClasses) {
      const [now, last] = [traffic.classes[name], anew ? undefined : before.classes[name]];
      for (const direction of ['up', 'down'] as const) {
        const bytes = (now?.[direction] ?? 0) - (last?.[direction] ?? 0);
        if (bytes > 0) this.#options.count(name, direction, bytes);
      }
    }
  }
}
