import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, notSupported } from '@flotilla/shared/errors/field.js';
import { expired, StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { CachedObject } from '#store/cache.ts';
import type { CacheEvent } from '#store/cache-events.ts';
import { CompactedError, type Revision } from '#store/contract.ts';
import { listPrefix } from './keys.ts';
import { parseRevision, type ReadParts, refuseOptions, waitForRevision } from './list-objects.ts';
import { type Selection, selectionOf } from './selection.ts';
import type { RequestContext, WatchEvent, WatchOptions, WatchSink } from './types.ts';
import { apiVersionOf, detached } from './write-parts.ts';

/** As often as Kubernetes' watch cache sends them. */
const bookmarkPeriodMs = 60_000;

/**
 * A watch with selectors, bookmarks and initial events. The sink may be called before this resolves, also with `ended`: a
 * revision that is too old ends the watch with an Expired error instead of refusing it, as in Kubernetes.
 * INVARIANT: events reach the sink in the order of their revisions, none twice; after `ended` or `stop` none.
 * @throws StatusError for options that cannot be served
 */
export async function watchObjects<T extends KubeObject>(
  parts: ReadParts<T>,
  ctx: RequestContext,
  namespace: string,
  options: WatchOptions,
  sink: WatchSink<T>,
): Promise<{ stop(): void }> {
  const { definition, cache } = parts;
  refuseOptions(watchFaults(options));
  const selection = selectionOf(definition, options);
  const wanted = parseRevision(options.resourceVersion);
  const initial = options.sendInitialEvents ?? !wanted;
  const prefix = listPrefix(definition, definition.namespaced ? namespace : '');
  if (initial && wanted) await waitForRevision(parts, wanted, ctx.signal);
  const watch = new ObjectWatch(parts, selection, options, sink);
  let after = wanted || cache.revision;
  if (initial) {
    after = cache.revision;
    for (const item of cache.list<T>(prefix)) {
      if (selection.matches(item.object)) watch.send({ type: 'ADDED', object: item });
    }
  }
  if (options.sendInitialEvents && options.allowWatchBookmarks) watch.bookmark(after, true);
  await watch.follow(prefix, after, ctx.signal);
  return watch;
}

class ObjectWatch<T extends KubeObject> {
  readonly #parts: ReadParts<T>;
  readonly #selection: Selection<T>;
  readonly #options: WatchOptions;
  readonly #sink: WatchSink<T>;
  readonly #release: (() => void)[] = [];
  #over = false;
  #lastRevision: Revision = 0;

  constructor(parts: ReadParts<T>, selection: Selection<T>, options: WatchOptions, sink: WatchSink<T>) {
    this.#parts = parts;
    this.#selection = selection;
    this.#options = options;
    this.#sink = sink;
  }

  async follow(prefix: string, after: Revision, signal: AbortSignal | undefined): Promise<void> {
    const { cache, clock } = this.#parts;
    this.#lastRevision = after;
    if (signal) {
      const onAbort = (): void => this.#end();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#release.push(() => signal.removeEventListener('abort', onAbort));
    }
    const { timeoutSeconds } = this.#options;
    if (timeoutSeconds) this.#release.push(cancelling(clock.after('watch timeout', timeoutSeconds * 1000, () => this.#timeout())));
    if (this.#options.allowWatchBookmarks) this.#scheduleBookmark();
    try {
      const sink = {
        events: (events: readonly CacheEvent[]) => this.#take(events),
        ended: (error: Error) => this.#end(translated(error, after)),
      };
      const inner = await cache.watchFrom(prefix, after, sink);
      if (this.#over) inner.stop();
      else this.#release.push(() => inner.stop());
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      this.#end(translated(error, after));
    }
  }

  stop(): void {
    this.#over = true;
    for (const release of this.#release.splice(0)) release();
  }

  send(event: WatchEvent<T>): void {
    if (!this.#over) this.#sink.event(event);
  }

  bookmark(revision: Revision, initialEventsEnd = false): void {
    const { definition } = this.#parts;
    const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
    const metadata = { resourceVersion: String(revision), ...annotations };
    const object = { kind: definition.kind, apiVersion: apiVersionOf(definition), metadata } as KubeObject as T;
    this.send({ type: 'BOOKMARK', object: detached('', object, revision) });
  }

  #take(events: readonly CacheEvent[]): void {
    for (const event of events) {
      if (event.revision <= this.#lastRevision) continue;
      const now = event.object as CachedObject<T>;
      const before = event.previous as CachedObject<T> | undefined;
      const matched = before !== undefined && this.#selection.matches(before.object);
      if (event.type === 'DELETED') {
        if (matched || !before) this.send({ type: 'DELETED', object: now });
      } else if (this.#selection.matches(now.object)) this.send({ type: matched ? 'MODIFIED' : 'ADDED', object: now });
      else if (matched) this.send({ type: 'DELETED', object: asLeft(event, before) });
    }
  }

  #scheduleBookmark(): void {
    const { cache, clock } = this.#parts;
    const timer = clock.after('watch bookmark', bookmarkPeriodMs, () => {
      if (this.#over) return;
      this.#release.splice(this.#release.indexOf(cancel), 1);
      this.bookmark(Math.max(cache.revision, this.#lastRevision));
      this.#scheduleBookmark();
    });
    const cancel = cancelling(timer);
    this.#release.push(cancel);
  }

  #timeout(): void {
    if (this.#over) return;
    if (this.#options.allowWatchBookmarks) this.bookmark(Math.max(this.#parts.cache.revision, this.#lastRevision));
    this.#end();
  }

  #end(error?: Error): void {
    if (this.#over) return;
    this.stop();
    this.#sink.ended(error);
  }
}

function cancelling(timer: { cancel(): void }): () => void {
  return () => timer.cancel();
}

/** Of an object that left the selection: the state that was last selected, under the revision at which it left. */
const left = new WeakMap<CacheEvent, CachedObject>();

/** One copy for all who watch. */
function asLeft<T extends KubeObject>(event: CacheEvent, { key, object: last }: CachedObject<T>): CachedObject<T> {
  const made = left.get(event);
  if (made) return made as CachedObject<T>;
  const metadata = { ...last.metadata, resourceVersion: String(event.revision) };
  const result = detached(key, { ...last, metadata }, event.revision);
  left.set(event, result);
  return result;
}

function translated(error: Error, after: Revision): Error {
  if (error instanceof CompactedError) return expired(`too old resource version: ${after} (${error.compactRevision})`);
  if (error instanceof StatusError) return error;
  return new StatusError(500, 'InternalError', `Internal error occurred: ${error.message}`, undefined, { cause: error });
}

function watchFaults({ sendInitialEvents, resourceVersionMatch: match, continue: next }: WatchOptions): FieldError[] {
  const faults: FieldError[] = [];
  const refuse = (why: string): number => faults.push(forbiddenField('resourceVersionMatch', why));
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
    refuse('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  if (next) refuse('resourceVersionMatch is forbidden when continue is provided');
  if (!match) return faults;
  if (sendInitialEvents === undefined) refuse('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
  if (match !== 'NotOlderThan') faults.push(notSupported('resourceVersionMatch', match, ['NotOlderThan']));
  return faults;
}
