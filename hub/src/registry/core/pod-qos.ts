import type { PodSpec } from '@flotilla/shared/api/generated/types.js';
import { milliValue, QuantityError } from '@flotilla/shared/quantity/quantity.js';

/** The quality of service class that Kubernetes derives from requests and limits (apis/core/helper/qos). */
export function qosClassOf(spec: PodSpec | undefined): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  let anything = false;
  let guaranteed = containers.length > 0;
  const sums = { requests: { cpu: 0, memory: 0 }, limits: { cpu: 0, memory: 0 } };
  for (const { resources } of containers) {
    for (const name of ['cpu', 'memory'] as const) {
      const [request, limit] = [amountOf(resources?.requests?.[name]), amountOf(resources?.limits?.[name])];
      anything ||= request > 0 || limit > 0;
      guaranteed &&= limit > 0;
      sums.requests[name] += request;
      sums.limits[name] += limit;
    }
  }
  if (!anything) return 'BestEffort';
  const equal = sums.requests.cpu === sums.limits.cpu && sums.requests.memory === sums.limits.memory;
  return guaranteed && equal ? 'Guaranteed' : 'Burstable';
}

/** Thousandths; validation is still to come, so what is no quantity counts as nothing here. */
function amountOf(text: string | undefined): number {
  try {
    return milliValue(text);
  } catch (error) {
    if (error instanceof QuantityError) return 0;
    throw error;
  }
}
