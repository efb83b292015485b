import type { Container, ContainerStatus, Pod, PodSpec, Toleration } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, invalid, required } from '@flotilla/shared/errors/field.js';
import { jsonEqual, semanticEqual } from '#registry/generic/json.ts';
import { each, named, within } from './fields.ts';
import { dnsSubdomain, qualifiedName } from './names.ts';
import { validateIp } from './pod-spec.ts';

const maxInt32 = 2 ** 31 - 1;
const changeable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** What an update may change in the spec of a pod (core/validation, ValidatePodUpdate). */
export function validatePodSpecUpdate(spec: PodSpec, old: PodSpec): FieldError[] {
  const faults: FieldError[] = [];
  for (const field of ['containers', 'initContainers'] as const) {
    const [now, before] = [spec[field] ?? [], old[field] ?? []];
    if (now.length !== before.length) return [...faults, forbiddenField(`spec.${field}`, 'pod updates may not add or remove containers')];
    faults.push(...each(`spec.${field}`, now, ({ image }, at) => (image ? [] : [required(`${at}.image`)])));
  }
  const deadline = validateDeadline(spec.activeDeadlineSeconds, old.activeDeadlineSeconds);
  faults.push(...deadline, ...validateTolerationsKept(spec.tolerations ?? [], old.tolerations ?? []));
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    if (old.schedulingGates?.some((gate) => gate.name === name)) continue;
    const why = `only deletion is allowed, but found new scheduling gate '${name}'`;
    faults.push(forbiddenField(`spec.schedulingGates[${index}].name`, why));
  }
  const gated = (old.schedulingGates?.length ?? 0) > 0;
  if (gated && !includesAll(spec.nodeSelector, old.nodeSelector)) {
    const why = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
    return [...faults, invalid('spec.nodeSelector', spec.nodeSelector, why)];
  }
  const changed = changedFields(spec, old);
  if (changed.length > 0)
    faults.push(forbiddenField('spec', `pod updates may not change fields other than ${changeable}\n${changed.join('\n')}`));
  return faults;
}

function validateDeadline(seconds: number | undefined, old: number | undefined): FieldError[] {
  const path = 'spec.activeDeadlineSeconds';
  if (seconds === undefined) return old === undefined ? [] : [invalid(path, null, 'must not update from a positive integer to nil value')];
  const range = within(path, seconds, 0, maxInt32);
  if (range.length > 0 || old === undefined || seconds <= old) return range;
  return [invalid(path, seconds, 'must be less than or equal to previous value')];
}

function validateTolerationsKept(tolerations: readonly Toleration[], old: readonly Toleration[]): FieldError[] {
  const untimed = ({ tolerationSeconds: _seconds, ...rest }: Toleration): unknown => rest;
  const kept = old.every((before) => tolerations.some((now) => jsonEqual(untimed(now), untimed(before))));
  return kept ? [] : [forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
}

/** A line for each field of the spec that may not differ and does. */
function changedFields(spec: PodSpec, old: PodSpec): string[] {
  const gated = (old.schedulingGates?.length ?? 0) > 0;
  const wasNegative = (old.terminationGracePeriodSeconds ?? 0) < 0;
  const free = new Set<keyof PodSpec>(['activeDeadlineSeconds', 'tolerations', 'schedulingGates']);
  if (wasNegative && spec.terminationGracePeriodSeconds === 1) free.add('terminationGracePeriodSeconds');
  if (gated) free.add('nodeSelector');
  const fields = new Set([...Object.keys(spec), ...Object.keys(old)] as (keyof PodSpec)[]);
  return [...fields]
    .filter((field) => !free.has(field))
    .filter((field) => !semanticEqual(withoutImages(spec[field]), withoutImages(old[field])))
    .sort()
    .map((field) => `  spec.${field} differs`);
}

function includesAll(now: Readonly<Record<string, string>> = {}, before: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(before).every(([key, value]) => now[key] === value);
}

function withoutImages(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((item: unknown) =>
    typeof item === 'object' && item !== null && 'terminationMessagePolicy' in item ? imageless(item as Container) : item,
  );
}

function imageless({ image: _image, ...rest }: Container): unknown {
  return rest;
}

/** What the status subresource refuses (core/validation, ValidatePodStatusUpdate). */
export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const [status, was] = [pod.status ?? {}, old.status ?? {}];
  const faults: FieldError[] = [];
  faults.push(
    ...each('status.conditions', status.conditions, ({ type, observedGeneration }, at) => {
      const native = /^[A-Za-z]+$/.test(type ?? '');
      const found = native ? [] : named(`${at}.Type`, type ?? '', qualifiedName);
      if ((observedGeneration ?? 0) < 0)
        found.push(invalid(`${at}.observedGeneration`, observedGeneration, 'must be a non-negative integer'));
      return found;
    }),
  );
  const nominated = status.nominatedNodeName;
  if (nominated && nominated !== was.nominatedNodeName) {
    faults.push(...named('status.nominatedNodeName', nominated, dnsSubdomain));
    if (old.spec?.nodeName)
      faults.push(forbiddenField('status.nominatedNodeName', 'may not be set on pods that are already bound to a node'));
  }
  if ((status.observedGeneration ?? 0) < 0)
    faults.push(invalid('status.observedGeneration', status.observedGeneration, 'must be a non-negative integer'));
  if ((status.qosClass ?? '') !== (was.qosClass ?? ''))
    faults.push(invalid('status.qosClass', status.qosClass ?? '', 'field is immutable'));
  const policy = old.spec?.restartPolicy;
  const sidecars = new Set(
    (old.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  );
  faults.push(...validateRestarts(status.containerStatuses, was.containerStatuses, 'status.containerStatuses', policy, new Set()));
  faults.push(
    ...validateRestarts(status.initContainerStatuses, was.initContainerStatuses, 'status.initContainerStatuses', policy, sidecars),
  );
  const ephemeral = validateRestarts(
    status.ephemeralContainerStatuses,
    was.ephemeralContainerStatuses,
    'status.ephemeralContainerStatuses',
    'Never',
    new Set(),
  );
  faults.push(...ephemeral);
  faults.push(...validateIps(status.podIPs, 'status.podIPs'), ...validateIps(status.hostIPs, 'status.hostIPs'));
  const [hostIp] = status.hostIPs ?? [];
  if (hostIp && status.hostIP !== hostIp.ip) faults.push(invalid('status.hostIPs[0].ip', hostIp.ip, 'must be equal to `hostIP`'));
  return faults;
}

/** A container that ended stays ended unless the restart policy lets it begin again. */
function validateRestarts(
  now: readonly ContainerStatus[] | undefined,
  before: readonly ContainerStatus[] | undefined,
  path: string,
  restartPolicy: string | undefined,
  mayRestart: ReadonlySet<string>,
): FieldError[] {
  if (restartPolicy === 'Always') return [];
  return each(path, before, ({ name, state }, at) => {
    if (!state?.terminated || mayRestart.has(name)) return [];
    if (state.terminated.exitCode !== 0 && restartPolicy === 'OnFailure') return [];
    const next = now?.find((candidate) => candidate.name === name);
    return next && !next.state?.terminated ? [forbiddenField(`${at}.state`, 'may not be transitioned to non-terminated state')] : [];
  });
}

function validateIps(addresses: readonly { ip: string }[] | undefined, path: string): FieldError[] {
  const faults = each(path, addresses, ({ ip }, at) => validateIp(at, ip ?? ''));
  const list = addresses ?? [];
  const mixed = new Set(list.map(({ ip }) => ip?.includes(':'))).size === list.length;
  if (list.length > 1 && !mixed) faults.push(invalid(path, list, 'may specify no more than one IP for each IP family'));
  return faults;
}
