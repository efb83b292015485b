import { tolerates } from '@flotilla/shared/api/tolerations.js';
import { normalizeByMax, type Plugin } from '../framework/plugin.ts';
import { unresolvable } from '../framework/status.ts';

const name = 'TaintToleration';
// Since 1.34.2 without the taint's key and value: a pod's owner need not know how nodes are marked.
const refusal = unresolvable(name, 'node(s) had untolerated taint(s)');

/** Keeps pods off nodes whose taints they do not tolerate; prefers nodes with fewer PreferNoSchedule taints. */
export const taintToleration: Plugin = {
  name,
  weight: 3,
  events: ['NodeAdd', 'NodeTaintUpdate'],
  preFilter: ({ tolerations }) => ({
    filter(node) {
      for (const taint of node.hardTaints) {
        if (!tolerations.some((toleration) => tolerates(toleration, taint))) return refusal;
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
