import { podLabels, type SandboxSpec, type SandboxState } from '../types.ts';
import type { LibpodContainer, LibpodPod } from './libpod-types.ts';
import { hostNamespaces, podmanLabels } from './pod-names.ts';
import type { ContainerTimes } from './sandbox-states.ts';

/** What is remembered between calls. All of it comes back with the next list: nothing here need survive the agent. */
export class PodmanIndex {
  /** By container id. */
  readonly times = new Map<string, ContainerTimes>();
  /** A list was read since the start. */
  filled = false;
  /** Pod uid by container id (infra containers too), and by pod id. */
  readonly #uids = new Map<string, string>();
  /** Addresses by pod uid, those being created included. */
  readonly #addresses = new Map<string, string>();
  readonly #hostNamespaces = new Map<string, readonly string[]>();
  readonly #creating = new Set<string>();

  uidOf(id: string): string | undefined {
    return this.#uids.get(id);
  }

  belongs(id: string, podUid: string): void {
    this.#uids.set(id, podUid);
  }

  addressOf(podUid: string): string | undefined {
    return this.#addresses.get(podUid);
  }

  addressesInUse(): ReadonlySet<string> {
    return new Set(this.#addresses.values());
  }

  hostNamespacesOf(podUid: string): readonly string[] {
    return this.#hostNamespaces.get(podUid) ?? [];
  }

  /** Keeps the address from others until `created`, whatever lists say meanwhile. */
  creating(spec: SandboxSpec, ip: string | undefined): void {
    this.#creating.add(spec.uid);
    if (ip !== undefined) this.#addresses.set(spec.uid, ip);
    this.#hostNamespaces.set(spec.uid, hostNamespaces(spec));
  }

  /** The creation ended; without a pod everything about it is forgotten. */
  created(podUid: string, podId: string | undefined): void {
    this.#creating.delete(podUid);
    if (podId === undefined) this.forget(podUid);
    else this.#uids.set(podId, podUid);
  }

  forget(podUid: string): void {
    this.#addresses.delete(podUid);
    this.#hostNamespaces.delete(podUid);
  }

  fill(states: readonly SandboxState[], pods: readonly LibpodPod[], containers: readonly LibpodContainer[]): void {
    this.filled = true;
    const known = new Set(containers.map((container) => container.Id));
    for (const id of this.times.keys()) if (!known.has(id)) this.times.delete(id);
    const uids = new Set(states.map((state) => state.uid));
    for (const uid of this.#addresses.keys()) if (!uids.has(uid) && !this.#creating.has(uid)) this.forget(uid);
    this.#uids.clear();
    for (const state of states) {
      this.#uids.set(state.id, state.uid);
      if (state.ip !== undefined && !this.#creating.has(state.uid)) this.#addresses.set(state.uid, state.ip);
    }
    for (const pod of pods) {
      const names = pod.Labels?.[podmanLabels.hostNamespaces]?.split(',').filter(Boolean) ?? [];
      this.#hostNamespaces.set(pod.Labels?.[podLabels.uid] ?? '', names);
    }
    for (const container of containers) this.#uids.set(container.Id, container.Labels?.[podLabels.uid] ?? '');
  }
}
