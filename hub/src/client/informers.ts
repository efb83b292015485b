import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { type KubeObject, objectKey } from '@flotilla/shared/meta/object.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { type RetrySchedule, retryDelayMs } from '@flotilla/shared/workqueue/retry-schedule.js';
import type { Registry, RequestContext, WatchEvent } from '#registry/generic/types.ts';
import { InformerCache } from './informer-cache.ts';
import type { Informer } from './types.ts';

export interface InformersOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Pick<Random, 'next'>;
  readonly logger: Logger;
  /** Resolves when the registry can be read; informers may be asked for before. At once when left out. */
  readonly readable?: Promise<void>;
  /** Told of each write of the hub's own clients that succeeded. */
  readonly wrote?: (user: string) => void;
}

const retry: RetrySchedule = { baseMs: 100, maxMs: 10_000 };

interface Running {
  readonly cache: InformerCache<KubeObject>;
  readonly ready: Promise<void>;
}

/**
 * One cache per resource for all parts of the hub, started when first asked for. It lists, then watches from the list's
 * revision; the registry hands events over as they commit, so whoever awaited a write finds it here. A watch that ends is
 * begun anew and the difference told.
 */
export class Informers {
  readonly #options: InformersOptions;
  readonly #stop = new AbortController();
  readonly #running = new Map<string, Running>();

  constructor(options: InformersOptions) {
    this.#options = options;
  }

  informer<T extends KubeObject>(group: string, resource: string): Informer<T> {
    const id = `${group}/${resource}`;
    let running = this.#running.get(id);
    if (!running) {
      const logger = this.#options.logger.with({ informer: id });
      const cache = new InformerCache<KubeObject>((error) => logger.error('a handler failed', { error }));
      const { promise, resolve } = Promise.withResolvers<void>();
      running = { cache, ready: promise };
      this.#running.set(id, running);
      void this.#run(group, resource, cache, logger, resolve);
    }
    // The registry of a resource yields objects of its kind only.
    return running.cache as unknown as Informer<T>;
  }

  /** A client of the hub's own wrote something. */
  wrote(user: string): void {
    this.#options.wrote?.(user);
  }

  /** Resolves when all informers asked for so far are filled; rejects with the signal's reason. */
  async synced(signal?: AbortSignal): Promise<void> {
    const all = Promise.all([...this.#running.values()].map(({ ready }) => ready)).then(() => {});
    if (!signal) return all;
    signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([all, promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  stop(): void {
    this.#stop.abort();
  }

  async #run(group: string, resource: string, cache: InformerCache<KubeObject>, logger: Logger, ready: () => void): Promise<void> {
    const { clock, random, readable } = this.#options;
    const { signal } = this.#stop;
    // Listing an empty cache that fills without events would miss everything in it.
    if (readable !== undefined) await readable;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#follow(group, resource, cache, () => {
          failures = 0;
          cache.synced = true;
          ready();
        });
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        logger.warn('the watch ended; listing again', { error, failures });
        await clock.sleep('informer', retryDelayMs(retry, failures, random), signal).catch(() => {});
      }
    }
  }

  /** One list and the watch after it; rejects when the watch ends. */
  async #follow(group: string, resource: string, cache: InformerCache<KubeObject>, filled: () => void): Promise<void> {
    const { signal } = this.#stop;
    const ctx: RequestContext = { user: { name: 'system:apiserver', groups: ['system:masters'] }, signal, warn: () => {} };
    const registry = this.#options.registry.resource(group, resource);
    const { items, resourceVersion } = await registry.list(ctx, '', {});
    cache.replace(items.map(({ object }) => object));
    const { promise: over, reject } = Promise.withResolvers<never>();
    over.catch(() => {});
    const event = ({ type, object: { object } }: WatchEvent): void => {
      if (type === 'BOOKMARK') return;
      if (type === 'DELETED') cache.remove(objectKey(object), object);
      else cache.put(object);
    };
    const watch = await registry.watch(
      ctx,
      '',
      { resourceVersion, allowWatchBookmarks: false },
      {
        event,
        ended: (error) => reject(error ?? new Error('the watch ended')),
      },
    );
    filled();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await over;
    } finally {
      signal.removeEventListener('abort', onAbort);
      watch.stop();
    }
  }
}
