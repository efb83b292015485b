import type { Plugin } from '../framework/plugin.ts';
import { unresolvable } from '../framework/status.ts';

const name = 'NodeName';
const refusal = unresolvable(name, "node(s) didn't match the requested node name");

/** A pod that names its node goes there only. */
export const nodeName: Plugin = {
  name,
  events: ['NodeAdd'],
  preFilter({ pod }) {
    const wanted = pod.spec?.nodeName;
    return wanted ? { filter: (node) => (node.name === wanted ? undefined : refusal) } : undefined;
  },
};
