import type { Courier } from '@flotilla/agent/hublink/courier.js';
import type { DeviceEnd } from '@flotilla/shared/protocol/courier.js';

/** What went over a board's line: payload bytes as they travel (deflated, in chunks), and payloads, by direction and kind. */
export class LineCount {
  #kinds = new Map<string, { bytes: number; payloads: number }>();
  #listener: (kind: string, payload: Buffer) => void = () => {};

  add(topic: string, payload: Buffer): void {
    const kind = topic.split('/').slice(3).join('/');
    this.#listener(kind, payload);
    const { bytes, payloads } = this.#kinds.get(kind) ?? { bytes: 0, payloads: 0 };
    this.#kinds.set(kind, { bytes: bytes + payload.length, payloads: payloads + 1 });
  }

  /** `bytes('down/manifest')`, or all of `down/`. */
  bytes(prefix: string): number {
    return [...this.#kinds].filter(([kind]) => kind.startsWith(prefix)).reduce((sum, [, { bytes }]) => sum + bytes, 0);
  }

  payloads(prefix: string): number {
    return [...this.#kinds].filter(([kind]) => kind.startsWith(prefix)).reduce((sum, [, { payloads }]) => sum + payloads, 0);
  }

  listen(listener: (kind: string, payload: Buffer) => void): void {
    this.#listener = listener;
  }

  reset(): void {
    this.#kinds = new Map();
  }
}

export function countingCourier(courier: Courier, count: LineCount): Courier {
  return {
    connect: async (introduction, end) => {
      const counted: DeviceEnd = {
        message: (topic, payload) => {
          count.add(topic, payload);
          end.message(topic, payload);
        },
        closed: (reason) => end.closed(reason),
      };
      const pipe = await courier.connect(introduction, counted);
      return {
        ...pipe,
        send: (topic, payload) => {
          count.add(topic, payload);
          return pipe.send(topic, payload);
        },
        close: () => pipe.close(),
      };
    },
  };
}
