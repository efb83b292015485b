import type { Node, Taint } from '@flotilla/shared/api/generated/types.js';
import { value } from '@flotilla/shared/quantity/quantity.js';
import type { HostPort, PodInfo } from './pod-info.ts';
import type { ResourceTable } from './resources.ts';

const noLabels: Readonly<Record<string, string>> = {};

/** A node with what its pods take, kept as sums so that no cycle adds anything up. Changed in place by the cache only. */
export class NodeInfo {
  readonly name: string;
  node: Node | undefined;
  labels: Readonly<Record<string, string>> = noLabels;
  unschedulable = false;
  allocatable: number[] = [];
  maxPods = 0;
  /** NoSchedule and NoExecute. */
  hardTaints: readonly Taint[] = [];
  /** PreferNoSchedule. */
  softTaints: readonly Taint[] = [];
  /** Bytes by image name. */
  images: ReadonlyMap<string, number> = new Map();
  readonly requested: number[] = [];
  nonZeroMilliCpu = 0;
  nonZeroBytes = 0;
  readonly pods = new Map<string, PodInfo>();
  /** Taken host ports: `PROTOCOL/PORT` → addresses, with how many pods hold each. */
  readonly #ports = new Map<string, Map<string, number>>();

  constructor(name: string) {
    this.name = name;
  }

  setNode(node: Node | undefined, table: ResourceTable): void {
    this.node = node;
    const allocatable = node?.status?.allocatable ?? node?.status?.capacity;
    this.labels = node?.metadata?.labels ?? noLabels;
    this.unschedulable = node?.spec?.unschedulable ?? false;
    this.allocatable = table.amounts(allocatable);
    this.maxPods = value(allocatable?.['pods']);
    const taints = node?.spec?.taints ?? [];
    this.hardTaints = taints.filter(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute');
    this.softTaints = taints.filter(({ effect }) => effect === 'PreferNoSchedule');
    this.images = new Map(
      (node?.status?.images ?? []).flatMap(({ names, sizeBytes }) => (names ?? []).map((name) => [name, sizeBytes ?? 0] as const)),
    );
  }

  add(pod: PodInfo): void {
    this.remove(pod.uid);
    this.pods.set(pod.uid, pod);
    this.#count(pod, 1);
  }

  remove(uid: string): boolean {
    const pod = this.pods.get(uid);
    if (!pod) return false;
    this.pods.delete(uid);
    this.#count(pod, -1);
    return true;
  }

  /** Whether a port is taken; the address 0.0.0.0 stands for all. */
  portTaken({ ip, protocol, port }: HostPort): boolean {
    const taken = this.#ports.get(`${protocol}/${port}`);
    if (!taken) return false;
    return ip === '0.0.0.0' || taken.has('0.0.0.0') || taken.has(ip);
  }

  #count(pod: PodInfo, sign: 1 | -1): void {
    for (const place of pod.requested) this.requested[place] = (this.requested[place] ?? 0) + sign * (pod.requests[place] ?? 0);
    this.nonZeroMilliCpu += sign * pod.nonZeroMilliCpu;
    this.nonZeroBytes += sign * pod.nonZeroBytes;
    for (const { ip, protocol, port } of pod.hostPorts) {
      const key = `${protocol}/${port}`;
      const taken = this.#ports.get(key) ?? new Map<string, number>();
      const holders = (taken.get(ip) ?? 0) + sign;
      if (holders > 0) taken.set(ip, holders);
      else taken.delete(ip);
      if (taken.size > 0) this.#ports.set(key, taken);
      else this.#ports.delete(key);
    }
  }
}
