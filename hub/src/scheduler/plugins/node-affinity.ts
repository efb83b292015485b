import { normalizeByMax, type Plugin } from '../framework/plugin.ts';
import { unresolvable } from '../framework/status.ts';
import { compileTerm, namesOf } from './node-selector.ts';

const name = 'NodeAffinity';
const refusal = unresolvable(name, "node(s) didn't match Pod's node affinity/selector");

/** nodeSelector, required node affinity as a filter, preferred as a score. */
export const nodeAffinity: Plugin = {
  name,
  weight: 2,
  events: ['NodeAdd', 'NodeLabelUpdate'],
  preFilter({ pod }) {
    const selector = Object.entries(pod.spec?.nodeSelector ?? {});
    const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    if (selector.length === 0 && !terms) return undefined;
    const matches = terms?.map(compileTerm);
    const names = terms?.map(namesOf);
    const only =
      names && names.length > 0 && names.every((list) => list !== undefined) ? new Set(names.flatMap((list) => list ?? [])) : undefined;
    return {
      ...(only ? { only } : {}),
      filter(node) {
        for (const [key, value] of selector) if (node.labels[key] !== value) return refusal;
        if (!matches) return undefined;
        for (const match of matches) if (match(node)) return undefined;
        return refusal;
      },
    };
  },
  preScore({ pod }) {
    const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
    if (!preferred?.length) return undefined;
    const terms = preferred.map(({ weight, preference }) => ({ weight, match: compileTerm(preference) }));
    return (node) => {
      let score = 0;
      for (const { weight, match } of terms) if (match(node)) score += weight;
      return score;
    };
  },
  normalize: (scores, count) => normalizeByMax(scores, count, false),
};
