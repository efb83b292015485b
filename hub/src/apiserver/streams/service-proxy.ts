import type { Endpoints, Service } from '@flotilla/shared/api/generated/types.js';
import { badRequest, isNotFound, unavailable } from '@flotilla/shared/errors/status.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { NodeConnector, Registry, RequestContext } from '#registry/generic/types.ts';
import type { SpecialSubresource } from '../endpoints.ts';
import { type ProxyTarget, proxyOf, relayToPod } from './pod-proxy.ts';
import type { PodView } from './pod-target.ts';

export interface ServiceProxyOptions {
  readonly connector: NodeConnector;
  readonly registry: Registry;
  readonly random: Random;
}

/** `services/[SCHEME:]NAME[:PORT]/proxy/PATH` (registry/core/service, ResourceLocation): HTTP to one of its pods that is ready. */
export function serviceProxySubresource(options: ServiceProxyOptions): SpecialSubresource {
  return {
    group: '',
    resource: 'services',
    ...proxyOf('ServiceProxyOptions'),
    async handle({ ctx, exchange }, _resource, { namespace, name }) {
      await relayToPod(options.connector, exchange, findEndpoint(options, ctx, namespace, name));
    },
  };
}

interface ServiceName {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  /** A port's name or number; empty for the port without a name. */
  readonly port: string;
}

/** `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`. @throws StatusError BadRequest */
function splitServiceName(id: string): ServiceName {
  const parts = id.split(':');
  const [scheme = '', name = '', port = ''] = parts.length === 3 ? parts : ['', ...parts];
  if (parts.length > 3 || name === '' || !/^(https?)?$/.test(scheme)) throw badRequest(`invalid service request ${JSON.stringify(id)}`);
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port };
}

/** A ready pod, any of them. @throws StatusError NotFound, ServiceUnavailable as Kubernetes words them */
function findEndpoint(
  { connector, registry, random }: ServiceProxyOptions,
  ctx: RequestContext,
  namespace: string,
  id: string,
): ProxyTarget {
  const { scheme, name, port: asked } = splitServiceName(id);
  const port = /^[+-]?\d+$/.test(asked) ? namedPort(registry, ctx, namespace, name, Number(asked)) : asked;
  const { subsets = [] } = registry.resource<Endpoints>('', 'endpoints').get(ctx, namespace, name).object;
  if (subsets.length === 0) throw unavailable(`no endpoints available for service ${JSON.stringify(name)}`);
  const candidates = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.filter((one) => (one.name ?? '') === port).flatMap((one) => addresses.map((address) => ({ ...address, port: one.port }))),
  );
  const start = Math.floor(random.next() * candidates.length);
  let away: ProxyTarget | undefined;
  for (const { ip, targetRef, port: number } of [...candidates.slice(start), ...candidates.slice(0, start)]) {
    const pod = targetRef?.namespace === namespace ? findPod(registry, ctx, namespace, targetRef.name ?? '') : undefined;
    // An address that is no pod of this namespace leads nowhere: nobody reaches other machines through the hub.
    if (!pod?.status || !addressesOf(pod).includes(ip)) continue;
    const target = { pod, port: number, scheme };
    if (connector.awaySinceMs(pod.spec?.nodeName ?? '') === undefined) return target;
    away = target;
  }
  if (away) return away;
  throw unavailable(`no endpoints available for service ${JSON.stringify(id)}`);
}

interface AddressedPod extends PodView {
  readonly status?: { readonly podIP?: string; readonly podIPs?: readonly { readonly ip: string }[] };
}

const addressesOf = ({ status }: AddressedPod): readonly string[] =>
  status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP ? [status.podIP] : []);

function findPod(registry: Registry, ctx: RequestContext, namespace: string, name: string): AddressedPod | undefined {
  try {
    return registry.resource<AddressedPod>('', 'pods').get(ctx, namespace, name).object;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The name that the Service gives to one of its own ports. */
function namedPort(registry: Registry, ctx: RequestContext, namespace: string, name: string, number: number): string {
  const { spec } = registry.resource<Service>('', 'services').get(ctx, namespace, name).object;
  const found = spec?.ports?.find(({ port }) => port === number);
  if (!found) throw unavailable(`no service port ${number} found for service ${JSON.stringify(name)}`);
  return found.name ?? '';
}
