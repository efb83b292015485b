import { createHash } from 'node:crypto';
import type { Container, Pod } from '@flotilla/shared/api/generated/types.js';
import type { ContainerRecord } from './pod-record.ts';

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

export function restartPolicyOf(pod: Pod): RestartPolicy {
  const policy = pod.spec?.restartPolicy;
  return policy === 'OnFailure' || policy === 'Never' ? policy : 'Always';
}

/** An init container that runs beside the others all the pod's life: a sidecar. */
export function isRestartable(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

export function wantsRestart(policy: RestartPolicy, exitCode: number): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

export function endedCleanly(record: ContainerRecord | undefined): boolean {
  return record?.ended?.exitCode === 0;
}

/** The part of a container that cannot change under a running one; all else of a pod's spec is immutable. */
export function containerHash(container: Container): string {
  return createHash('sha256')
    .update(JSON.stringify([container.name, container.image]))
    .digest('hex')
    .slice(0, 16);
}

/** The container of this name, of whatever kind. */
export function findContainer(pod: Pod, name: string): Container | undefined {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  return [...initContainers, ...containers, ...ephemeralContainers].find((container) => container.name === name);
}

/** `Always` for the tag latest or none, else `IfNotPresent` (core/v1 defaults). */
export function pullPolicyOf(container: Container): 'Always' | 'IfNotPresent' | 'Never' {
  const { imagePullPolicy: policy, image = '' } = container;
  if (policy === 'Always' || policy === 'IfNotPresent' || policy === 'Never') return policy;
  const name = image.slice(image.lastIndexOf('/') + 1);
  return name.includes('@') || (name.includes(':') && !name.endsWith(':latest')) ? 'IfNotPresent' : 'Always';
}
