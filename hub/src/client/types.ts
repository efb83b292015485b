import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { DeleteOptions, Update } from '#registry/generic/types.ts';

/** Frozen objects in the shared cache; reading costs nothing and is never stale against one's own writes. */
export interface Lister<T extends KubeObject> {
  /** By `namespace/name` (or name). */
  get(key: string): T | undefined;
  /** All, or those of a namespace. */
  list(namespace?: string): readonly T[];
  /** By an index given to `informer.index`. */
  byIndex(index: string, value: string): readonly T[];
}

export interface InformerHandler<T extends KubeObject> {
  added?(object: T): void;
  updated?(object: T, old: T): void;
  deleted?(object: T): void;
}

export interface Informer<T extends KubeObject> extends Lister<T> {
  /** True once everything that was there has been seen. */
  readonly synced: boolean;
  /** Calls `added` for what is there, then follows the changes. Handlers must not throw and must not block. */
  on(handler: InformerHandler<T>): { stop(): void };
  /** Keeps objects findable by derived values (node name, owner uid); cheap to ask for twice. */
  index(name: string, values: (object: T) => readonly string[]): void;
}

export interface ResourceClient<T extends KubeObject> {
  create(namespace: string, object: T): Promise<T>;
  update(namespace: string, name: string, update: Update<T>): Promise<T>;
  updateStatus(namespace: string, name: string, update: Update<T>): Promise<T>;
  /** `finalize` of a namespace and the like. */
  updateSubresource(namespace: string, name: string, subresource: string, update: Update<T>): Promise<T>;
  delete(namespace: string, name: string, options?: DeleteOptions): Promise<void>;
}

/** A resource that is served, as far as those need who treat all alike. */
export interface ServedResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly resource: string;
  readonly namespaced: boolean;
}

/** The in-process client of one identity. Writes take the same path as everybody's. */
export interface Client {
  informer<T extends KubeObject>(group: string, resource: string): Informer<T>;
  resource<T extends KubeObject>(group: string, resource: string): ResourceClient<T>;
  /** All resources served now. */
  resources(): readonly ServedResource[];
  /** `POST pods/NAME/binding`. */
  bind(namespace: string, pod: string, uid: string, node: string): Promise<void>;
  /** Resolves when every informer asked for so far has seen all there was. Decide nothing on an absence before. */
  synced(signal?: AbortSignal): Promise<void>;
}

export interface EventRecorder {
  /** Records an Event about `about`; repeats within ten minutes count up the one that is there. Never throws, never blocks. */
  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
}
