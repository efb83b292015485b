import type { Container, Pod } from '../objects.ts';

export interface PodReferences {
  /** Names in the pod's namespace. */
  readonly configMaps: readonly string[];
  readonly secrets: readonly string[];
  readonly serviceAccount: string;
}

const known = new WeakMap<Pod, PodReferences>();

/** What a pod needs beside itself: env, envFrom, volumes (projected ones included), pull secrets, its service account. */
export function podReferences(pod: Pod): PodReferences {
  const remembered = known.get(pod);
  if (remembered) return remembered;
  const { spec = {} } = pod;
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  const add = (set: Set<string>, name: string | undefined): void => {
    if (name) set.add(name);
  };
  const containers: readonly Container[] = [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ];
  for (const { env = [], envFrom = [] } of containers) {
    for (const { valueFrom } of env) {
      add(configMaps, valueFrom?.configMapKeyRef?.name);
      add(secrets, valueFrom?.secretKeyRef?.name);
    }
    for (const { configMapRef, secretRef } of envFrom) {
      add(configMaps, configMapRef?.name);
      add(secrets, secretRef?.name);
    }
  }
  for (const { configMap, secret, projected } of spec.volumes ?? []) {
    add(configMaps, configMap?.name);
    add(secrets, secret?.secretName);
    for (const source of projected?.sources ?? []) {
      add(configMaps, source.configMap?.name);
      add(secrets, source.secret?.name);
    }
  }
  for (const { name } of spec.imagePullSecrets ?? []) add(secrets, name);
  const references = { configMaps: [...configMaps], secrets: [...secrets], serviceAccount: spec.serviceAccountName ?? 'default' };
  known.set(pod, references);
  return references;
}
