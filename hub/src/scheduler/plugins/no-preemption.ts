import type { Plugin } from '../framework/plugin.ts';

/** Stands where preemption will: no victims are looked for, and it says so in the words kubectl users know. */
export const noPreemption: Plugin = {
  name: 'DefaultPreemption',
  events: ['AssignedPodDelete'],
  postFilter({ pod }, { nodes }, diagnosis) {
    if (nodes.length === 0) return undefined;
    if (pod.spec?.preemptionPolicy === 'Never') return 'preemption: not eligible due to preemptionPolicy=Never.';
    return diagnosis.preemptionMessage();
  },
};
