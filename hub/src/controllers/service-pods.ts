import type { Pod, Service, ServicePort } from '@flotilla/shared/api/generated/types.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import type { Client, Informer } from '#client/types.ts';
import type { KeyQueue } from './controller.ts';
import { isFinished, isReady } from './pod-state.ts';

/** What several pods do within this time is written once: a board that comes and goes does not become a write for each time. */
const batchMs = 500;

/**
 * Which pods a Service leads to, and which Services a change of a pod concerns.
 *
 * INVARIANT: it knows of each pod the Services that select it, so that a pod that changes costs what its own Services cost, and a look at a
 * Service what its own pods cost, however many others there are in the namespace.
 */
export class ServicePods {
  readonly services: Informer<Service>;
  readonly #pods: Informer<Pod>;
  /** Keys of pods by the key of a Service, and the other way round. */
  readonly #selected = new Map<string, Set<string>>();
  readonly #selecting = new Map<string, readonly string[]>();

  constructor(client: Client) {
    this.services = client.informer<Service>('', 'services');
    this.#pods = client.informer<Pod>('', 'pods');
    // Asked for now, so that they are kept from the beginning.
    this.services.list('default');
    this.#pods.list('default');
  }

  /** Services at once, pods after a while. */
  watch(queue: KeyQueue): void {
    this.services.on({
      added: (service) => {
        this.#selectAnew(service);
        queue.add(objectKey(service));
      },
      updated: (service, old) => {
        if (!sameMap(service.spec?.selector, old.spec?.selector)) this.#selectAnew(service);
        queue.add(objectKey(service));
      },
      deleted: (service) => {
        this.#forget(objectKey(service));
        queue.add(objectKey(service));
      },
    });
    const concerns = (services: readonly string[]): void => {
      for (const key of services) queue.addAfter(key, batchMs);
    };
    this.#pods.on({
      added: (pod) => concerns(this.#enter(pod)),
      deleted: (pod) => concerns(this.#leave(objectKey(pod))),
      updated: (pod, old) => {
        if (sameMap(pod.metadata?.labels, old.metadata?.labels)) {
          const services = this.#selecting.get(objectKey(pod));
          if (services && !sameForServices(pod, old)) concerns(services);
          return;
        }
        concerns(this.#leave(objectKey(pod)));
        concerns(this.#enter(pod));
      },
    });
  }

  /** In the order of their names. Undefined when its endpoints are somebody else's business. */
  podsOf(service: Service): readonly Pod[] | undefined {
    if (service.spec?.type === 'ExternalName' || !hasSelector(service)) return undefined;
    const keys = [...(this.#selected.get(objectKey(service)) ?? [])].sort();
    return keys.flatMap((key) => this.#pods.get(key) ?? []);
  }

  #enter(pod: Pod): readonly string[] {
    const key = objectKey(pod);
    const services = this.services.list(pod.metadata?.namespace).filter((service) => selects(service, pod));
    if (services.length === 0) return [];
    const keys = services.map(objectKey);
    this.#selecting.set(key, keys);
    for (const service of keys) this.#members(service).add(key);
    return keys;
  }

  #leave(key: string): readonly string[] {
    const services = this.#selecting.get(key) ?? [];
    this.#selecting.delete(key);
    for (const service of services) this.#selected.get(service)?.delete(key);
    return services;
  }

  #selectAnew(service: Service): void {
    const key = objectKey(service);
    this.#forget(key);
    if (!hasSelector(service)) return;
    const members = this.#members(key);
    for (const pod of this.#pods.list(service.metadata?.namespace)) {
      if (!selects(service, pod)) continue;
      const name = objectKey(pod);
      members.add(name);
      this.#selecting.set(name, [...(this.#selecting.get(name) ?? []), key]);
    }
  }

  #forget(key: string): void {
    for (const pod of this.#selected.get(key) ?? []) {
      const others = (this.#selecting.get(pod) ?? []).filter((service) => service !== key);
      if (others.length > 0) this.#selecting.set(pod, others);
      else this.#selecting.delete(pod);
    }
    this.#selected.delete(key);
  }

  #members(service: string): Set<string> {
    const known = this.#selected.get(service);
    if (known) return known;
    const made = new Set<string>();
    this.#selected.set(service, made);
    return made;
  }
}

const hasSelector = ({ spec }: Service): boolean => Object.keys(spec?.selector ?? {}).length > 0;

function selects({ spec }: Service, { metadata }: Pod): boolean {
  const entries = Object.entries(spec?.selector ?? {});
  return entries.length > 0 && entries.every(([key, value]) => metadata?.labels?.[key] === value);
}

type Labels = Readonly<Record<string, string>> | undefined;

function sameMap(left: Labels = {}, right: Labels = {}): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}

function sameForServices(pod: Pod, old: Pod): boolean {
  return pod.metadata?.resourceVersion === old.metadata?.resourceVersion || looks(pod) === looks(old);
}

/** All of a pod that endpoints tell of. */
function looks(pod: Pod): string {
  const { metadata, spec, status } = pod;
  const { podIP, podIPs } = status ?? {};
  const going = metadata?.deletionTimestamp !== undefined;
  return JSON.stringify([spec?.nodeName, podIP, podIPs, isReady(pod), isFinished(pod), going]);
}

/** Whether a pod stands behind a Service at all (endpointslice/util, ShouldPodBeInEndpoints). */
export function isEndpoint(pod: Pod, withTerminating: boolean): boolean {
  if (isFinished(pod) || addressesOf(pod).length === 0) return false;
  return withTerminating || pod.metadata?.deletionTimestamp === undefined;
}

function addressesOf({ status }: Pod): readonly string[] {
  return status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP ? [status.podIP] : []);
}

export function addressOf(pod: Pod, family: string): string | undefined {
  return addressesOf(pod).find((address) => address.includes(':') === (family === 'IPv6'));
}

/** The number of the pod's port that a Service's port leads to; undefined when it names one that the pod does not have. */
export function targetPortOf({ spec }: Pod, { port, protocol, targetPort = port }: ServicePort): number | undefined {
  if (typeof targetPort === 'number') return targetPort;
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const { ports = [] } of [...(spec?.containers ?? []), ...sidecars]) {
    const found = ports.find((one) => one.name === targetPort && (one.protocol ?? 'TCP') === protocol);
    if (found) return found.containerPort;
  }
  return undefined;
}

/** The name by which a pod is known within a headless Service. */
export function hostnameOf({ spec }: Pod, { metadata }: Service): string | undefined {
  return spec?.hostname && spec.subdomain === metadata?.name ? spec.hostname : undefined;
}

export function targetOf({ metadata = {} }: Pod): { kind: 'Pod'; namespace: string; name: string; uid: string } {
  return { kind: 'Pod', namespace: metadata.namespace ?? '', name: metadata.name ?? '', uid: metadata.uid ?? '' };
}

export const isHeadless = ({ spec }: Service): boolean => !spec?.clusterIP || spec.clusterIP === 'None';
