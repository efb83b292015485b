import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { createLogger } from '@flotilla/shared/log/logger.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { ServiceAllocator } from '#registry/core/service-allocator.ts';
import { MemoryStore } from '#store/memory/memory-store.ts';
import { WatchCache } from '#store/watch-cache.ts';
import { createRegistry, type RegistryOptions } from './create-registry.ts';
import type { Admission, Registry, RequestContext, ResourceDefinition } from './types.ts';

export interface RegistryFixture {
  readonly registry: Registry;
  readonly cache: WatchCache;
  readonly store: MemoryStore;
  readonly clock: FakeClock;
  readonly ctx: RequestContext;
  readonly warnings: string[];
  close(): Promise<void>;
}

const openAdmission: Admission = { mutate: () => {}, validate: () => {} };

export interface FixtureOptions extends Partial<Omit<RegistryOptions, 'admission' | 'clock' | 'cache' | 'definitions'>> {
  readonly admission?: Admission | ((registry: () => Registry) => Admission);
  readonly clock?: FakeClock;
  readonly store?: MemoryStore;
}

/** For tests: a registry over the memory store with a clock and chance that repeat themselves. */
export async function registryFixture(definitions: readonly ResourceDefinition[], options: FixtureOptions = {}): Promise<RegistryFixture> {
  const { clock = new FakeClock(), store = new MemoryStore({ clock }), admission: given = openAdmission, ...rest } = options;
  const cache = new WatchCache({ store, logger: createLogger({ level: 'error', wallMs: () => clock.wallMs(), write: () => {} }) });
  await cache.start();
  const made: { registry?: Registry } = {};
  const admission = typeof given === 'function' ? given(() => made.registry as Registry) : given;
  const random = new SeededRandom(1);
  const ranges = { clusterIpRange: '10.96.0.0/24', nodePortRange: '30000-30099' };
  const allocators = { '/services': new ServiceAllocator({ cache, random, ...ranges }) };
  made.registry = createRegistry({ cache, clock, random, definitions, allocators, ...rest, admission });
  const warnings: string[] = [];
  const ctx: RequestContext = {
    user: { name: 'admin', groups: ['system:masters'] },
    userAgent: 'test/1.0',
    warn: (message) => warnings.push(message),
  };
  const close = async (): Promise<void> => {
    cache.stop();
    await store.close();
  };
  return { registry: made.registry, cache, store, clock, ctx, warnings, close };
}
