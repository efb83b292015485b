import type { EphemeralContainer, PodSpec } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { duplicate, forbiddenField, notFoundField } from '@flotilla/shared/errors/field.js';
import { semanticEqual } from '#registry/generic/json.ts';
import { validateCommon } from './containers.ts';
import { each } from './fields.ts';

/** What needs the pod to count on the container; in Kubernetes' order. */
const forbidden = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const satisfies readonly (keyof EphemeralContainer)[];
const why = 'cannot be set for an Ephemeral Container';

/** `ephemeralContainers` of a pod (core/validation, validateEphemeralContainers). */
export function validateEphemeralContainers(spec: PodSpec, path: string): FieldError[] {
  const others = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name));
  const names = new Set(others);
  return each(path, spec.ephemeralContainers, (container, at) => {
    const { name, targetContainerName: target } = container;
    const faults = validateCommon(container, spec, at);
    if (names.has(name)) faults.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (target && !others.has(target)) faults.push(notFoundField(`${at}.targetContainerName`, target));
    faults.push(...forbidden.filter((field) => isSet(container[field])).map((field) => forbiddenField(`${at}.${field}`, why)));
    faults.push(
      ...each(`${at}.volumeMounts`, container.volumeMounts, (mount, where) =>
        (['subPath', 'subPathExpr'] as const).filter((field) => mount[field]).map((field) => forbiddenField(`${where}.${field}`, why)),
      ),
    );
    return faults;
  });
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== '' && (typeof value !== 'object' || value === null || Object.keys(value).length > 0);
}

/** Ephemeral containers come and stay as they came (core/validation, ValidatePodEphemeralContainersUpdate). */
export function validateEphemeralContainersKept(spec: PodSpec, old: PodSpec): FieldError[] {
  const now = new Map((spec.ephemeralContainers ?? []).map((container) => [container.name, container]));
  return (old.ephemeralContainers ?? []).flatMap((before) => {
    const title = `existing ephemeral containers ${JSON.stringify(before.name)} may not be`;
    const refuse = (what: string, more = ''): FieldError[] => [forbiddenField('spec.ephemeralContainers', `${title} ${what}\n${more}`)];
    const after = now.get(before.name);
    if (!after) return refuse('removed');
    // Where Kubernetes shows a diff of its Go structs, the names of the fields.
    const changed = [...new Set([...Object.keys(after), ...Object.keys(before)])]
      .filter((field) => !semanticEqual(after[field as keyof EphemeralContainer], before[field as keyof EphemeralContainer]))
      .sort();
    return changed.length === 0 ? [] : refuse('changed', changed.map((field) => `  ${field} differs`).join('\n'));
  });
}
