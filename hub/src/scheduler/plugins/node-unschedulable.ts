import { tolerates } from '@flotilla/shared/api/tolerations.js';
import type { Plugin } from '../framework/plugin.ts';
import { unresolvable } from '../framework/status.ts';

const name = 'NodeUnschedulable';
const refusal = unresolvable(name, 'node(s) were unschedulable');
const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** Keeps pods off cordoned nodes. */
export const nodeUnschedulable: Plugin = {
  name,
  events: ['NodeAdd', 'NodeUnschedulableUpdate', 'NodeTaintUpdate'],
  preFilter({ tolerations }) {
    if (tolerations.some((toleration) => tolerates(toleration, taint))) return undefined;
    return { filter: (node) => (node.unschedulable ? refusal : undefined) };
  },
};
