import type { Clock } from '@flotilla/shared/clock/clock.js';
import { nameSuffix, type Random } from '@flotilla/shared/platform/random.js';
import type { RoleGuard } from '#auth/rbac/role-guard.ts';
import type { Admission, AdmissionAttributes, Registry } from '#registry/generic/types.ts';
import { boardBudget } from './board-budget.ts';
import { type DefaultTolerations, defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { fenceRecord } from './fence-record.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import { offlinePolicyPlugin } from './offline-policy.ts';
import type { AdmissionEnv, AdmissionPlugin } from './plugin.ts';
import { priority } from './priority.ts';
import { rebindPolicy } from './rebind-policy.ts';
import { serviceAccount } from './service-account.ts';
import { taintNewNodes } from './taint-new-nodes.ts';

/** In Kubernetes' order, then our own. */
const builtIn: readonly ((env: AdmissionEnv) => AdmissionPlugin)[] = [
  namespaceLifecycle,
  serviceAccount,
  nodeRestriction,
  taintNewNodes,
  priority,
  offlinePolicyPlugin,
  boardBudget,
  fenceRecord,
  rebindPolicy,
];

export interface AdmissionOptions {
  readonly registry: () => Registry;
  readonly clock: Clock;
  readonly random: Random;
  /** Kubernetes' own eviction; off when left out. */
  readonly tolerations?: DefaultTolerations;
  /** Looks at roles and bindings after the mutating plugins. */
  readonly roleGuard?: RoleGuard;
  /** Told of what every rule allowed, before it is written; what it throws refuses the write. */
  readonly allowed?: (attributes: AdmissionAttributes) => Promise<void>;
}

/** The chain of built-in plugins. `registry` is asked for when the first object comes, so that the registry can be made with this. */
export function createAdmission({ registry, clock, random, tolerations = {}, roleGuard, allowed }: AdmissionOptions): Admission {
  const env: AdmissionEnv = { registry, clock, suffix: () => nameSuffix(random) };
  const plugins = [...builtIn.map((create) => create(env)), defaultTolerationSeconds(tolerations)];
  return {
    async mutate(attributes: AdmissionAttributes) {
      for (const plugin of plugins) {
        const waits = plugin.mutate?.(attributes);
        // Most answer at once: waiting for each would cost more than they do.
        if (waits) await waits;
      }
      roleGuard?.(attributes);
    },
    validate(attributes: AdmissionAttributes) {
      for (const plugin of plugins) plugin.validate?.(attributes);
      return allowed?.(attributes);
    },
  };
}
