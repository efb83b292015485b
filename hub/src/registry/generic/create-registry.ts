import type { Clock } from '@flotilla/shared/clock/clock.js';
import { StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { WatchCache } from '#store/watch-cache.ts';
import type { Allocator } from './allocation.ts';
import { GenericRegistry, type Overlay, WatchBudget } from './generic-registry.ts';
import type { Admission, Registry, ResourceDefinition, ResourceRegistry } from './types.ts';
import { ViewRegistry } from './view-registry.ts';

export interface RegistryOptions {
  readonly cache: WatchCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly admission: Admission;
  readonly definitions: readonly ResourceDefinition[];
  /** Watches open at once in the whole hub; above that the answer is 429. */
  readonly maxWatches?: number;
  /** By `group/resource`: what get and list show in place of the stored object, where memory knows better. */
  readonly overlays?: Readonly<Record<string, Overlay>>;
  /** By `group/resource`: what gives objects of a kind what no two of them may have. */
  readonly allocators?: Readonly<Record<string, Allocator>>;
}

const defaultMaxWatches = 20_000;

/** The resources of a hub behind the one write path. @throws Error when two definitions claim one resource */
export function createRegistry({
  cache,
  clock,
  random,
  admission,
  definitions,
  maxWatches,
  overlays = {},
  allocators = {},
}: RegistryOptions): Registry {
  const watches = new WatchBudget(maxWatches ?? defaultMaxWatches);
  const found = new Map<string, ResourceRegistry>();
  const views = definitions.filter(({ viewOf }) => viewOf);
  for (const definition of definitions) {
    if (definition.viewOf) continue;
    const key = `${definition.group}/${definition.resource}`;
    if (found.has(key)) throw new Error(`the resource ${key} is defined twice`);
    const parts = { definition, cache, clock, random, admission, allocator: allocators[key] };
    found.set(key, new GenericRegistry(parts, watches, overlays[key]));
  }
  for (const definition of views) {
    const { viewOf, group, resource } = definition;
    const stored = viewOf && found.get(`${viewOf.group}/${viewOf.resource}`);
    if (!stored) throw new Error(`the resource ${group}/${resource} shows one that is not defined`);
    found.set(`${group}/${resource}`, new ViewRegistry(definition, viewOf, stored));
  }
  const all = [...found.values()];
  return {
    resource<T extends KubeObject>(group: string, resource: string): ResourceRegistry<T> {
      const registry = found.get(`${group}/${resource}`);
      if (!registry) throw new StatusError(404, 'NotFound', 'the server could not find the requested resource');
      // The definition registered for this resource decides what T is; the caller names the type that belongs to it.
      return registry as unknown as ResourceRegistry<T>;
    },
    resources: () => all,
  };
}
