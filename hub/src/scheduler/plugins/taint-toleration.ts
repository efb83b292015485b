import type { Taint } from '@flotilla/shared/api/generated/types.js';
import { tolerates } from '@flotilla/shared/api/tolerations.js';
import { normalizeByMax, type Plugin } from '../framework/plugin.ts';
import { type Status, unresolvable } from '../framework/status.ts';

const name = 'TaintToleration';

/** Keeps pods off nodes whose taints they do not tolerate; prefers nodes with fewer PreferNoSchedule taints. */
export function taintToleration(): Plugin {
  const refusals = new Map<string, Status>();
  const refusal = ({ key, value = '' }: Taint): Status => {
    const reason = `node(s) had untolerated taint {${key}: ${value}}`;
    let status = refusals.get(reason);
    if (!status) {
      if (refusals.size > 1000) refusals.clear();
      status = unresolvable(name, reason);
      refusals.set(reason, status);
    }
    return status;
  };
  return {
    name,
    weight: 3,
    events: ['NodeAdd', 'NodeTaintUpdate'],
    preFilter: ({ tolerations }) => ({
      filter(node) {
        for (const taint of node.hardTaints) {
          if (!tolerations.some((toleration) => tolerates(toleration, taint))) return refusal(taint);
        }
        return undefined;
      },
    }),
    preScore({ tolerations }) {
      const soft = tolerations.filter(({ effect }) => !effect || effect === 'PreferNoSchedule');
      return (node) => {
        let count = 0;
        for (const taint of node.softTaints) if (!soft.some((toleration) => tolerates(toleration, taint))) count++;
        return count;
      };
    },
    normalize: (scores, count) => normalizeByMax(scores, count, true),
  };
}
