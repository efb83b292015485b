import type { ResourceTable } from '../cache/resources.ts';
import type { Plugin } from '../framework/plugin.ts';
import { balancedAllocation } from './balanced-allocation.ts';
import { imageLocality } from './image-locality.ts';
import { noPreemption } from './no-preemption.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { taintToleration } from './taint-toleration.ts';

/** In the order of kube-scheduler's default profile: the first that refuses a node gives the reason. */
export function defaultPlugins(table: ResourceTable): readonly Plugin[] {
  return [
    nodeUnschedulable,
    nodeName,
    taintToleration,
    nodeAffinity,
    nodePorts,
    nodeResourcesFit(table),
    noPreemption,
    balancedAllocation,
    imageLocality,
  ];
}
