import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Etcd3, ICompare, IRequestOp, ITxnResponse } from 'etcd3';
import {
  CompactedError,
  type KeyValue,
  type ListOptions,
  type ListResult,
  type PutOptions,
  type Revision,
  type Store,
  StoreBusyError,
  type StoreEvent,
  StoreUnavailableError,
  type ValueTransformer,
  type Watch,
  type WatchHandler,
  type WriteOptions,
  type WriteResult,
} from '../contract.ts';
import { type HistoryOptions, HistoryPolicy, repeat } from '../history-policy.ts';
import { connect, type EtcdConnection, KeySpace, translate } from './etcd-client.ts';
import { LiveFeed, toStoreEvent } from './live-feed.ts';
import { WatchStream } from './watch-stream.ts';

export interface EtcdStoreOptions extends EtcdConnection {
  /** What all keys begin with; `/flotilla` when left out. */
  readonly name?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly transformer?: ValueTransformer | undefined;
  readonly keepHistory?: HistoryOptions;
}

const pageRows = 250;
const maxUnderWay = 10_000;
/** How long the watch may lag behind a known revision before it is nudged. */
const patienceMs = 30;

/**
 * The store of several hubs: etcd itself, its mod revision being ours. Writes wait until this hub's own watch has
 * brought them, so a hub reads its own writes here too.
 */
export class EtcdStore implements Store {
  readonly shared = true;
  readonly epoch: number;
  readonly #options: EtcdStoreOptions;
  readonly #client: Etcd3;
  readonly #space: KeySpace;
  readonly #feed: LiveFeed;
  readonly #compaction: { stop(): void };
  #lastMark: Promise<unknown> = Promise.resolve();
  #nextMark: Promise<Revision> | undefined;
  #underWay = 0;
  #closed: Error | undefined;

  /** @throws StoreUnavailableError when etcd cannot be reached */
  static async open(options: EtcdStoreOptions): Promise<EtcdStore> {
    const client = connect(options, () => options.clock.wallMs());
    const space = new KeySpace(options.name ?? '/flotilla', options.transformer);
    try {
      const { epoch, revision } = await readEpoch(client, space);
      const feed = new LiveFeed(client, space, revision, options);
      await feed.start();
      return new EtcdStore(options, client, space, feed, epoch);
    } catch (error) {
      client.close();
      throw translate(error, 0, 0, 0);
    }
  }

  private constructor(options: EtcdStoreOptions, client: Etcd3, space: KeySpace, feed: LiveFeed, epoch: number) {
    this.#options = options;
    this.#client = client;
    this.#space = space;
    this.#feed = feed;
    this.epoch = epoch;
    const history = new HistoryPolicy(options.keepHistory);
    const compact = (): Promise<void> => this.compact(history.compactTo(options.clock.monotonicMs(), this.#feed.gate.current));
    this.#compaction = repeat(options.clock, 'etcd compaction', history.periodMs, compact, (error) => {
      if (!this.#closed) options.logger.warn('the history in etcd could not be compacted', { error });
    });
  }

  async currentRevision(): Promise<Revision> {
    this.#check();
    const { header } = await this.#ask(() => this.#client.kv.range({ key: this.#space.epoch, limit: 1 }));
    return Number(header.revision);
  }

  async waitFor(revision: Revision, signal?: AbortSignal): Promise<void> {
    const { gate } = this.#feed;
    if (revision <= gate.current) return;
    // Revisions that others make in the same etcd bring no event here; then the marker does.
    const timer = this.#options.clock.after('etcd marker', patienceMs, () => {
      this.#mark().catch(() => {});
    });
    try {
      await gate.wait(revision, signal);
    } finally {
      timer.cancel();
    }
  }

  async get(key: string): Promise<KeyValue | undefined> {
    this.#check();
    const { kvs } = await this.#ask(() => this.#client.kv.range({ key: this.#space.key(key) }));
    return this.#space.keyValue(kvs[0]);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    this.#check();
    const items: KeyValue[] = [];
    const limit = options.limit ?? 0;
    let revision = options.revision ?? 0;
    let { after } = options;
    for (;;) {
      const rows = limit ? Math.min(pageRows, limit - items.length) : pageRows;
      const request = { ...this.#space.range(prefix, after), limit: rows, revision };
      const page = await this.#ask(() => this.#client.kv.range(request), revision);
      for (const kv of page.kvs) {
        const item = this.#space.keyValue(kv);
        if (item) items.push(item);
      }
      revision ||= Number(page.header.revision);
      after = items.at(-1)?.key ?? after;
      const remaining = Number(page.count) - page.kvs.length;
      if (remaining === 0 || items.length === limit) return { items, revision, remaining };
    }
  }

  async put(key: string, value: string, options: PutOptions = {}): Promise<WriteResult> {
    this.#check();
    const lease = options.ttlSeconds
      ? (await this.#ask(() => this.#client.leaseClient.leaseGrant({ TTL: options.ttlSeconds ?? 0 }))).ID
      : '0';
    const put: IRequestOp = { request_put: { key: this.#space.key(key), value: this.#space.seal(key, value), lease, prev_kv: true } };
    const result = await this.#write(key, put, options, []);
    if (!result.ok && lease !== '0') this.#client.leaseClient.leaseRevoke({ ID: lease }).catch(() => {});
    return result;
  }

  delete(key: string, options: WriteOptions = {}): Promise<WriteResult> {
    const exists: ICompare = { key: this.#space.key(key), target: 'Mod', result: 'Greater', mod_revision: 0 };
    return this.#write(key, { request_delete_range: { key: this.#space.key(key), prev_kv: true } }, options, [exists]);
  }

  async watch(prefix: string, after: Revision, handler: WatchHandler): Promise<Watch> {
    const { fanOut, gate } = this.#feed;
    if (after >= (await this.currentRevision())) return fanOut.add(prefix, after, handler);
    // Live events wait until what came before them was read.
    const joined = gate.current;
    let waiting: StoreEvent[][] | undefined = [];
    const live = fanOut.add(prefix, Math.max(after, joined), {
      events: (events) => (waiting ? void waiting.push([...events]) : handler.events(events)),
      ended: (error) => handler.ended(error),
    });
    try {
      const mark = await this.#mark();
      await this.#history(prefix, after, mark, (events) => {
        const missed = events.filter((event) => event.revision <= joined);
        if (missed.length > 0) handler.events(missed);
      });
      await gate.wait(mark);
    } catch (error) {
      live.stop();
      throw error;
    }
    const held = waiting;
    waiting = undefined;
    for (const events of held) handler.events(events);
    return live;
  }

  async compact(revision: Revision): Promise<void> {
    this.#check();
    if (revision <= 0) return;
    try {
      await this.#ask(() => this.#client.kv.compact({ revision }), revision);
    } catch (error) {
      // Another hub was faster.
      if (!(error instanceof CompactedError)) throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = new StoreUnavailableError('the store is closed');
    this.#compaction.stop();
    this.#feed.close(this.#closed);
    this.#client.close();
  }

  #check(): void {
    if (this.#closed) throw this.#closed;
  }

  async #write(key: string, success: IRequestOp, options: WriteOptions, more: readonly ICompare[]): Promise<WriteResult> {
    this.#check();
    if (this.#underWay >= maxUnderWay) throw new StoreBusyError();
    const { expectedRevision, fence } = options;
    const compare = [...more];
    if (expectedRevision !== undefined) compare.push(this.#stillAt(key, expectedRevision));
    if (fence) compare.push(this.#stillAt(fence.key, fence.revision));
    const failure: IRequestOp[] = [key, ...(fence ? [fence.key] : [])].map((name) => ({ request_range: { key: this.#space.key(name) } }));
    this.#underWay++;
    try {
      const answer = await this.#ask(() => this.#client.kv.txn({ compare, success: [success], failure }));
      if (!answer.succeeded) return this.#refused(answer, options);
      const revision = Number(answer.header.revision);
      const [response] = answer.responses;
      const previous = this.#space.keyValue(response?.response_put?.prev_kv ?? response?.response_delete_range?.prev_kvs[0]);
      // Durable already: a watch that ends now does not undo it.
      await this.#feed.gate.wait(revision).catch(() => {});
      return { ok: true, revision, previous };
    } finally {
      this.#underWay--;
    }
  }

  #stillAt(key: string, revision: Revision): ICompare {
    return { key: this.#space.key(key), target: 'Mod', result: 'Equal', mod_revision: revision };
  }

  #refused(answer: ITxnResponse, { fence }: WriteOptions): WriteResult {
    const [own, lock] = answer.responses.map((response) => this.#space.keyValue(response.response_range.kvs[0]));
    if (fence && (lock?.revision ?? 0) !== fence.revision) return { ok: false, reason: 'fenced' };
    return { ok: false, reason: 'conflict', current: own };
  }

  /** Writes the marker and gives its revision. Whoever asks while one is being written shares the next. */
  #mark(): Promise<Revision> {
    this.#nextMark ??= this.#lastMark.then(() => {
      this.#nextMark = undefined;
      const mark = this.#ask(() => this.#client.kv.put({ key: this.#space.marker, value: Buffer.alloc(0) }));
      this.#lastMark = mark.catch(() => {});
      return mark.then(({ header }) => Number(header.revision));
    });
    return this.#nextMark;
  }

  /** Reads the events with this prefix in (after, mark]; the mark's own event tells that they are complete. */
  #history(prefix: string, after: Revision, mark: Revision, deliver: (events: readonly StoreEvent[]) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = new WatchStream({
        created: () => {},
        events: (received) => {
          deliver(received.flatMap((event) => toStoreEvent(event, this.#space)).filter((event) => event.key.startsWith(prefix)));
          if (Number(received.at(-1)?.kv.mod_revision ?? 0) < mark) return;
          stream.stop();
          resolve();
        },
        compacted: (revision) => reject(new CompactedError(revision)),
        broken: (error) => reject(translate(error, after, 0, 0)),
      });
      stream.start(this.#client, { ...this.#space.all, from: after + 1 });
    });
  }

  async #ask<T>(question: () => Promise<T>, asked: Revision = 0): Promise<T> {
    try {
      return await question();
    } catch (error) {
      if (this.#closed) throw this.#closed;
      const compacted = String(error).includes('has been compacted') ? await this.#compactRevision() : 0;
      throw translate(error, asked, this.#feed.gate.current, compacted);
    }
  }

  /** etcd tells its compaction only to a watch that asks for something before it. */
  #compactRevision(): Promise<Revision> {
    return new Promise((resolve, reject) => {
      const stream = new WatchStream({
        created: () => {},
        events: () => {
          stream.stop();
          resolve(0);
        },
        compacted: resolve,
        broken: reject,
      });
      stream.start(this.#client, { ...this.#space.all, from: 1 });
    });
  }
}

/** The epoch is a key of its own: a restore of etcd raises it. */
async function readEpoch(client: Etcd3, { epoch: key }: KeySpace): Promise<{ epoch: number; revision: Revision }> {
  const first = await client.kv.txn({
    compare: [{ key, target: 'Mod', result: 'Equal', mod_revision: 0 }],
    success: [{ request_put: { key, value: Buffer.from('1') } }],
    failure: [{ request_range: { key } }],
  });
  const epoch = first.succeeded ? 1 : Number(first.responses[0]?.response_range.kvs[0]?.value.toString());
  return { epoch, revision: Number(first.header.revision) };
}
