import type { Pod } from '@flotilla/shared/api/generated/types.js';
import type { ApiPlace } from '#network/api-door.ts';
import { AddressPool } from '#runtime/address-pool.ts';
import type { PodDoors } from './pod-doors.ts';

/** Where this pod finds the API; undefined when it finds none. */
export function apiPlace({ api, spec }: Pick<PodDoors, 'api' | 'spec'>, pod: Pod): ApiPlace | undefined {
  if (!api) return undefined;
  if (pod.spec?.hostNetwork) return api.placeFor(undefined);
  return spec.podCIDR ? api.placeFor(new AddressPool(spec.podCIDR).gateway) : undefined;
}

/** As `apiPlace`, once calls are taken there: the network's own address is there with its first pod. */
export async function openApi(doors: Pick<PodDoors, 'api' | 'spec'>, pod: Pod): Promise<ApiPlace | undefined> {
  const place = apiPlace(doors, pod);
  if (place) await doors.api?.ensure(place.address);
  return place;
}

/** What client libraries look for in a pod; the certificate authority and the token are in its projected volume. */
export function apiEnvironment(place: ApiPlace | undefined): Record<string, string> {
  if (!place) return {};
  const { host, port } = place;
  return { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: String(port), KUBERNETES_SERVICE_PORT_HTTPS: String(port) };
}
