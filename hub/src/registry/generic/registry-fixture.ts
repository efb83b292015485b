import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { createLogger } from '@flotilla/shared/log/logger.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
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
  made.registry = createRegistry({ cache, clock, random: new SeededRandom(1), definitions, ...rest, admission });
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
