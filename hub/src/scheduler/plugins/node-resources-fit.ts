import { cpu, memory, type ResourceTable } from '../cache/resources.ts';
import type { Plugin } from '../framework/plugin.ts';
import { type Status, unresolvable, unschedulable } from '../framework/status.ts';

const name = 'NodeResourcesFit';
const tooManyPods = unschedulable(name, 'Too many pods');

/** The node has room for what the pod requests; emptier nodes score higher (LeastAllocated). */
export function nodeResourcesFit(table: ResourceTable): Plugin {
  // The same few reasons are told for thousands of nodes.
  const refusals = new Map<string, Status>();
  const refusal = (reasons: string[], resolvable: boolean): Status => {
    const key = `${resolvable}${reasons.join('\n')}`;
    let status = refusals.get(key);
    if (!status) {
      if (refusals.size > 1000) refusals.clear();
      status = resolvable ? unschedulable(name, ...reasons) : unresolvable(name, ...reasons);
      refusals.set(key, status);
    }
    return status;
  };
  return {
    name,
    weight: 1,
    events: ['NodeAdd', 'NodeAllocatableUpdate', 'AssignedPodDelete'],
    preFilter: ({ requests, requested }) => ({
      filter(node) {
        const crowded = node.pods.size + 1 > node.maxPods;
        let short = 0;
        for (const place of requested) {
          if ((requests[place] ?? 0) > (node.allocatable[place] ?? 0) - (node.requested[place] ?? 0)) short++;
        }
        if (short === 0) return crowded ? tooManyPods : undefined;
        const reasons = crowded ? ['Too many pods'] : [];
        let resolvable = true;
        for (const place of requested) {
          const asked = requests[place] ?? 0;
          const room = node.allocatable[place] ?? 0;
          if (asked > room - (node.requested[place] ?? 0)) reasons.push(`Insufficient ${table.name(place)}`);
          if (asked > room) resolvable = false;
        }
        return refusal(reasons, resolvable);
      },
    }),
    preScore:
      ({ nonZeroMilliCpu, nonZeroBytes }) =>
      (node) => {
        const cpuScore = free(node.nonZeroMilliCpu + nonZeroMilliCpu, node.allocatable[cpu] ?? 0);
        const memoryScore = free(node.nonZeroBytes + nonZeroBytes, node.allocatable[memory] ?? 0);
        return Math.floor((cpuScore + memoryScore) / 2);
      },
  };
}

function free(used: number, all: number): number {
  return all === 0 || used > all ? 0 : Math.floor(((all - used) * 100) / all);
}
