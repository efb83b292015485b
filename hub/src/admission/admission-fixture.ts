import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { definitions } from '#registry/definitions.ts';
import { bootstrap } from '#registry/generic/bootstrap.ts';
import { type RegistryFixture, registryFixture } from '#registry/generic/registry-fixture.ts';
import { createAdmission } from './create-admission.ts';
import type { DefaultTolerations } from './default-toleration-seconds.ts';

/** For tests: all kinds behind the admission of a hub, with the namespaces that are always there. */
export async function admissionFixture(tolerations?: DefaultTolerations): Promise<RegistryFixture> {
  const clock = new FakeClock();
  const fixture = await registryFixture(definitions, {
    clock,
    admission: (registry) => createAdmission({ registry, clock, random: new SeededRandom(2), ...(tolerations ? { tolerations } : {}) }),
  });
  await bootstrap(fixture.registry);
  return fixture;
}
