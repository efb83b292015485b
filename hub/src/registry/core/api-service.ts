import type { EndpointSlice, Endpoints, Service } from '@flotilla/shared/api/generated/types.js';
import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { isAlreadyExists, isNotFound } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { jsonEqual } from '#registry/generic/json.ts';
import type { Registry, RequestContext } from '#registry/generic/types.ts';
import type { WatchCache } from '#store/watch-cache.ts';

export interface ApiServiceOptions {
  readonly registry: Registry;
  readonly cache: WatchCache;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The first address of the range of Services. */
  readonly clusterIp: string;
  /** Where this hub's API is reached from other machines; without it the Service has no endpoints. */
  readonly address: string | undefined;
  readonly port: number;
}

const namespace = 'default';
const name = 'kubernetes';
const labels = { component: 'apiserver', provider: 'kubernetes' };
const checkMs = 10_000;
/** Hubs that share a store say here where they are, and say it again in time. */
const addressPrefix = '/flotilla/api-addresses/';
const addressTtlSeconds = 35;
const ctx: RequestContext = {
  user: { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] },
  userAgent: 'kube-apiserver',
  warn: () => {},
};

/**
 * The Service `kubernetes` in `default`, by which pods find the API (controlplane, kubernetesservice): made when the hub starts, made again
 * when somebody deletes it; what somebody changes in the Service stays. Its endpoints are the hubs.
 */
export class ApiService {
  readonly #options: ApiServiceOptions;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: ApiServiceOptions) {
    this.#options = options;
  }

  /** Resolves when it is there. Never throws: what fails is tried again. */
  async start(): Promise<void> {
    await this.#check();
    if (!this.#stopped) this.#timer = this.#options.clock.after('the kubernetes service', checkMs, () => void this.start());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #check(): Promise<void> {
    try {
      await this.#keepService();
      const addresses = await this.#addresses();
      if (addresses.length > 0) await this.#keepEndpoints(addresses);
    } catch (error) {
      if (!this.#stopped) this.#options.logger.warn('the kubernetes service could not be kept', { error });
    }
  }

  async #keepService(): Promise<void> {
    const { registry, clusterIp, port } = this.#options;
    if (this.#find<Service>('', 'services')) return;
    const service: Service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace, labels },
      spec: {
        clusterIP: clusterIp,
        ipFamilyPolicy: 'SingleStack',
        ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
        sessionAffinity: 'None',
        type: 'ClusterIP',
      },
    };
    await registry.resource<Service>('', 'services').create(ctx, namespace, service).catch(unlessThere);
  }

  /** Of all hubs, in order. */
  async #addresses(): Promise<string[]> {
    const { cache, address } = this.#options;
    if (!cache.shared) return address === undefined ? [] : [address];
    if (address !== undefined) {
      const seen = { metadata: { name: address } };
      await cache.update(`${addressPrefix}${address}`, undefined, seen, { ttlSeconds: addressTtlSeconds });
    }
    return cache.list(addressPrefix).map(({ object }) => object.metadata?.name ?? '');
  }

  async #keepEndpoints(addresses: readonly string[]): Promise<void> {
    const { port } = this.#options;
    const ports = [{ name: 'https', port, protocol: 'TCP' }];
    await this.#keep<Endpoints>('', 'endpoints', {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name, namespace, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      subsets: [{ addresses: addresses.map((ip) => ({ ip })), ports }],
    });
    await this.#keep<EndpointSlice>('discovery.k8s.io', 'endpointslices', {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
      ports,
    });
  }

  async #keep<T extends KubeObject>(group: string, resource: string, wanted: T): Promise<void> {
    const there = this.#find<T>(group, resource);
    const table = this.#options.registry.resource<T>(group, resource);
    const content = ({ metadata: _metadata, ...rest }: T): object => rest;
    if (!there) await table.create(ctx, namespace, wanted).catch(unlessThere);
    else if (!jsonEqual(content(there), content(wanted))) {
      await table.update(ctx, namespace, name, (current) => ({ ...wanted, metadata: current.metadata }));
    }
  }

  #find<T extends KubeObject>(group: string, resource: string): T | undefined {
    try {
      return this.#options.registry.resource<T>(group, resource).get(ctx, namespace, name).object;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

function unlessThere(error: unknown): void {
  if (!isAlreadyExists(error)) throw error;
}
