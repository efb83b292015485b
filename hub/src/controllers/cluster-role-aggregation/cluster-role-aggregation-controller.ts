import { isDeepStrictEqual } from 'node:util';
import type { ClusterRole, PolicyRule } from '@flotilla/shared/api/generated/types.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import { labelSelector } from '@flotilla/shared/meta/selector.js';
import type { Controller, ControllerEnv } from '../controller.ts';

const group = 'rbac.authorization.k8s.io';

/**
 * A ClusterRole with an aggregationRule has the rules of all that its selectors name, by name, each rule once; nothing of its own
 * (kubernetes, `pkg/controller/clusterroleaggregation`). Keys are names of such roles.
 */
export function createClusterRoleAggregationController({ client }: ControllerEnv): Controller {
  const roles = client.informer<ClusterRole>(group, 'clusterroles');
  const resource = client.resource<ClusterRole>(group, 'clusterroles');
  const gathering = (): ClusterRole[] => roles.list().filter(({ aggregationRule }) => aggregationRule);
  return {
    watch(queue) {
      // Any role may be one that is gathered.
      const look = (): void => {
        for (const role of gathering()) queue.add(objectKey(role));
      };
      roles.on({ added: look, updated: look, deleted: look });
    },
    keys: () => gathering().map(objectKey),
    async reconcile(key) {
      const role = roles.get(key);
      if (!role?.aggregationRule || isDeepStrictEqual(gathered(role, roles.list()), role.rules ?? [])) return undefined;
      try {
        await resource.update('', key, (latest) => {
          const rules = gathered(latest, roles.list());
          return latest.aggregationRule && !isDeepStrictEqual(rules, latest.rules ?? []) ? { ...latest, rules } : latest;
        });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      return undefined;
    },
  };
}

/** The rules of what a role's selectors name. */
export function gathered({ metadata, aggregationRule }: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const rules: PolicyRule[] = [];
  const byName = [...all].sort((a, b) => (objectKey(a) < objectKey(b) ? -1 : 1));
  for (const given of aggregationRule?.clusterRoleSelectors ?? []) {
    const selector = labelSelector(given);
    for (const role of byName) {
      if (role.metadata?.name === metadata?.name || !selector.matches(role.metadata?.labels ?? {})) continue;
      for (const rule of role.rules ?? []) if (!rules.some((there) => isDeepStrictEqual(there, rule))) rules.push(rule);
    }
  }
  return rules;
}
