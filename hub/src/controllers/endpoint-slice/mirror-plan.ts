import { isDeepStrictEqual } from 'node:util';
import type { DiscoveryEndpointPort, Endpoint, EndpointAddress, EndpointSlice, Endpoints } from '@flotilla/shared/api/generated/types.js';
import { managedByLabel, portsKey, type SliceContent, serviceNameLabel } from './plan.ts';

export const mirrorName = 'endpointslicemirroring-controller.k8s.io';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
/** Endpoints that hold the lock of an old leader election are about no service. */
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
const ownAnnotations: ReadonlySet<string> = new Set([
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
]);
/** As kube-controller-manager's --mirroring-max-endpoints-per-subset is by default. */
const maxEndpoints = 1000;

export interface MirrorPlan {
  readonly create: readonly SliceContent[];
  readonly update: readonly { readonly name: string; readonly content: SliceContent }[];
  readonly remove: readonly string[];
}

/** Whether somebody keeps these addresses by hand for a Service that selects no pods. */
export function isMirrored({ metadata }: Endpoints): boolean {
  return metadata?.labels?.[skipLabel] !== 'true' && metadata?.annotations?.[leaderAnnotation] === undefined;
}

export function mirrorLabels({ metadata }: Endpoints): Record<string, string> {
  return { ...metadata?.labels, [serviceNameLabel]: metadata?.name ?? '', [managedByLabel]: mirrorName };
}

export function mirrorAnnotations({ metadata }: Endpoints): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata?.annotations ?? {}).filter(([name]) => !ownAnnotations.has(name)));
}

/** The writes after which the slices hold what the Endpoints do (endpointslicemirroring): one slice for each family of addresses and set of ports. */
export function planMirror(endpoints: Endpoints, slices: readonly EndpointSlice[]): MirrorPlan {
  const wanted = contentsOf(endpoints);
  const [update, remove]: [MirrorPlan['update'][number][], string[]] = [[], []];
  for (const slice of slices) {
    const name = slice.metadata?.name ?? '';
    const key = keyOf(slice.addressType, slice.ports ?? []);
    const content = wanted.get(key);
    wanted.delete(key);
    if (!content) remove.push(name);
    else if (!isUpToDate(slice, endpoints, content)) update.push({ name, content });
  }
  return { create: [...wanted.values()], update, remove };
}

function isUpToDate({ metadata, endpoints }: EndpointSlice, owner: Endpoints, content: SliceContent): boolean {
  return (
    says(content.endpoints) === says(endpoints ?? []) &&
    isDeepStrictEqual(metadata?.labels ?? {}, mirrorLabels(owner)) &&
    isDeepStrictEqual(metadata?.annotations ?? {}, mirrorAnnotations(owner))
  );
}

const keyOf = (addressType: string, ports: readonly DiscoveryEndpointPort[]): string => `${addressType} ${portsKey(ports)}`;
const says = (endpoints: readonly Endpoint[]): string =>
  JSON.stringify(
    endpoints.map(({ addresses, conditions, targetRef, nodeName, hostname }) => [
      ...[addresses, conditions?.ready, nodeName, hostname],
      ...[targetRef?.kind, targetRef?.namespace, targetRef?.name, targetRef?.uid],
    ]),
  );

function contentsOf({ subsets = [] }: Endpoints): Map<string, SliceContent> {
  const contents = new Map<string, { addressType: string; ports: DiscoveryEndpointPort[]; endpoints: Endpoint[] }>();
  for (const { addresses = [], notReadyAddresses = [], ports: given = [] } of subsets) {
    const ports = given.map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
      ...{ name, port, protocol },
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }));
    const all = [...addresses.map((one) => endpointOf(one, true)), ...notReadyAddresses.map((one) => endpointOf(one, false))];
    for (const endpoint of all.slice(0, maxEndpoints)) {
      const addressType = endpoint.addresses[0]?.includes(':') ? 'IPv6' : 'IPv4';
      const key = keyOf(addressType, ports);
      const content = contents.get(key) ?? { addressType, ports, endpoints: [] };
      contents.set(key, content);
      if (content.endpoints.length < maxEndpoints) content.endpoints.push(endpoint);
    }
  }
  return contents;
}

function endpointOf({ ip, nodeName, hostname, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [canonical(ip)],
    conditions: { ready },
    ...(targetRef ? { targetRef } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(hostname ? { hostname } : {}),
  };
}

/** Endpoints may have addresses in forms that slices do not take. */
function canonical(ip: string): string {
  if (!ip.includes(':')) return ip.split('.').map(Number).join('.');
  return new URL(`http://[${ip}]/`).hostname.slice(1, -1);
}
