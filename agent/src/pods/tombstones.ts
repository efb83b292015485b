import { DurableRecord } from '@flotilla/shared/platform/durable-record.js';
import type { Files } from '@flotilla/shared/platform/files.js';

/** A pod that this board ran, ended and cleared away. Its uid never runs here again. */
export interface Tombstone {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** The last v1.PodStatus. */
  readonly status: Record<string, unknown>;
  /** The hub has acknowledged that it is gone. */
  readonly acknowledged?: boolean;
}

const mostKept = 200;

/**
 * The newest 200 tombstones.
 *
 * INVARIANT: a tombstone is on disk before anybody is told of it; they are added one after another.
 */
export class Tombstones {
  readonly #record: DurableRecord<Tombstone[]>;
  #stones = new Map<string, Tombstone>();
  #tail: Promise<void> = Promise.resolve();

  constructor(files: Files, path: string) {
    this.#record = new DurableRecord(files, path);
  }

  async load(): Promise<void> {
    const { value } = await this.#record.read();
    this.#stones = new Map((value ?? []).map((stone) => [stone.uid, stone]));
  }

  get(uid: string): Tombstone | undefined {
    return this.#stones.get(uid);
  }

  all(): IterableIterator<Tombstone> {
    return this.#stones.values();
  }

  /** Resolves when it is safe on disk. */
  add(stone: Tombstone): Promise<void> {
    const result = this.#tail.then(async () => {
      const next = new Map(this.#stones).set(stone.uid, stone);
      for (const uid of next.keys()) {
        if (next.size <= mostKept) break;
        next.delete(uid);
      }
      await this.#record.write([...next.values()]);
      // What was acknowledged meanwhile stays so.
      this.#stones = new Map([...next].map(([uid, kept]) => [uid, this.#stones.get(uid) ?? kept]));
    });
    this.#tail = result.catch(() => {});
    return result;
  }

  /** Written with the next tombstone; if that is lost the hub is merely told again. */
  acknowledge(uid: string): void {
    const stone = this.#stones.get(uid);
    if (stone) this.#stones.set(uid, { ...stone, acknowledged: true });
  }
}
