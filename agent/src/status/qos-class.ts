import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { compareQuantities, parseQuantity } from '@flotilla/shared/quantity/quantity.js';

/** The pod's quality of service (after Kubernetes' `pkg/apis/core/v1/helper/qos`): only CPU and memory count, zero is as none. */
export function qosClass(pod: Pod): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  let any = false;
  let guaranteed = true;
  for (const { resources = {} } of containers) {
    for (const name of ['cpu', 'memory']) {
      const limit = positive(resources.limits?.[name]);
      const request = positive(resources.requests?.[name]);
      any ||= limit !== undefined || request !== undefined;
      guaranteed &&=
        limit !== undefined && (request === undefined || compareQuantities(parseQuantity(limit), parseQuantity(request)) === 0);
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function positive(text: string | undefined): string | undefined {
  return text !== undefined && parseQuantity(text).nano > 0n ? text : undefined;
}
