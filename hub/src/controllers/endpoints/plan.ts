import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '@flotilla/shared/api/generated/types.js';
import { isReady } from '../pod-state.ts';
import { addressOf, hostnameOf, isEndpoint, isHeadless, targetOf, targetPortOf } from '../service-pods.ts';

export const managedByLabel = 'endpoints.kubernetes.io/managed-by';
export const controllerName = 'endpoint-controller';
const headlessLabel = 'service.kubernetes.io/headless';
/** More addresses stand in EndpointSlices only. */
const maxAddresses = 1000;

interface Found {
  readonly address: EndpointAddress;
  readonly ready: boolean;
  readonly ports: readonly EndpointPort[];
}

export function endpointsLabels(service: Service): Record<string, string> {
  const { [headlessLabel]: _headless, ...own } = service.metadata?.labels ?? {};
  return { ...own, ...(isHeadless(service) ? { [headlessLabel]: '' } : {}), [managedByLabel]: controllerName };
}

/**
 * The addresses behind a Service, those with the same ports together (endpoints, RepackSubsets), in an order that depends on nothing else.
 * At most `maxAddresses`, ready ones first; `truncated` says that there are more.
 */
export function planSubsets(service: Service, pods: readonly Pod[]): { readonly subsets: EndpointSubset[]; readonly truncated: boolean } {
  const all = pods.flatMap((pod) => found(service, pod));
  const kept = all.length > maxAddresses ? all.toSorted((a, b) => Number(b.ready) - Number(a.ready)).slice(0, maxAddresses) : all;
  const groups = new Map<string, Found[]>();
  for (const one of kept) {
    const key = JSON.stringify(one.ports);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const subsets = [...groups].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, group]) => subsetOf(group));
  return { subsets, truncated: all.length > maxAddresses };
}

function found(service: Service, pod: Pod): Found[] {
  const unready = service.spec?.publishNotReadyAddresses === true;
  const ip = addressOf(pod, service.spec?.ipFamilies?.[0] ?? 'IPv4');
  if (ip === undefined || !isEndpoint(pod, unready)) return [];
  const wanted = service.spec?.ports ?? [];
  const ports = wanted.flatMap((port): EndpointPort[] => {
    const number = targetPortOf(pod, port);
    const { name, protocol = 'TCP', appProtocol } = port;
    const rest = appProtocol === undefined ? {} : { appProtocol };
    return number === undefined ? [] : [{ ...(name ? { name } : {}), port: number, protocol, ...rest }];
  });
  if (wanted.length > 0 && ports.length === 0) return [];
  const hostname = hostnameOf(pod, service);
  const address: EndpointAddress = {
    ip,
    ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: targetOf(pod),
    ...(hostname ? { hostname } : {}),
  };
  return [{ address, ready: unready || isReady(pod), ports }];
}

function subsetOf(group: readonly Found[]): EndpointSubset {
  const addresses = (ready: boolean): EndpointAddress[] =>
    group
      .filter((one) => one.ready === ready)
      .map(({ address }) => address)
      .sort((left, right) => (left.ip < right.ip ? -1 : 1));
  const [readyOnes, others, ports] = [addresses(true), addresses(false), group[0]?.ports ?? []];
  return {
    ...(readyOnes.length > 0 ? { addresses: readyOnes } : {}),
    ...(others.length > 0 ? { notReadyAddresses: others } : {}),
    ...(ports.length > 0 ? { ports: [...ports] } : {}),
  };
}
