import { createAdmission } from '@flotilla/hub/admission/create-admission.js';
import type { DefaultTolerations } from '@flotilla/hub/admission/default-toleration-seconds.js';
import { definitions } from '@flotilla/hub/registry/definitions.js';
import { bootstrap } from '@flotilla/hub/registry/generic/bootstrap.js';
import { type RegistryFixture, registryFixture } from '@flotilla/hub/registry/generic/registry-fixture.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';

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
