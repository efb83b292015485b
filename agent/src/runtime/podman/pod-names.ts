import { createHash } from 'node:crypto';
import { podLabels, type SandboxSpec, type SandboxState } from '../types.ts';

/** Labels of ours that other runtimes do not need. */
export const podmanLabels = {
  /** Which agent's it is: several may share one podman. */
  owner: 'io.flotilla.agent',
  /** The address it was given; saves an inspection of every pod in every list. */
  ip: 'io.flotilla.pod.ip',
  /** When the pod was made, in milliseconds since 1970. */
  created: 'io.flotilla.pod.created',
  /** `pid`, `ipc` or both, when its containers use the host's. */
  hostNamespaces: 'io.flotilla.pod.host-namespaces',
  image: 'io.flotilla.container.image',
} as const;

/** The names the kubelet's docker days made known; the uid keeps a pod that was made anew apart from the old one. */
export function podName(pod: { readonly namespace: string; readonly name: string; readonly uid: string }): string {
  return `k8s_${pod.name}_${pod.namespace}_${pod.uid}`;
}

export function containerName(pod: SandboxState, container: string, attempt: number): string {
  return `k8s_${container}_${pod.name}_${pod.namespace}_${pod.uid}_${attempt}`;
}

export interface SandboxPlace {
  readonly owner: string;
  readonly createdWallMs: number;
  readonly ip: string | undefined;
  readonly network: string | undefined;
}

export function sandboxLabels(spec: SandboxSpec, { owner, createdWallMs, ip }: SandboxPlace): Record<string, string> {
  return {
    ...spec.labels,
    [podLabels.namespace]: spec.namespace,
    [podLabels.name]: spec.name,
    [podLabels.uid]: spec.uid,
    [podmanLabels.owner]: owner,
    [podmanLabels.created]: String(createdWallMs),
    [podmanLabels.hostNamespaces]: hostNamespaces(spec).join(','),
    ...(ip === undefined ? {} : { [podmanLabels.ip]: ip }),
  };
}

/** Which namespaces of the host the pod's containers use. */
export function hostNamespaces(spec: SandboxSpec): string[] {
  return [...(spec.hostPid ? ['pid'] : []), ...(spec.hostIpc ? ['ipc'] : [])];
}

export function shortHash(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
