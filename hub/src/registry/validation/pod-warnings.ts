import type { Container, ObjectMeta, PodAffinityTerm, PodSpec } from '@flotilla/shared/api/generated/types.js';
import { notActedOn } from './not-acted-on.ts';
import { isFault, readQuantity } from './resources.ts';

const billion = 1_000_000_000n;
const appArmor = 'container.apparmor.security.beta.kubernetes.io/';
const seccomp = /^(seccomp\.security\.alpha\.kubernetes\.io\/pod$|container\.seccomp\.security\.alpha\.kubernetes\.io\/)/;
const noPods = 'a null labelSelector results in matching no pod';

/** What is taken although it is likely not what was meant (pod/warnings), then what this release does not act on. */
export function podWarnings(metadata: ObjectMeta | undefined, spec: PodSpec | undefined, path: string): string[] {
  const parent = path.replace(/\.?spec$/, '');
  return [...ofAnnotations(metadata, parent ? `${parent}.metadata` : 'metadata'), ...ofSpec(spec, path), ...notActedOn(spec, path)];
}

function ofAnnotations(metadata: ObjectMeta | undefined, path: string): string[] {
  return Object.keys(metadata?.annotations ?? {}).flatMap((key) => {
    if (key.startsWith(appArmor)) return [`${path}.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`];
    return seccomp.test(key) ? [`${path}.annotations[${key}]: non-functional in v1.27+; use the "seccompProfile" field instead`] : [];
  });
}

function ofSpec(spec: PodSpec | undefined, path: string): string[] {
  const warnings: string[] = [];
  for (const [index, { labelSelector }] of (spec?.topologySpreadConstraints ?? []).entries()) {
    if (!labelSelector) warnings.push(`${path}.topologySpreadConstraints[${index}].labelSelector: ${noPods}`);
  }
  for (const [index, { name }] of (spec?.imagePullSecrets ?? []).entries()) {
    if (!name) warnings.push(`${path}.imagePullSecrets[${index}].name: invalid empty name ""`);
  }
  for (const field of ['initContainers', 'containers'] as const) {
    for (const [index, container] of (spec?.[field] ?? []).entries()) {
      warnings.push(...ofAmounts(container, `${path}.${field}[${index}]`), ...ofVariables(container, `${path}.${field}[${index}]`));
    }
  }
  return [...warnings, ...ofPorts(spec?.containers ?? [], `${path}.containers`), ...ofAffinity(spec?.affinity, `${path}.affinity`)];
}

function ofAmounts({ resources }: Container, path: string): string[] {
  return (['limits', 'requests'] as const).flatMap((kind) =>
    (['memory', 'ephemeral-storage'] as const).flatMap((name) => {
      const text = resources?.[kind]?.[name];
      const amount = text === undefined ? undefined : readQuantity('', text);
      if (!amount || isFault(amount) || amount.nano % billion === 0n) return [];
      return [`${path}.resources.${kind}[${name}]: fractional byte value ${JSON.stringify(text)} is invalid, must be an integer`];
    }),
  );
}

function ofVariables({ env = [] }: Container, path: string): string[] {
  const seen = new Set<string>();
  return env.flatMap(({ name, value = '' }, index) => {
    const hides = seen.has(name) && !value.includes(`$(${name})`);
    seen.add(name);
    return hides
      ? [`${path}.env[${index}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`]
      : [];
  });
}

function ofPorts(containers: readonly Container[], path: string): string[] {
  const seen = new Map<string, string>();
  return containers.flatMap(({ ports = [] }, container) =>
    ports.flatMap(({ containerPort, protocol, hostIP = '', hostPort = 0 }, index) => {
      const at = `${path}[${container}].ports[${index}]`;
      const port = `${containerPort}${protocol}/${hostIP}/${hostPort}`;
      const first = seen.get(port);
      if (first === undefined) seen.set(port, at);
      return first === undefined ? [] : [`${at}: duplicate port definition with ${first}`];
    }),
  );
}

function ofAffinity(affinity: PodSpec['affinity'], path: string): string[] {
  return (['podAffinity', 'podAntiAffinity'] as const).flatMap((kind) => {
    const {
      requiredDuringSchedulingIgnoredDuringExecution: required = [],
      preferredDuringSchedulingIgnoredDuringExecution: preferred = [],
    } = affinity?.[kind] ?? {};
    const at = `${path}.${kind}`;
    return [
      ...required.flatMap((term, index) => ofTerm(term, `${at}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`)),
      ...preferred.flatMap(({ podAffinityTerm }, index) =>
        ofTerm(podAffinityTerm, `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm`),
      ),
    ];
  });
}

const ofTerm = ({ labelSelector }: PodAffinityTerm, path: string): string[] => (labelSelector ? [] : [`${path}.labelSelector: ${noPods}`]);
