import type { Container, PodSpec } from '@flotilla/shared/api/generated/types.js';

/** Fields that are kept and shown but that no scheduler or board of this release acts on: who sets one is told so. */
export function notActedOn(spec: PodSpec | undefined, path: string): string[] {
  if (!spec) return [];
  const fields = [
    ...(spec.initContainers ?? []).flatMap((container, index) => ofContainer(container, `${path}.initContainers[${index}]`)),
    ...(spec.containers ?? []).flatMap((container, index) => ofContainer(container, `${path}.containers[${index}]`)),
    ...(spec.affinity?.podAffinity ? [`${path}.affinity.podAffinity`] : []),
    ...(spec.affinity?.podAntiAffinity ? [`${path}.affinity.podAntiAffinity`] : []),
    ...(spec.topologySpreadConstraints?.length ? [`${path}.topologySpreadConstraints`] : []),
    ...(spec.readinessGates?.length ? [`${path}.readinessGates`] : []),
    ...(spec.runtimeClassName ? [`${path}.runtimeClassName`] : []),
  ];
  return fields.map((field) => `${field}: accepted, but this release of Flotilla does not act on it`);
}

function ofContainer({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container, path: string): string[] {
  return Object.entries({ livenessProbe, readinessProbe, startupProbe, lifecycle })
    .filter(([, value]) => value !== undefined)
    .map(([field]) => `${path}.${field}`);
}
