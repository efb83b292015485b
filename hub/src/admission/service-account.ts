import type { Container, Pod, PodSpec, ServiceAccount, Volume } from '@flotilla/shared/api/generated/types.js';
import { isNotFound, type StatusError } from '@flotilla/shared/errors/status.js';
import type { AdmissionAttributes } from '#registry/generic/types.ts';
import { type AdmissionEnv, type AdmissionPlugin, isResource, refuse } from './plugin.ts';

const defaultName = 'default';
const volumePrefix = 'kube-api-access-';
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Just over an hour, so that it tells apart who asked for an hour; as Kubernetes' plugin asks. */
const tokenSeconds = 3607;
const maxAttempts = 10;
const retryMs = 150;
const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** Every pod runs as a service account of its namespace and, unless it declines, finds that account's token where clients look for it. */
export function serviceAccount({ registry, clock, suffix }: AdmissionEnv): AdmissionPlugin {
  const find = ({ ctx, namespace }: AdmissionAttributes, name: string): ServiceAccount | undefined => {
    try {
      return registry().resource<ServiceAccount>('', 'serviceaccounts').get(ctx, namespace, name).object;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  const missing = (attributes: AdmissionAttributes, name: string): StatusError =>
    refuse(
      attributes,
      `error looking up service account ${attributes.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
    );
  /** A controller makes the default account of a new namespace; who creates a pod right after gets a moment's patience. */
  const awaited = async (attributes: AdmissionAttributes, name: string): Promise<ServiceAccount> => {
    const attempts = name === defaultName && namespaceIsThere(attributes) ? maxAttempts : 1;
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt > 0) await clock.sleep('wait for default service account', retryMs, attributes.ctx.signal);
      const account = find(attributes, name);
      if (account) return account;
    }
    throw missing(attributes, name);
  };
  const namespaceIsThere = ({ ctx, namespace }: AdmissionAttributes): boolean => {
    try {
      return registry().resource('', 'namespaces').get(ctx, '', namespace).object.metadata?.deletionTimestamp === undefined;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  };
  const applies = (attributes: AdmissionAttributes): boolean => attributes.operation === 'CREATE' && isResource(attributes, 'pods');
  return {
    name: 'ServiceAccount',
    async mutate(attributes) {
      if (!applies(attributes)) return;
      const pod = attributes.object as Pod;
      const spec = pod.spec;
      if (!spec || pod.metadata?.annotations?.[mirrorAnnotation] !== undefined) return;
      const name = spec.serviceAccountName || defaultName;
      spec.serviceAccountName = name;
      spec.serviceAccount = name;
      const account = await awaited(attributes, name);
      if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(spec, suffix);
      const pullSecrets = account.imagePullSecrets ?? [];
      if (!spec.imagePullSecrets?.length && pullSecrets.length > 0) spec.imagePullSecrets = pullSecrets.map((secret) => ({ ...secret }));
    },
    validate(attributes) {
      if (!applies(attributes)) return;
      const pod = attributes.object as Pod;
      const account = pod.spec?.serviceAccountName;
      if (pod.metadata?.annotations?.[mirrorAnnotation] !== undefined) {
        if (account) throw refuse(attributes, 'a mirror pod may not reference service accounts');
        return;
      }
      if (account && !find(attributes, account)) throw missing(attributes, account);
    },
  };
}

function mountToken(spec: PodSpec, suffix: () => string): void {
  const there = spec.volumes?.find(({ name }) => name?.startsWith(volumePrefix))?.name;
  const volumeName = there ?? `${volumePrefix}${suffix()}`;
  let mounted = false;
  const mount = (container: Container): void => {
    if (container.volumeMounts?.some((one) => one.mountPath === mountPath)) return;
    container.volumeMounts = [...(container.volumeMounts ?? []), { name: volumeName, mountPath, readOnly: true }];
    mounted = true;
  };
  // Validation comes later: a pod may still be without containers here.
  const { containers = [], initContainers = [] }: Partial<PodSpec> = spec;
  for (const container of [...initContainers, ...containers]) mount(container);
  if (mounted && there === undefined) spec.volumes = [...(spec.volumes ?? []), tokenVolume(volumeName)];
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
    },
  };
}
