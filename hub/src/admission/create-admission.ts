import type { Clock } from '@flotilla/shared/clock/clock.js';
import { nameSuffix, type Random } from '@flotilla/shared/platform/random.js';
import type { Admission, AdmissionAttributes, Registry } from '#registry/generic/types.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import type { AdmissionEnv, AdmissionPlugin } from './plugin.ts';
import { priority } from './priority.ts';
import { serviceAccount } from './service-account.ts';
import { taintNewNodes } from './taint-new-nodes.ts';

/** In Kubernetes' order. There is no DefaultTolerationSeconds: a board that is away keeps its pods until somebody decides otherwise. */
const builtIn: readonly ((env: AdmissionEnv) => AdmissionPlugin)[] = [
  namespaceLifecycle,
  serviceAccount,
  nodeRestriction,
  taintNewNodes,
  priority,
];

export interface AdmissionOptions {
  readonly registry: () => Registry;
  readonly clock: Clock;
  readonly random: Random;
}

/** The chain of built-in plugins. `registry` is asked for when the first object comes, so that the registry can be made with this. */
export function createAdmission({ registry, clock, random }: AdmissionOptions): Admission {
  const plugins = builtIn.map((create) => create({ registry, clock, suffix: () => nameSuffix(random) }));
  return {
    async mutate(attributes: AdmissionAttributes) {
      for (const plugin of plugins) await plugin.mutate?.(attributes);
    },
    validate(attributes: AdmissionAttributes) {
      for (const plugin of plugins) plugin.validate?.(attributes);
    },
  };
}
