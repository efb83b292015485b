import { cpu, memory } from '../cache/resources.ts';
import type { Plugin } from '../framework/plugin.ts';

/** Prefers nodes whose CPU and memory would be used alike, so that neither is left stranded. */
export const balancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  events: [],
  preScore({ requests, requested }) {
    if (requested.length === 0) return undefined;
    return (node) => {
      const cpuShare = share((node.requested[cpu] ?? 0) + (requests[cpu] ?? 0), node.allocatable[cpu] ?? 0);
      const memoryShare = share((node.requested[memory] ?? 0) + (requests[memory] ?? 0), node.allocatable[memory] ?? 0);
      return Math.floor((1 - Math.abs(cpuShare - memoryShare) / 2) * 100);
    };
  },
};

function share(used: number, all: number): number {
  return all === 0 ? 0 : Math.min(1, used / all);
}
