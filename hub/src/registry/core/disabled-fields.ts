import type { PodSpec } from '@flotilla/shared/api/generated/types.js';

/** Drops what belongs to features that are off in Kubernetes 1.34 (api/pod, DropDisabledPodFields). Changes the spec. */
export function dropDisabledFields(spec: PodSpec | undefined): void {
  for (const container of [...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])]) {
    delete container.restartPolicy;
    delete container.restartPolicyRules;
  }
  for (const container of [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]) {
    if (!container.lifecycle) continue;
    delete container.lifecycle.stopSignal;
    if (Object.keys(container.lifecycle).length === 0) delete container.lifecycle;
  }
}
