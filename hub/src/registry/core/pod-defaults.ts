import type { Container, EphemeralContainer, PodSpec, Probe, Volume } from '@flotilla/shared/api/generated/types.js';
import { formatQuantity, parseQuantity, QuantityError } from '@flotilla/shared/quantity/quantity.js';

const defaultFileMode = 0o644;
const tokenSeconds = 3600;

/** What Kubernetes fills into the spec of a pod and of every template (core/v1, SetDefaults_PodSpec and what it holds). */
export function defaultPodSpec(spec: PodSpec): void {
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.restartPolicy ||= 'Always';
  spec.schedulerName ||= 'default-scheduler';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  // The older name of the field is always shown with the value of the newer one.
  const account = spec.serviceAccountName || spec.serviceAccount;
  if (account) {
    spec.serviceAccountName = account;
    spec.serviceAccount = account;
  }
  for (const container of allContainers(spec)) defaultContainer(container);
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
}

/** What only a pod gets, not a template (core/v1, SetDefaults_Pod). */
export function defaultPod(spec: PodSpec): void {
  for (const { resources } of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    if (resources?.limits) resources.requests = { ...resources.limits, ...resources.requests };
  }
  const own = spec.resources;
  if (own?.limits) own.requests = { ...own.limits, ...own.requests };
  spec.enableServiceLinks ??= true;
  if (!spec.hostNetwork) return;
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    for (const port of container.ports ?? []) port.hostPort ||= port.containerPort;
  }
}

function allContainers(spec: PodSpec): (Container | EphemeralContainer)[] {
  return [...(spec.containers ?? []), ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];
}

function defaultContainer(container: Container | EphemeralContainer): void {
  container.imagePullPolicy ||= pullPolicyOf(container.image ?? '');
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  container.resources ??= {};
  roundUp(container.resources);
  for (const port of container.ports ?? []) port.protocol ||= 'TCP';
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ||= 'v1';
    if (valueFrom?.resourceFieldRef) valueFrom.resourceFieldRef.divisor ??= '0';
  }
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  for (const probe of [livenessProbe, readinessProbe, startupProbe]) if (probe) defaultProbe(probe);
  defaultHttpGet(lifecycle?.postStart?.httpGet);
  defaultHttpGet(lifecycle?.preStop?.httpGet);
  if (container.securityContext?.procMount === '') container.securityContext.procMount = 'Default';
}

const milli = 1_000_000n;

/** Nothing is finer than a thousandth (core/v1, SetDefaults_ResourceList). */
function roundUp({ limits, requests }: NonNullable<Container['resources']>): void {
  for (const amounts of [limits, requests]) {
    for (const [name, text] of Object.entries(amounts ?? {})) {
      // Only these suffixes are finer; what is no quantity is told by validation.
      if (!amounts || !/^[+]?[0-9.]*(n|u|[.]\d{4,}|[eE]-\d+)/.test(text) || isFaulty(text)) continue;
      const { nano, format } = parseQuantity(text);
      const over = ((nano % milli) + milli) % milli;
      if (over !== 0n) amounts[name] = formatQuantity({ nano: nano - over + milli, format });
    }
  }
}

function isFaulty(text: string): boolean {
  try {
    parseQuantity(text);
    return false;
  } catch (error) {
    if (error instanceof QuantityError) return true;
    throw error;
  }
}

/** `Always` for `:latest`, written or implied; a digest without a tag counts as a version. */
function pullPolicyOf(image: string): string {
  const [name = '', digest] = image.split('@');
  const tag = /:([^/:]+)$/.exec(name)?.[1] ?? (digest === undefined ? 'latest' : '');
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultProbe(probe: Probe): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  defaultHttpGet(probe.httpGet);
  if (probe.grpc) probe.grpc.service ??= '';
}

function defaultHttpGet(action: Probe['httpGet']): void {
  if (!action) return;
  action.path ||= '/';
  action.scheme ||= 'HTTP';
}

function defaultVolume(volume: Volume): void {
  const { configMap, secret, downwardAPI, projected, hostPath, image } = volume;
  if (Object.entries(volume).every(([key, source]) => key === 'name' || source === undefined || source === null)) volume.emptyDir = {};
  for (const source of [configMap, secret, downwardAPI, projected]) if (source) source.defaultMode ??= defaultFileMode;
  if (hostPath) hostPath.type ??= '';
  if (image) image.pullPolicy ||= pullPolicyOf(image.reference ?? '');
  for (const file of downwardAPI?.items ?? []) defaultFile(file);
  for (const source of projected?.sources ?? []) {
    if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= tokenSeconds;
    for (const file of source.downwardAPI?.items ?? []) defaultFile(file);
  }
}

function defaultFile(file: { fieldRef?: { apiVersion?: string }; resourceFieldRef?: { divisor?: string } }): void {
  if (file.fieldRef) file.fieldRef.apiVersion ||= 'v1';
  if (file.resourceFieldRef) file.resourceFieldRef.divisor ??= '0';
}
