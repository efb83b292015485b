import type { Pod, Toleration } from '@flotilla/shared/api/generated/types.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import { podRequests, type ResourceTable } from './resources.ts';

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** A pod as the plugins see it: parsed once, looked at for many nodes. */
export interface PodInfo {
  readonly pod: Pod;
  readonly key: string;
  readonly uid: string;
  readonly priority: number;
  readonly requests: readonly number[];
  /** Places of `requests` that are above 0. */
  readonly requested: readonly number[];
  readonly nonZeroMilliCpu: number;
  readonly nonZeroBytes: number;
  readonly hostPorts: readonly HostPort[];
  readonly tolerations: readonly Toleration[];
}

const none: readonly Toleration[] = [];

export function podInfo(pod: Pod, table: ResourceTable): PodInfo {
  const amounts = podRequests(pod, table);
  return {
    pod,
    key: objectKey(pod),
    uid: pod.metadata?.uid ?? '',
    priority: pod.spec?.priority ?? 0,
    ...amounts,
    requested: amounts.requests.flatMap((amount, place) => (amount > 0 ? [place] : [])),
    hostPorts: hostPortsOf(pod),
    tolerations: pod.spec?.tolerations ?? none,
  };
}

function hostPortsOf(pod: Pod): readonly HostPort[] {
  const ports: HostPort[] = [];
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    for (const { hostPort, hostIP, protocol } of container.ports ?? []) {
      if (hostPort) ports.push({ ip: hostIP || '0.0.0.0', protocol: protocol || 'TCP', port: hostPort });
    }
  }
  return ports;
}
