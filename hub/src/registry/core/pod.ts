import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { qosClassOf } from '@flotilla/shared/api/qos-class.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, invalid } from '@flotilla/shared/errors/field.js';
import { countGeneration, keepField, metadataOf } from '#registry/generic/object-meta.ts';
import { statusSubresource } from '#registry/generic/status-subresource.ts';
import type { ResourceDefinition, Strategy } from '#registry/generic/types.ts';
import { validateEphemeralContainersKept } from '#registry/validation/ephemeral-containers.ts';
import { each } from '#registry/validation/fields.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { dnsLabel, subdomainName } from '#registry/validation/names.ts';
import { validatePodSpec } from '#registry/validation/pod-spec.ts';
import { validatePodSpecUpdate, validatePodStatusUpdate } from '#registry/validation/pod-update.ts';
import { podWarnings } from '#registry/validation/pod-warnings.ts';
import { dropDisabledFields } from './disabled-fields.ts';
import { applyBinding, markScheduled } from './pod-binding.ts';
import { podColumns } from './pod-columns.ts';
import { defaultPod, defaultPodSpec } from './pod-defaults.ts';

function defaults(pod: Pod): void {
  pod.spec ??= { containers: [] };
  defaultPodSpec(pod.spec);
  defaultPod(pod.spec);
  const { status } = pod;
  if (!status) return;
  // The list and the single address always say the same (core/v1 conversion).
  if (status.podIP && status.podIPs?.[0]?.ip !== status.podIP) status.podIPs = [{ ip: status.podIP }];
  else if (status.podIPs?.[0]) status.podIP = status.podIPs[0].ip;
}

function validateSpec(pod: Pod): FieldError[] {
  const { spec } = pod;
  const faults = validatePodSpec(spec, 'spec', true);
  if (!spec?.serviceAccountName) {
    faults.push(
      ...each('spec.volumes', spec?.volumes, ({ projected }, at) =>
        each(`${at}.projected.sources`, projected?.sources, ({ serviceAccountToken }, where) =>
          serviceAccountToken
            ? [forbiddenField(`${where}.serviceAccountToken`, 'must not be specified when serviceAccountName is not set')]
            : [],
        ),
      ),
    );
  }
  for (const field of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    faults.push(
      ...each(`spec.${field}`, spec?.[field], ({ image = '' }, at) =>
        image.trim() === image ? [] : [invalid(`${at}.image`, image, 'must not have leading or trailing whitespace')],
      ),
    );
  }
  return faults;
}

const mirror = 'kubernetes.io/config.mirror';

function validateNew(pod: Pod): FieldError[] {
  const faults = [...validateMetadata(pod, { namespaced: true, name: subdomainName }), ...validateSpec(pod)];
  if (pod.metadata?.annotations?.[mirror] !== undefined && !pod.spec?.nodeName) {
    const why = 'must set spec.nodeName if mirror pod annotation is set';
    faults.push(invalid(`metadata.annotations[${mirror}]`, pod.metadata.annotations[mirror], why));
  }
  if (pod.spec?.ephemeralContainers?.length) faults.push(forbiddenField('spec.ephemeralContainers', 'cannot be set on create'));
  if (pod.spec?.nodeName && pod.spec.schedulingGates?.length) {
    faults.push(forbiddenField('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  }
  return faults;
}

function gatedCondition(pod: Pod, now: string): Pick<NonNullable<Pod['status']>, 'conditions'> {
  if (!pod.spec?.schedulingGates?.length) return {};
  const message = 'Scheduling is blocked due to non-empty scheduling gates';
  return { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message, lastTransitionTime: now }] };
}

const strategy: Strategy<Pod> = {
  default: defaults,
  prepareForCreate(pod, now) {
    metadataOf(pod).generation = 1;
    dropDisabledFields(pod.spec);
    // A negative time is as short as can be.
    if (pod.spec && (pod.spec.terminationGracePeriodSeconds ?? 0) < 0) pod.spec.terminationGracePeriodSeconds = 1;
    pod.status = { phase: 'Pending', qosClass: qosClassOf(pod.spec), ...gatedCondition(pod, now) };
  },
  prepareForUpdate(pod, old) {
    keepField(pod, old, 'status');
    dropDisabledFields(pod.spec);
    countGeneration(pod, old);
  },
  validate: validateNew,
  validateUpdate: (pod, old) => [
    ...validateSpec(pod),
    ...validatePodSpecUpdate(pod.spec ?? { containers: [] }, old.spec ?? { containers: [] }),
  ],
  warnings({ metadata, spec }) {
    const faults = dnsLabel(metadata?.name ?? '');
    const why = "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended";
    return [...(faults.length > 0 ? [`${why}: [${faults.join(' ')}]`] : []), ...podWarnings(metadata, spec, 'spec')];
  },
};

const statusRules: Pick<Strategy<Pod>, 'prepareForUpdate' | 'validateUpdate'> = {
  prepareForUpdate(pod, old) {
    keepField(metadataOf(pod), old.metadata ?? {}, 'ownerReferences');
    if (pod.status && !pod.status.qosClass && old.status?.qosClass) pod.status.qosClass = old.status.qosClass;
    if (pod.status && !pod.status.observedGeneration && old.status?.observedGeneration) {
      pod.status.observedGeneration = old.status.observedGeneration;
    }
  },
  validateUpdate: validatePodStatusUpdate,
};

/** `pods/ephemeralcontainers` (registry/core/pod, podEphemeralContainersStrategy): of all that is sent nothing else counts. */
const ephemeralContainersStrategy: Strategy<Pod> = {
  prepareForUpdate(pod, old) {
    const { managedFields, resourceVersion } = pod.metadata ?? {};
    const { ephemeralContainers } = pod.spec ?? {};
    pod.metadata = { ...old.metadata, ...(managedFields ? { managedFields } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
    const { ephemeralContainers: _before, ...spec } = old.spec ?? { containers: [] };
    pod.spec = { ...spec, ...(ephemeralContainers ? { ephemeralContainers } : {}) };
    if (old.status) pod.status = old.status;
    dropDisabledFields(pod.spec);
    countGeneration(pod, old);
  },
  validate: () => [],
  validateUpdate(pod, old) {
    const faults = [
      ...validateSpec(pod),
      ...validateEphemeralContainersKept(pod.spec ?? { containers: [] }, old.spec ?? { containers: [] }),
    ];
    // Kubernetes names no field here.
    if (pod.metadata?.annotations?.[mirror] !== undefined)
      faults.push(forbiddenField('[]', 'static pods do not support ephemeral containers'));
    return faults;
  },
};

const kind = { group: '', version: 'v1', kind: 'Pod' };

export const pods: ResourceDefinition<Pod> = {
  ...kind,
  resource: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Pod',
  strategy,
  columns: podColumns,
  subresources: [
    statusSubresource(kind, statusRules),
    {
      name: 'binding',
      kind: { group: '', version: 'v1', kind: 'Binding' },
      verbs: ['create'],
      strategy: { prepareForUpdate: markScheduled, validate: () => [], validateUpdate: () => [] },
      apply: applyBinding,
    },
    { name: 'ephemeralcontainers', kind, verbs: ['get', 'patch', 'update'], strategy: ephemeralContainersStrategy, hasTable: false },
    { name: 'log', kind, verbs: ['get'] },
  ],
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec?.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec?.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec?.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec?.hostNetwork ?? false),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIP ?? '',
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },
  graceful({ spec, status }, asked) {
    // What was never scheduled or has ended needs nobody to stop it.
    if (!spec?.nodeName || status?.phase === 'Failed' || status?.phase === 'Succeeded') return 0;
    const seconds = asked ?? spec.terminationGracePeriodSeconds ?? 0;
    return seconds < 0 ? 1 : seconds;
  },
  returnsDeletedObject: true,
};
