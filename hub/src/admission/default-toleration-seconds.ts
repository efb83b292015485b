import type { Pod, Toleration } from '@flotilla/shared/api/generated/types.js';
import { offlineAnnotations } from '@flotilla/shared/api/offline-policy.js';
import { type AdmissionPlugin, isResource } from './plugin.ts';

/** Kubernetes' own eviction, for those who want it: how long every new pod tolerates a board's absence. Off where undefined. */
export interface DefaultTolerations {
  readonly notReadySeconds?: number;
  readonly unreachableSeconds?: number;
}

/**
 * Kubernetes' DefaultTolerationSeconds (plugin/pkg/admission/defaulttolerationseconds). Off unless somebody asks: a board that is away
 * keeps its pods. A pod that says itself what becomes of it is left alone.
 */
export function defaultTolerationSeconds({ notReadySeconds, unreachableSeconds }: DefaultTolerations): AdmissionPlugin {
  const wanted = [
    ['node.kubernetes.io/not-ready', notReadySeconds],
    ['node.kubernetes.io/unreachable', unreachableSeconds],
  ] as const;
  return {
    name: 'DefaultTolerationSeconds',
    mutate(attributes) {
      if ((attributes.operation !== 'CREATE' && attributes.operation !== 'UPDATE') || !isResource(attributes, 'pods')) return;
      const pod = attributes.object as Pod;
      if (!pod.spec || pod.metadata?.annotations?.[offlineAnnotations.whenOffline] !== undefined) return;
      const there = pod.spec.tolerations ?? [];
      const added = wanted.flatMap(([key, tolerationSeconds]): Toleration[] => {
        if (tolerationSeconds === undefined || there.some((one) => covers(one, key))) return [];
        return [{ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds }];
      });
      if (added.length > 0) pod.spec.tolerations = [...there, ...added];
    },
  };
}

function covers({ key, effect }: Toleration, taint: string): boolean {
  return (!key || key === taint) && (!effect || effect === 'NoExecute');
}
