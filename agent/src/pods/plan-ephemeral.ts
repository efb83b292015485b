import type { Container, Pod } from '@flotilla/shared/api/generated/types.js';
import type { SandboxState } from '#runtime/types.ts';
import { imageReady, type Planner } from './plan-container.ts';

/**
 * Ephemeral containers run beside what a pod is for: they are started once, whatever its other containers do, and never again; how they
 * end changes nothing about the pod.
 */
export function planEphemeral(planner: Planner, pod: Pod, sandbox: SandboxState): void {
  for (const { name } of pod.spec?.ephemeralContainers ?? []) {
    if (planner.record.containers[name]) continue;
    const here = sandbox.containers.find((other) => other.name === name);
    // Left between its creation and its start: what it was to look at may be another process by now.
    if (here?.status === 'created') planner.add({ do: 'removeContainer', id: here.id });
    else if (!here) start(planner, name);
  }
}

function start(planner: Planner, name: string): void {
  const retryAtMs = planner.memory.containers.get(name)?.startRetryAtMs;
  if (retryAtMs !== undefined && retryAtMs > planner.nowMs) planner.wakeAt(retryAtMs);
  else if (imageReady(planner, name)) planner.add({ do: 'startContainer', container: name, attempt: 0, backOff: false });
}

export function ephemeralOf(pod: Pod): readonly Container[] {
  return pod.spec?.ephemeralContainers ?? [];
}
