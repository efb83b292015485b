import { createHash } from 'node:crypto';
import { DurableRecord } from '@flotilla/shared/platform/durable-record.js';
import type { Files } from '@flotilla/shared/platform/files.js';

/** A board that joined: which key is which node. */
export interface LedgerBoard {
  readonly node: string;
  /** `keyIdOf` of its public key. */
  readonly keyId: string;
  readonly serial: string;
}

/** Where the newest epoch of this cluster began: higher ones were never given out. */
export interface EpochRecord {
  readonly epoch: number;
  readonly revision: number;
}

interface ShardContent {
  readonly boards: Record<string, { readonly keyId: string; readonly serial: string }>;
  /** Keys that lost their node, by `NODE KEYID`. */
  readonly revoked: readonly string[];
}

interface Shard {
  readonly record: DurableRecord<ShardContent>;
  readonly boards: Map<string, LedgerBoard>;
  readonly revoked: Set<string>;
  /** The write that will carry what changed since the last one began. */
  next: Promise<void> | undefined;
  last: Promise<void>;
}

/** Boards are spread over so many files, so that a board more costs the same in a large fleet as in a small one. */
const shardCount = 64;

/**
 * What must survive the loss of the store, kept beside the key of the authority and outside every backup: the boards that joined, the
 * keys that were revoked, and the newest epoch.
 *
 * INVARIANTS: what a call resolves for is on disk; a ledger that cannot be read whole is an error, never an empty one: a revocation
 * would be forgotten with it.
 */
export class Ledger {
  readonly #epochs: DurableRecord<EpochRecord>;
  readonly #shards: readonly Shard[];
  #epoch: EpochRecord = { epoch: 0, revision: 0 };

  private constructor(files: Files, dir: string) {
    this.#epochs = new DurableRecord(files, `${dir}/epoch`);
    this.#shards = Array.from({ length: shardCount }, (_, index) => ({
      record: new DurableRecord<ShardContent>(files, `${dir}/boards-${String(index).padStart(2, '0')}`),
      boards: new Map(),
      revoked: new Set(),
      next: undefined,
      last: Promise.resolve(),
    }));
  }

  /** @throws Error when what is there is damaged beyond its second copy */
  static async open({ files, dir }: { readonly files: Files; readonly dir: string }): Promise<Ledger> {
    await files.mkdir(dir, { mode: 0o700 });
    const ledger = new Ledger(files, dir);
    ledger.#epoch = (await whole(ledger.#epochs, dir)) ?? ledger.#epoch;
    for (const shard of ledger.#shards) {
      const content = await whole(shard.record, dir);
      for (const [node, board] of Object.entries(content?.boards ?? {})) shard.boards.set(node, { node, ...board });
      for (const entry of content?.revoked ?? []) shard.revoked.add(entry);
    }
    return ledger;
  }

  /** Epoch 0: this cluster never had one. */
  get newest(): EpochRecord {
    return this.#epoch;
  }

  /** A higher epoch than every one before begins at this revision. */
  async beginEpoch(epoch: EpochRecord): Promise<void> {
    if (epoch.epoch <= this.#epoch.epoch) throw new Error(`epoch ${epoch.epoch} is not above ${this.#epoch.epoch}`);
    await this.#epochs.write(epoch);
    this.#epoch = epoch;
  }

  board(node: string): LedgerBoard | undefined {
    return this.#of(node).boards.get(node);
  }

  boards(): readonly LedgerBoard[] {
    return this.#shards.flatMap((shard) => [...shard.boards.values()]);
  }

  isRevoked(node: string, keyId: string): boolean {
    return this.#of(node).revoked.has(`${node} ${keyId}`);
  }

  /** The board joined; takes a revocation of this very key for this very node back. */
  async enter(board: LedgerBoard): Promise<void> {
    const shard = this.#of(board.node);
    shard.boards.set(board.node, board);
    shard.revoked.delete(`${board.node} ${board.keyId}`);
    await save(shard);
  }

  /** The key is no longer that node's. */
  async revoke(node: string, keyId: string): Promise<void> {
    const shard = this.#of(node);
    shard.revoked.add(`${node} ${keyId}`);
    if (shard.boards.get(node)?.keyId === keyId) shard.boards.delete(node);
    await save(shard);
  }

  #of(node: string): Shard {
    return this.#shards[(createHash('sha256').update(node).digest()[0] ?? 0) % shardCount] as Shard;
  }
}

async function whole<T>(record: DurableRecord<T>, dir: string): Promise<T | undefined> {
  const { value, damaged } = await record.read();
  if (value === undefined && damaged)
    throw new Error(`the ledger of boards in ${dir} is damaged; restore the directory beside it from a copy of the keys`);
  return value;
}

/** One write at a time a shard: whoever comes while one is under way shares the next. */
function save(shard: Shard): Promise<void> {
  shard.next ??= shard.last.then(() => {
    shard.next = undefined;
    const boards = Object.fromEntries([...shard.boards.values()].map(({ node, keyId, serial }) => [node, { keyId, serial }]));
    const written = shard.record.write({ boards, revoked: [...shard.revoked] });
    shard.last = written.catch(() => {});
    return written;
  });
  return shard.next;
}
