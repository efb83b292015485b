import type { Pod, Service, ServicePort } from '@flotilla/shared/api/generated/types.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import { labelsSelector } from '@flotilla/shared/meta/selector.js';
import type { Client, Informer } from '#client/types.ts';
import type { KeyQueue } from './controller.ts';
import { isFinished, isReady } from './pod-state.ts';

/** What several pods do within this time is written once: a board that comes and goes does not become a write for each time. */
const batchMs = 500;

/** Which pods a Service leads to, and which Services a change of a pod concerns. */
export class ServicePods {
  readonly services: Informer<Service>;
  readonly #pods: Informer<Pod>;

  constructor(client: Client) {
    this.services = client.informer<Service>('', 'services');
    this.#pods = client.informer<Pod>('', 'pods');
    // Asked for now, so that they are kept from the beginning.
    this.services.list('default');
    this.#pods.list('default');
  }

  /** Services at once, pods after a while. */
  watch(queue: KeyQueue): void {
    const look = (service: Service): void => queue.add(objectKey(service));
    this.services.on({ added: look, updated: look, deleted: look });
    const concerns = (pod: Pod): void => {
      for (const service of this.#of(pod)) queue.addAfter(objectKey(service), batchMs);
    };
    this.#pods.on({
      added: concerns,
      deleted: concerns,
      updated: (pod, old) => {
        if (this.services.list(pod.metadata?.namespace).length === 0 || sameForServices(pod, old)) return;
        concerns(old);
        concerns(pod);
      },
    });
  }

  /** In the order of their names. Undefined when its endpoints are somebody else's business. */
  podsOf({ metadata, spec }: Service): readonly Pod[] | undefined {
    const { selector } = spec ?? {};
    if (spec?.type === 'ExternalName' || !selector || Object.keys(selector).length === 0) return undefined;
    const { matches } = labelsSelector(selector);
    const found = this.#pods.list(metadata?.namespace).filter((pod) => matches(pod.metadata?.labels));
    return found.sort((left, right) => ((left.metadata?.name ?? '') < (right.metadata?.name ?? '') ? -1 : 1));
  }

  #of({ metadata }: Pod): Service[] {
    return this.services.list(metadata?.namespace).filter(({ spec }) => {
      const entries = Object.entries(spec?.selector ?? {});
      return entries.length > 0 && entries.every(([key, value]) => metadata?.labels?.[key] === value);
    });
  }
}

function sameForServices(pod: Pod, old: Pod): boolean {
  return pod.metadata?.resourceVersion === old.metadata?.resourceVersion || looks(pod) === looks(old);
}

/** All of a pod that endpoints tell of. */
function looks(pod: Pod): string {
  const { metadata, spec, status } = pod;
  const { podIP, podIPs } = status ?? {};
  const going = metadata?.deletionTimestamp !== undefined;
  return JSON.stringify([metadata?.labels, spec?.nodeName, podIP, podIPs, isReady(pod), isFinished(pod), going]);
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
