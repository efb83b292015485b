interface Named {
  readonly name?: string;
}

interface ReferringContainer {
  readonly env?: readonly { readonly valueFrom?: { readonly configMapKeyRef?: Named; readonly secretKeyRef?: Named } }[];
  readonly envFrom?: readonly { readonly configMapRef?: Named; readonly secretRef?: Named }[];
}

interface ReferringVolume {
  readonly configMap?: Named;
  readonly secret?: { readonly secretName?: string };
  readonly projected?: { readonly sources?: readonly { readonly configMap?: Named; readonly secret?: Named }[] };
}

/** As much of a pod's spec as names other objects. */
export interface ReferringPodSpec {
  readonly serviceAccountName?: string;
  readonly imagePullSecrets?: readonly Named[];
  readonly containers?: readonly ReferringContainer[];
  readonly initContainers?: readonly ReferringContainer[];
  readonly ephemeralContainers?: readonly ReferringContainer[];
  readonly volumes?: readonly ReferringVolume[];
}

/** Names in the pod's namespace, each once. */
export interface PodReferences {
  readonly configMaps: readonly string[];
  readonly secrets: readonly string[];
  readonly serviceAccount: string;
}

const known = new WeakMap<object, PodReferences>();

/**
 * What a pod needs beside itself: env, envFrom, volumes (projected ones included), pull secrets, its service account (kubernetes,
 * `pkg/api/pod` VisitPodSecretNames and its sisters). What a board is sent and what it may read are both decided by this, so they
 * cannot differ. Remembered by the object, or by its spec where that is frozen: neither must be changed afterwards.
 */
export function podReferences(pod: { readonly spec?: ReferringPodSpec }): PodReferences {
  const { spec = {} } = pod;
  const of = Object.isFrozen(spec) ? spec : pod;
  const remembered = known.get(of);
  if (remembered) return remembered;
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  const add = (set: Set<string>, name: string | undefined): void => {
    if (name) set.add(name);
  };
  for (const { env = [], envFrom = [] } of [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ]) {
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
  const references = { configMaps: [...configMaps], secrets: [...secrets], serviceAccount: spec.serviceAccountName || 'default' };
  known.set(of, references);
  return references;
}
