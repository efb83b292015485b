import type { Service, ServicePort } from '@flotilla/shared/api/generated/types.js';
import { invalid, invalidObject } from '@flotilla/shared/errors/field.js';
import { internalError, StatusError } from '@flotilla/shared/errors/status.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { Allocation, Allocator } from '#registry/generic/allocation.ts';
import { nothingAllocated } from '#registry/generic/allocation.ts';
import { clone } from '#registry/generic/json.ts';
import { writing } from '#registry/generic/write-parts.ts';
import { parseIp } from '#registry/validation/ip-address.ts';
import { needsHealthCheckPort } from '#registry/validation/service.ts';
import type { Fence } from '#store/contract.ts';
import type { WatchCache } from '#store/watch-cache.ts';
import { allocatesNodePorts, fillFamilies, keepAllocated, matchClusterIps } from './service-families.ts';
import { addressNumber, addressRange, addressText, pick, portRange } from './service-ranges.ts';

export interface ServiceAllocatorOptions {
  readonly cache: WatchCache;
  readonly random: Random;
  /** Where cluster IPs come from. */
  readonly clusterIpRange: string;
  /** `30000-32767`. */
  readonly nodePortRange: string;
}

const prefix = '/registry/core/services/';
/** Whoever has it gives something out, among hubs that share a store. */
const lockKey = '/flotilla/service-allocation';
/** A hub that dies with it does not keep the others from it for longer. */
const lockSeconds = 5;
/** What kube-apiserver answers to a dry run in place of ports that it would have given out. */
const firstDryPort = 32_769;

/** What one write takes. */
interface Taking {
  readonly dryRun: boolean;
  readonly isTaken: (key: string) => boolean;
  take(key: string): void;
  /** Of this write alone. */
  readonly own: Set<string>;
}

/**
 * Cluster IPs and ports of nodes (core/service/storage, Allocators).
 *
 * INVARIANTS
 * - What is taken is what the stored Services have, and what writes under way hold: there is no list beside that could leak.
 * - A write holds what it took until it is visible in the cache or has failed.
 * - Hubs that share a store: what is taken is looked up after the lock was got, so with every Service of those who had it before,
 *   and the write is fenced by the lock: one that lost it meanwhile begins again. Two hubs never give out one number.
 */
export class ServiceAllocator implements Allocator<Service> {
  readonly #cache: WatchCache;
  readonly #random: Random;
  readonly #addresses: ReturnType<typeof addressRange>;
  readonly #ports: ReturnType<typeof portRange>;
  readonly #held = new Map<string, number>();
  #turn: Promise<void> = Promise.resolve();

  /** @throws Error when a range cannot be read */
  constructor({ cache, random, clusterIpRange, nodePortRange }: ServiceAllocatorOptions) {
    this.#cache = cache;
    this.#random = random;
    this.#addresses = addressRange(clusterIpRange);
    this.#ports = portRange(nodePortRange);
  }

  /** The address of the API itself: the first of the range. */
  get firstAddress(): string {
    return addressText(this.#addresses.first);
  }

  async begin(service: Service, old: Service | undefined, dryRun: boolean): Promise<Allocation> {
    if (dryRun || !this.#cache.shared) return this.#take(service, old, dryRun);
    const trial = this.#take(clone(service), old, false);
    trial.end();
    if (trial === nothingAllocated) return this.#take(service, old, false);
    const leave = await this.#myTurn();
    try {
      const fence = await this.#lock();
      const unlock = (): void => {
        this.#cache.delete(lockKey, fence.revision).catch(() => {});
        leave();
      };
      try {
        const taken = this.#take(service, old, false);
        return {
          fence,
          end: () => {
            taken.end();
            unlock();
          },
        };
      } catch (error) {
        unlock();
        throw error;
      }
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** One write at a time of a hub waits for the lock. */
  async #myTurn(): Promise<() => void> {
    const before = this.#turn;
    const mine = Promise.withResolvers<void>();
    this.#turn = mine.promise;
    await before;
    return mine.resolve;
  }

  async #lock(): Promise<Fence> {
    for (;;) {
      await this.#unlocked();
      const holder = { metadata: { name: this.#random.uuid() } };
      const got = await writing(() => this.#cache.create(lockKey, holder, { ttlSeconds: lockSeconds }));
      if (got) return { key: lockKey, revision: got.revision };
    }
  }

  async #unlocked(): Promise<void> {
    if (!this.#cache.get(lockKey)) return;
    const free = Promise.withResolvers<void>();
    const watch = this.#cache.watch(lockKey, undefined, {
      events: () => {
        if (!this.#cache.get(lockKey)) free.resolve();
      },
      ended: (error) => free.reject(error ?? new Error('the hub is stopping')),
    });
    try {
      await free.promise;
    } finally {
      watch.stop();
    }
  }

  #take(service: Service, old: Service | undefined, dryRun: boolean): Allocation {
    const stored = this.#stored();
    const own = new Set<string>();
    const taking: Taking = {
      dryRun,
      own,
      isTaken: (key) => stored.has(key) || this.#held.has(key) || own.has(key),
      take: (key) => own.add(key),
    };
    if (old) keepAllocated(service, old);
    matchClusterIps(service, old);
    fillFamilies(service, old);
    this.#takeAddress(service, old, taking);
    this.#takePorts(service, old, taking);
    if (dryRun || own.size === 0) return nothingAllocated;
    for (const key of own) this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
    let held = true;
    return {
      end: () => {
        if (held) for (const key of own) this.#release(key);
        held = false;
      },
    };
  }

  #release(key: string): void {
    const count = this.#held.get(key) ?? 0;
    if (count > 1) this.#held.set(key, count - 1);
    else this.#held.delete(key);
  }

  #stored(): ReadonlySet<string> {
    const taken = new Set<string>();
    for (const { object } of this.#cache.list<Service>(prefix)) for (const key of keysOf(object)) taken.add(key);
    return taken;
  }

  #takeAddress(service: Service, old: Service | undefined, taking: Taking): void {
    const { spec = {} } = service;
    const first = !old || old.spec?.type === 'ExternalName';
    if (spec.type === 'ExternalName' || spec.clusterIPs?.[0] === 'None' || !first) return;
    const asked = spec.clusterIPs?.[0];
    if (asked) {
      this.#takeAskedAddress(service, asked, taking);
      return;
    }
    if (taking.dryRun) {
      spec.clusterIP = this.#addresses.network;
    } else {
      const found = pick(this.#addresses, (value) => taking.isTaken(addressText(value)), this.#random.next());
      if (found === undefined) throw internalError('failed to allocate a serviceIP: range is full');
      spec.clusterIP = addressText(found);
      taking.take(spec.clusterIP);
    }
    spec.clusterIPs = [spec.clusterIP];
  }

  #takeAskedAddress(service: Service, asked: string, { dryRun, isTaken, take }: Taking): void {
    const address = parseIp(asked)?.canonical ?? asked;
    const value = addressNumber(address);
    const refuse = (why: string): never => {
      const fault = invalid('spec.clusterIPs', service.spec?.clusterIPs, `failed to allocate IP ${asked}: ${why}`);
      throw invalidObject('Service', '', service.metadata?.name ?? '', [fault]);
    };
    if (value < this.#addresses.first || value > this.#addresses.last) {
      const range = `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${this.#addresses.text}`;
      refuse(dryRun ? range : 'the provided network does not match the current range');
    }
    if (dryRun) return;
    if (isTaken(address)) refuse('provided IP is already allocated');
    take(address);
  }

  #takePorts(service: Service, old: Service | undefined, taking: Taking): void {
    const { spec = {} } = service;
    if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') {
      if (old) this.#takeChangedPorts(service, old, taking);
      else this.#takeFirstPorts(service, taking);
    }
    if (!needsHealthCheckPort(service) || (old && needsHealthCheckPort(old))) return;
    const asked = spec.healthCheckNodePort;
    if (!asked) {
      spec.healthCheckNodePort = this.#nextPort(taking, 'failed to allocate a HealthCheck NodePort 0');
      return;
    }
    const why = this.#portFault(asked, taking);
    if (why) throw internalError(`failed to allocate requested HealthCheck NodePort ${asked}: ${why}`);
  }

  /** Ports of one number, for several protocols, share the port of the nodes. */
  #takeFirstPorts(service: Service, taking: Taking): void {
    const ports = service.spec?.ports ?? [];
    const given = new Map<number, number>();
    for (const [index, port] of ports.entries()) {
      if (!port.nodePort && !allocatesNodePorts(service)) continue;
      const known = given.get(port.port);
      if (known === undefined) {
        const asked = ports.find((other) => other.port === port.port && other.nodePort)?.nodePort;
        if (asked) this.#takeAskedPort(service, index, asked, taking);
        port.nodePort = asked ?? this.#nextPort(taking, 'failed to allocate a nodePort');
        given.set(port.port, port.nodePort);
      } else if (!port.nodePort) port.nodePort = known;
      else if (port.nodePort !== known) this.#takeAskedPort(service, index, port.nodePort, taking);
    }
  }

  #takeChangedPorts(service: Service, old: Service, taking: Taking): void {
    const before = new Set((old.spec?.ports ?? []).map(({ nodePort }) => nodePort));
    const asked = new Set<number>();
    const seen = new Set<string>();
    for (const [index, port] of (service.spec?.ports ?? []).entries()) {
      if (!port.nodePort && !allocatesNodePorts(service)) continue;
      if (!port.nodePort) port.nodePort = this.#nextPort(taking, 'failed to allocate a nodePort');
      else if (!before.has(port.nodePort) && !asked.has(port.nodePort)) {
        this.#takeAskedPort(service, index, port.nodePort, taking);
        asked.add(port.nodePort);
      }
      const key = `${port.protocol} ${port.nodePort}`;
      if (seen.has(key)) throw new StatusError(500, '', `duplicate nodePort: {${key}}`);
      seen.add(key);
    }
  }

  #takeAskedPort(service: Service, index: number, port: number, taking: Taking): void {
    const why = this.#portFault(port, taking);
    if (!why) return;
    throw invalidObject('Service', '', service.metadata?.name ?? '', [invalid(`spec.ports[${index}].nodePort`, port, why)]);
  }

  /** Takes a port that was asked for; says why not. A dry run does not look at the range, as in Kubernetes. */
  #portFault(port: number, { dryRun, isTaken, take }: Taking): string | undefined {
    if (!dryRun && (port < this.#ports.first || port > this.#ports.last)) {
      return `provided port is not in the valid range. The range of valid ports is ${this.#ports.text}`;
    }
    if (isTaken(portKey(port))) return 'provided port is already allocated';
    take(portKey(port));
    return undefined;
  }

  #nextPort({ dryRun, isTaken, take, own }: Taking, failure: string): number {
    if (dryRun) {
      const last = Math.max(0, ...[...own].filter((key) => key.startsWith('port ')).map((key) => Number(key.slice(5))));
      const port = last === 0 ? firstDryPort : last + 1;
      take(portKey(port));
      return port;
    }
    const port = pick(this.#ports, (value) => isTaken(portKey(value)), this.#random.next());
    if (port === undefined) throw internalError(`${failure}: range is full`);
    take(portKey(port));
    return port;
  }
}

const portKey = (port: number): string => `port ${port}`;

/** What a Service has that no other may have. */
function* keysOf({ spec = {} }: Service): Generator<string> {
  for (const ip of spec.clusterIPs ?? []) if (ip !== 'None') yield parseIp(ip)?.canonical ?? ip;
  for (const { nodePort } of spec.ports ?? ([] as ServicePort[])) if (nodePort) yield portKey(nodePort);
  if (spec.healthCheckNodePort) yield portKey(spec.healthCheckNodePort);
}
