import { milliValue, QuantityError } from '../quantity/quantity.ts';
import type { PodSpec } from './generated/types.ts';

type Amounts = Readonly<Record<string, string>> | undefined;

/**
 * The quality of service class that Kubernetes derives from requests and limits (apis/core/v1/helper/qos): only CPU and memory
 * count, and zero is as none. A request that is left out is the limit, as Kubernetes' defaults have it.
 */
export function qosClassOf(spec: PodSpec | undefined): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  // Resources of the pod as a whole count instead of those of its containers.
  const whole = spec?.resources?.requests || spec?.resources?.limits;
  const containers = whole ? [{ resources: spec?.resources }] : [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  let anything = false;
  let guaranteed = containers.length > 0;
  const surplus = { cpu: 0, memory: 0 };
  for (const { resources } of containers) {
    for (const name of ['cpu', 'memory'] as const) {
      const limit = amountOf(resources?.limits, name);
      const request = amountOf(resources?.requests, name);
      anything ||= request > 0 || limit > 0;
      guaranteed &&= limit > 0;
      surplus[name] += limit - (request || limit);
    }
  }
  if (!anything) return 'BestEffort';
  return guaranteed && surplus.cpu === 0 && surplus.memory === 0 ? 'Guaranteed' : 'Burstable';
}

/** Thousandths; this may be asked before validation, so what is no quantity counts as nothing. */
function amountOf(amounts: Amounts, name: string): number {
  try {
    return milliValue(amounts?.[name]);
  } catch (error) {
    if (error instanceof QuantityError) return 0;
    throw error;
  }
}
