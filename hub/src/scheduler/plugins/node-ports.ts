import type { Plugin } from '../framework/plugin.ts';
import { unschedulable } from '../framework/status.ts';

const name = 'NodePorts';
const refusal = unschedulable(name, "node(s) didn't have free ports for the requested pod ports");

/** The host ports the pod asks for are free. */
export const nodePorts: Plugin = {
  name,
  events: ['NodeAdd', 'AssignedPodDelete'],
  preFilter({ hostPorts }) {
    if (hostPorts.length === 0) return undefined;
    return {
      filter(node) {
        for (const port of hostPorts) if (node.portTaken(port)) return refusal;
        return undefined;
      },
    };
  },
};
