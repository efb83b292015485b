import { type KubeObject, objectKey } from '@flotilla/shared/meta/object.js';
import type { Informer, InformerHandler } from './types.ts';

interface Index<T> {
  readonly values: (object: T) => readonly string[];
  /** Value → the objects by key, kept as they change. */
  readonly entries: Map<string, Map<string, T>>;
}

const none: readonly never[] = [];

/**
 * One resource's objects in memory, with indexes and handlers.
 *
 * INVARIANTS
 * - The objects are the shared frozen ones: nothing is copied.
 * - The cache and its indexes hold a change before any handler is told of it.
 * - A handler hears the changes of an object in order; one that throws does not keep the others from hearing.
 */
export class InformerCache<T extends KubeObject> implements Informer<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #broken: (error: unknown) => void;
  #all: readonly T[] | undefined;
  synced = false;

  /** `broken` is told of handlers that throw. */
  constructor(broken: (error: unknown) => void) {
    this.#broken = broken;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): readonly T[] {
    if (namespace) {
      this.index('namespace', byNamespace);
      return this.byIndex('namespace', namespace);
    }
    this.#all ??= [...this.#objects.values()];
    return this.#all;
  }

  byIndex(index: string, value: string): readonly T[] {
    const known = this.#indexes.get(index);
    if (!known) throw new Error(`there is no index ${JSON.stringify(index)}`);
    const found = known.entries.get(value);
    return found ? [...found.values()] : none;
  }

  index(name: string, values: (object: T) => readonly string[]): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { values, entries: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) enter(index, key, object);
  }

  on(handler: InformerHandler<T>): { stop(): void } {
    // Handlers are told apart by identity: the same object may be given twice.
    const own: InformerHandler<T> = {
      added: (object) => handler.added?.(object),
      updated: (object, old) => handler.updated?.(object, old),
      deleted: (object) => handler.deleted?.(object),
    };
    this.#handlers.add(own);
    for (const object of [...this.#objects.values()]) this.#tell(() => own.added?.(object));
    return { stop: () => void this.#handlers.delete(own) };
  }

  /** Takes the newest state of an object and tells the handlers. */
  put(object: T): void {
    const key = objectKey(object);
    const old = this.#objects.get(key);
    if (old && old.metadata?.resourceVersion === object.metadata?.resourceVersion) return;
    this.#objects.set(key, object);
    this.#all = undefined;
    for (const index of this.#indexes.values()) {
      if (old) leave(index, key, old, index.values(object));
      enter(index, key, object);
    }
    // Deleted and created again between two looks: to a handler these are two objects.
    const replaced = old !== undefined && old.metadata?.uid !== object.metadata?.uid;
    for (const handler of [...this.#handlers]) {
      this.#tell(() => {
        if (replaced) handler.deleted?.(old);
        if (old && !replaced) handler.updated?.(object, old);
        else handler.added?.(object);
      });
    }
  }

  remove(key: string, last?: T): void {
    const old = this.#objects.get(key);
    if (!old) return;
    this.#objects.delete(key);
    this.#all = undefined;
    for (const index of this.#indexes.values()) leave(index, key, old);
    for (const handler of [...this.#handlers]) this.#tell(() => handler.deleted?.(last ?? old));
  }

  /** Makes the cache hold exactly these, telling the handlers of the difference. */
  replace(objects: readonly T[]): void {
    const keys = new Set(objects.map(objectKey));
    for (const key of [...this.#objects.keys()]) if (!keys.has(key)) this.remove(key);
    for (const object of objects) this.put(object);
  }

  #tell(what: () => void): void {
    try {
      what();
    } catch (error) {
      this.#broken(error);
    }
  }
}

function byNamespace(object: KubeObject): readonly string[] {
  return [object.metadata?.namespace ?? ''];
}

function enter<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.values(object)) {
    const there = index.entries.get(value);
    if (there) there.set(key, object);
    else index.entries.set(value, new Map([[key, object]]));
  }
}

/** @param kept values under which it stays */
function leave<T>(index: Index<T>, key: string, object: T, kept: readonly string[] = none): void {
  for (const value of index.values(object)) {
    if (kept.includes(value)) continue;
    const there = index.entries.get(value);
    there?.delete(key);
    if (there?.size === 0) index.entries.delete(value);
  }
}
