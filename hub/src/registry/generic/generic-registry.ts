import { badRequest, notFound, StatusError, tooManyRequests } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { encodeJson } from '#registry/decode/json-encode.ts';
import type { CachedObject } from '#store/cache.ts';
import { createObject } from './create-object.ts';
import { type DeleteResult, deleteObject } from './delete-object.ts';
import { deepFreeze } from './json.ts';
import { objectPath } from './keys.ts';
import { listObjects } from './list-objects.ts';
import type {
  DeleteOptions,
  ListOptions,
  ObjectList,
  RequestContext,
  ResourceDefinition,
  ResourceRegistry,
  Update,
  UpdateOptions,
  WatchOptions,
  WatchSink,
  WriteRequestOptions,
} from './types.ts';
import { type UpdateResult, updateObject } from './update-object.ts';
import { watchObjects } from './watch-objects.ts';
import type { WriteParts } from './write-parts.ts';

/** Counts the watches of a whole hub, so that they stay bounded. */
export class WatchBudget {
  readonly #limit: number;
  #open = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws StatusError TooManyRequests at the limit */
  take(): () => void {
    if (this.#open >= this.#limit) throw tooManyRequests('Too many requests, please try again later.', 1);
    this.#open++;
    let held = true;
    return () => {
      if (held) this.#open--;
      held = false;
    };
  }
}

/** Gives the object as it is to be shown; the very object when there is nothing to add. Never changes its argument. */
export type Overlay = (object: KubeObject) => KubeObject;

/** Any kind behind the one write path. */
export class GenericRegistry<T extends KubeObject = KubeObject> implements ResourceRegistry<T> {
  readonly #parts: WriteParts<T>;
  readonly #watches: WatchBudget;
  readonly #overlay: Overlay | undefined;

  constructor(parts: WriteParts<T>, watches: WatchBudget, overlay?: Overlay) {
    this.#parts = parts;
    this.#watches = watches;
    this.#overlay = overlay;
  }

  get definition(): ResourceDefinition<T> {
    return this.#parts.definition;
  }

  get(_ctx: RequestContext, namespace: string, name: string): CachedObject<T> {
    const { definition, cache } = this.#parts;
    const found = cache.get<T>(objectPath(definition, definition.namespaced ? namespace : '', name));
    if (!found) throw notFound(definition, name);
    return this.#shown(found);
  }

  async list(ctx: RequestContext, namespace: string, options?: ListOptions): Promise<ObjectList<T>> {
    const list = await listObjects(this.#parts, ctx, namespace, options);
    return this.#overlay ? { ...list, items: list.items.map((item) => this.#shown(item)) } : list;
  }

  #shown(cached: CachedObject<T>): CachedObject<T> {
    const shown = this.#overlay?.(cached.object);
    if (!shown || shown === cached.object) return cached;
    const object = deepFreeze(shown) as T;
    return { key: cached.key, revision: cached.revision, object, json: () => encodeJson(object) };
  }

  async watch(ctx: RequestContext, namespace: string, options: WatchOptions, sink: WatchSink<T>): Promise<{ stop(): void }> {
    const release = this.#watches.take();
    const ended = (error?: Error): void => {
      release();
      sink.ended(error);
    };
    try {
      const watch = await watchObjects(this.#parts, ctx, namespace, options, { event: (event) => sink.event(event), ended });
      return {
        stop: () => {
          release();
          watch.stop();
        },
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  async create(ctx: RequestContext, namespace: string, object: T, options?: WriteRequestOptions): Promise<CachedObject<T>> {
    this.#requireNamespace(namespace);
    return createObject(this.#parts, ctx, namespace, object, options);
  }

  async update(ctx: RequestContext, namespace: string, name: string, update: Update<T>, options?: UpdateOptions): Promise<UpdateResult<T>> {
    this.#requireNamespace(namespace);
    return updateObject(this.#parts, ctx, namespace, name, update, options);
  }

  async delete(ctx: RequestContext, namespace: string, name: string, options?: DeleteOptions): Promise<DeleteResult<T>> {
    this.#requireNamespace(namespace);
    return deleteObject(this.#parts, ctx, namespace, name, options);
  }

  /** Not atomic, as in Kubernetes: an error leaves the rest undeleted. The answer is what was there before. */
  async deleteCollection(
    ctx: RequestContext,
    namespace: string,
    list: ListOptions,
    options?: DeleteOptions,
  ): Promise<readonly CachedObject<T>[]> {
    this.#requireNamespace(namespace);
    const { items } = await this.list(ctx, namespace, list);
    const deleted: CachedObject<T>[] = [];
    for (const item of items) {
      const { namespace: own = '', name = '' } = item.object.metadata ?? {};
      try {
        await this.delete(ctx, own, name, options);
        deleted.push(item);
      } catch (error) {
        if (!(error instanceof StatusError) || error.reason !== 'NotFound') throw error;
      }
    }
    return deleted;
  }

  #requireNamespace(namespace: string): void {
    if (this.definition.namespaced && !namespace) throw badRequest('an empty namespace may not be set during creation');
  }
}
