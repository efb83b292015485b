import type { Node } from '@flotilla/shared/api/generated/types.js';
import { type AdmissionPlugin, isResource } from './plugin.ts';

const key = 'node.kubernetes.io/not-ready';

/** A new node takes no pods until it has said that it is ready (Kubernetes' TaintNodesByCondition). */
export function taintNewNodes(): AdmissionPlugin {
  return {
    name: 'TaintNodesByCondition',
    mutate(attributes) {
      if (attributes.operation !== 'CREATE' || !isResource(attributes, 'nodes')) return;
      const node = attributes.object as Node;
      const taints = node.spec?.taints ?? [];
      if (taints.some((taint) => taint.key === key && taint.effect === 'NoSchedule')) return;
      node.spec = { ...node.spec, taints: [...taints, { key, effect: 'NoSchedule' }] };
    },
  };
}
