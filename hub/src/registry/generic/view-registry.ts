import { StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { encodeJson } from '#registry/decode/json-encode.ts';
import type { CachedObject } from '#store/cache.ts';
import { deepFreeze } from './json.ts';
import { selectionOf } from './selection.ts';
import type {
  DeleteOptions,
  ListOptions,
  ObjectList,
  RequestContext,
  ResourceDefinition,
  ResourceRegistry,
  Update,
  UpdateOptions,
  View,
  WatchOptions,
  WatchSink,
  WriteRequestOptions,
} from './types.ts';
import { matchNamespace, refuseFaults } from './write-parts.ts';

/** A kind that is stored as another: what is read is shown in its own form, what is written goes the other's way once its own rules hold. */
export class ViewRegistry<T extends KubeObject = KubeObject> implements ResourceRegistry<T> {
  readonly definition: ResourceDefinition<T>;
  readonly #view: View<T>;
  readonly #stored: ResourceRegistry;
  readonly #shown = new WeakMap<KubeObject, CachedObject<T>>();

  constructor(definition: ResourceDefinition<T>, view: View<T>, stored: ResourceRegistry) {
    this.definition = definition;
    this.#view = view;
    this.#stored = stored;
  }

  get(ctx: RequestContext, namespace: string, name: string): CachedObject<T> {
    try {
      return this.#show(this.#stored.get(ctx, namespace, name));
    } catch (error) {
      throw this.#own(error);
    }
  }

  async list(ctx: RequestContext, namespace: string, options: ListOptions = {}): Promise<ObjectList<T>> {
    const list = await this.#stored.list(ctx, namespace, this.#selecting(options));
    return { ...list, items: list.items.map((item) => this.#show(item)) };
  }

  watch(ctx: RequestContext, namespace: string, options: WatchOptions, sink: WatchSink<T>): Promise<{ stop(): void }> {
    return this.#stored.watch(ctx, namespace, this.#selecting(options), {
      event: ({ type, object }) => sink.event({ type, object: this.#show(object) }),
      ended: (error) => sink.ended(error),
    });
  }

  async create(ctx: RequestContext, namespace: string, object: T, options?: WriteRequestOptions): Promise<CachedObject<T>> {
    const own = this.#placed(object, namespace);
    // Invalid objects are told of under the kind that is stored, as in Kubernetes.
    refuseFaults(this.#stored.definition, object.metadata?.name ?? '', this.definition.strategy.validate(own));
    return this.#show(await this.#told(this.#stored.create(ctx, namespace, this.#view.take(own), options)));
  }

  async update(
    ctx: RequestContext,
    namespace: string,
    name: string,
    update: Update<T>,
    options?: UpdateOptions,
  ): Promise<{ object: CachedObject<T>; created: boolean }> {
    const change = async (current: KubeObject): Promise<KubeObject> => {
      const old = this.#view.show(current);
      const next = this.#placed(await update(old), namespace);
      refuseFaults(this.#stored.definition, name, this.definition.strategy.validateUpdate(next, old));
      return this.#view.take(next);
    };
    const { createIfMissing } = options ?? {};
    const create = createIfMissing && (() => this.#view.take(createIfMissing() as T));
    const { object, created } = await this.#told(
      this.#stored.update(ctx, namespace, name, change, { ...options, ...(create ? { createIfMissing: create } : {}) }),
    );
    return { object: this.#show(object), created };
  }

  async delete(ctx: RequestContext, namespace: string, name: string, options?: DeleteOptions) {
    const { object, deleted } = await this.#told(this.#stored.delete(ctx, namespace, name, options));
    return { object: this.#show(object), deleted };
  }

  async deleteCollection(
    ctx: RequestContext,
    namespace: string,
    list: ListOptions,
    options?: DeleteOptions,
  ): Promise<readonly CachedObject<T>[]> {
    const deleted = await this.#stored.deleteCollection(ctx, namespace, this.#selecting(list), options);
    return deleted.map((object) => this.#show(object));
  }

  #placed(object: T, namespace: string): T {
    const own = { ...object, metadata: { ...object.metadata } };
    matchNamespace(this.definition, own, namespace);
    return own;
  }

  #show({ key, revision, object }: CachedObject): CachedObject<T> {
    const known = this.#shown.get(object);
    if (known) return known;
    const shown = deepFreeze(this.#view.show(object)) as T;
    let text: string | undefined;
    const cached: CachedObject<T> = {
      key,
      revision,
      object: shown,
      json() {
        text ??= encodeJson(shown);
        return text;
      },
    };
    this.#shown.set(object, cached);
    return cached;
  }

  /** The fields to select by, under the names of what is stored. @throws StatusError BadRequest for a field this kind does not select by */
  #selecting<O extends ListOptions>(options: O): O {
    if (!options.fieldSelector) return options;
    selectionOf(this.definition, { fieldSelector: options.fieldSelector });
    const fieldSelector = options.fieldSelector.replace(
      /(^|(?<!\\),)(\s*)([\w.]+)/g,
      (_all, before: string, space: string, field: string) => `${before}${space}${this.#view.fields[field] ?? field}`,
    );
    return { ...options, fieldSelector };
  }

  async #told<R>(work: Promise<R>): Promise<R> {
    try {
      return await work;
    } catch (error) {
      throw this.#own(error);
    }
  }

  /** What went wrong, said of this kind. */
  #own(error: unknown): unknown {
    if (!(error instanceof StatusError) || !error.details || error.reason === 'Invalid') return error;
    const { definition } = this.#stored;
    const { group, resource } = this.definition;
    const message = error.message.replace(`${definition.resource} "`, `${resource}.${group} "`);
    return new StatusError(error.code, error.reason, message, { ...error.details, group }, { cause: error });
  }
}
