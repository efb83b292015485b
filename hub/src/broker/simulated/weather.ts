import type { Random } from '@flotilla/shared/platform/random.js';

/** How badly the simulated network behaves. All zero is a perfect line. */
export interface Weather {
  /** Each message takes up to this long; what is sent later may arrive earlier. */
  readonly delayMs: number;
  /** Chances per message, 0 to 1. */
  readonly duplicate: number;
  readonly lose: number;
  /** The connection breaks: everything on its way is lost. Half the time the hub notices late. */
  readonly disconnect: number;
  /** Only the beginning arrives. */
  readonly truncate?: number;
  /** Something that nobody sent arrives too: noise, what was sent before, what was meant for another board. */
  readonly hostile?: number;
  /** An older manifest of this board comes again. */
  readonly replay?: number;
}

export const calm: Weather = { delayMs: 0, duplicate: 0, lose: 0, disconnect: 0 };

/** What the network does to one board beside the weather. */
export interface Condition {
  /** Nothing passes this way, and nobody is told (a half-open connection, when it is one way). */
  readonly silent?: 'up' | 'down' | 'both';
  readonly bytesPerSecond?: number;
  /** Added to each message's way. */
  readonly latencyMs?: number;
}

/** What struck; `late timeout` is an old session's that ended after a newer one had begun. */
export type NetworkFault =
  | 'cut at a message'
  | 'lost'
  | 'duplicated'
  | 'delayed'
  | 'reordered'
  | 'truncated'
  | 'hostile'
  | 'replayed'
  | 'half-open'
  | 'slow link'
  | 'late timeout';

export interface Packet {
  readonly node: string;
  readonly topic: string;
  readonly payload: Buffer;
}

const remembered = 24;
const rememberedManifests = 8;

/** What an enemy on the line would send: he has heard everything, and has no keys. */
export class Enemy {
  readonly #random: Random;
  readonly #heard: { readonly up: Packet[]; readonly down: Packet[] } = { up: [], down: [] };
  /** By node: what it was told to run. */
  readonly #manifests = new Map<string, Packet[]>();

  constructor(random: Random) {
    this.#random = random;
  }

  hears(direction: 'up' | 'down', packet: Packet): void {
    const heard = this.#heard[direction];
    if (heard.length >= remembered) heard.shift();
    heard.push(packet);
    if (!packet.topic.endsWith('/down/manifest')) return;
    this.#manifests.set(packet.node, [...(this.#manifests.get(packet.node) ?? []).slice(1 - rememberedManifests), packet]);
  }

  /** What the board was told to run, and is not any more. */
  replays(node: string): Packet | undefined {
    const old = this.#manifests.get(node)?.slice(0, -1) ?? [];
    return old[Math.floor(this.#random.next() * old.length)];
  }

  /** In place of, or beside, a packet. */
  invents(direction: 'up' | 'down', { node, topic }: Packet): Packet {
    const heard = this.#heard[direction];
    const any = (packets: readonly Packet[]): Packet | undefined => packets[Math.floor(this.#random.next() * packets.length)];
    const others = heard.filter((packet) => packet.node !== node);
    switch (Math.floor(this.#random.next() * 6)) {
      case 0:
        return { node, topic, payload: this.#random.bytes(Math.floor(this.#random.next() * 300)) };
      case 1:
        return {
          node,
          topic,
          payload: Buffer.concat([Buffer.from([1]), Buffer.from('{"__proto__":{"session":1},"session":1,"number":1}')]),
        };
      case 2:
        return { node, topic, payload: Buffer.concat([Buffer.from([1]), Buffer.from('['.repeat(5_000))]) };
      case 3: {
        // Another board's words on this board's topic.
        const other = any(others);
        return other ? { node, topic, payload: other.payload } : { node, topic, payload: Buffer.alloc(0) };
      }
      case 4: {
        // Another board's topic.
        const other = any(others);
        return other ? { ...other, node } : { node, topic: `${topic}/more`, payload: Buffer.from([2, 0]) };
      }
      default:
        // What was said before, perhaps in another session.
        return { ...(any(heard.filter((packet) => packet.node === node)) ?? { topic, payload: Buffer.from([3]) }), node };
    }
  }
}
