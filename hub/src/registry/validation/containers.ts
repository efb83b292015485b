import type { Container, ContainerPort, EphemeralContainer, PodSpec } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { duplicate, forbiddenField, invalid, notSupported, required } from '@flotilla/shared/errors/field.js';
import { validateEnv, validateEnvFrom } from './env.ts';
import { each, named, oneOf, requiredName, requiredOneOf } from './fields.ts';
import { validateMounts } from './mounts.ts';
import { dnsLabel, portName, portNumber } from './names.ts';
import { validateLifecycle, validateProbe, validateReadinessProbe } from './probes.ts';
import { validateContainerResources } from './resources.ts';
import { validateSecurityContext } from './security-context.ts';

const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const onlyForSidecars = 'may not be set for init containers without restartPolicy=Always';

/** `containers` and `initContainers` of a pod or a template (core/validation, validateContainers). */
export function validateContainers(spec: PodSpec, path: string): FieldError[] {
  return [...validateRegular(spec, `${path}.containers`), ...validateInit(spec, `${path}.initContainers`)];
}

function validateRegular(spec: PodSpec, path: string): FieldError[] {
  const containers = spec.containers ?? [];
  if (containers.length === 0) return [required(path)];
  const names = new Set<string>();
  const faults = each(path, containers, (container, at) => {
    const found = validateCommon(container, spec, at);
    if (names.has(container.name)) found.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    found.push(...validateLife(container, spec, at));
    if (container.restartPolicy !== undefined) found.push(forbiddenField(`${at}.restartPolicy`, 'may not be set for non-init containers'));
    return found;
  });
  return [...faults, ...validateHostPorts(containers, path)];
}

function validateInit(spec: PodSpec, path: string): FieldError[] {
  const names = new Set((spec.containers ?? []).map(({ name }) => name));
  return each(path, spec.initContainers, (container, at) => {
    const found = validateCommon(container, spec, at);
    found.push(...oneOf(`${at}.restartPolicy`, container.restartPolicy, ['Always']));
    if (names.has(container.name)) found.push(duplicate(`${at}.name`, container.name));
    else if (container.name) names.add(container.name);
    found.push(...validateHostPorts([container], path));
    if (container.restartPolicy === 'Always') return [...found, ...validateLife(container, spec, at)];
    for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[field]) found.push(forbiddenField(`${at}.${field}`, onlyForSidecars));
    }
    return found;
  });
}

function validateLife(container: Container, spec: PodSpec, path: string): FieldError[] {
  const grace = spec.terminationGracePeriodSeconds;
  return [
    ...(container.lifecycle ? validateLifecycle(container.lifecycle, grace, spec.os?.name, `${path}.lifecycle`) : []),
    ...validateProbe(container.livenessProbe, grace, `${path}.livenessProbe`),
    ...validateReadinessProbe(container.readinessProbe, grace, `${path}.readinessProbe`),
    ...validateProbe(container.startupProbe, grace, `${path}.startupProbe`),
  ];
}

/** What every kind of container has to fulfil. */
export function validateCommon(container: Container | EphemeralContainer, spec: PodSpec, path: string): FieldError[] {
  return [
    ...requiredName(`${path}.name`, container.name, dnsLabel),
    ...(container.image ? [] : [required(`${path}.image`)]),
    ...requiredOneOf(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError']),
    ...validatePorts(container.ports, `${path}.ports`),
    ...validateEnv(container.env, `${path}.env`),
    ...validateEnvFrom(container.envFrom, `${path}.envFrom`),
    ...validateMounts(container, spec.volumes ?? [], path),
    ...requiredOneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, pullPolicies),
    ...validateContainerResources(container.resources ?? {}, `${path}.resources`),
    ...validateResizePolicy(container, `${path}.resizePolicy`),
    ...validateSecurityContext(container.securityContext, spec.hostUsers ?? true, `${path}.securityContext`),
  ];
}

function validateResizePolicy({ resizePolicy }: Pick<Container, 'resizePolicy'>, path: string): FieldError[] {
  const resources = new Set<string>();
  return each(path, resizePolicy, ({ resourceName, restartPolicy }, at) => {
    // As in Kubernetes these faults name the list and not the element.
    const faults: FieldError[] = [];
    if (resources.has(resourceName)) faults.push(duplicate(at, resourceName));
    resources.add(resourceName);
    if (!['cpu', 'memory'].includes(resourceName))
      faults.push(resourceName ? notSupported(path, resourceName, ['cpu', 'memory']) : required(path));
    if (!['NotRequired', 'RestartContainer'].includes(restartPolicy)) {
      faults.push(restartPolicy ? notSupported(path, restartPolicy, ['NotRequired', 'RestartContainer']) : required(path));
    }
    return faults;
  });
}

function validatePorts(ports: readonly ContainerPort[] | undefined, path: string): FieldError[] {
  const names = new Set<string>();
  return each(path, ports, ({ name, containerPort, hostPort, protocol }, at) => {
    const faults: FieldError[] = [];
    if (name) {
      const wrong = named(`${at}.name`, name, portName);
      faults.push(...(wrong.length === 0 && names.has(name) ? [duplicate(`${at}.name`, name)] : wrong));
      names.add(name);
    }
    if (!containerPort) faults.push(required(`${at}.containerPort`));
    else faults.push(...portNumber(containerPort).map((why) => invalid(`${at}.containerPort`, containerPort, why)));
    if (hostPort) faults.push(...portNumber(hostPort).map((why) => invalid(`${at}.hostPort`, hostPort, why)));
    return [...faults, ...requiredOneOf(`${at}.protocol`, protocol, protocols)];
  });
}

/** No two containers of a list may claim the same port of the board. */
function validateHostPorts(containers: readonly Container[], path: string): FieldError[] {
  const claimed = new Set<string>();
  return each(path, containers, (container, at) =>
    each(`${at}.ports`, container.ports, ({ protocol, hostIP, hostPort }, where) => {
      if (!hostPort) return [];
      const claim = `${protocol}/${hostIP ?? ''}/${hostPort}`;
      if (claimed.has(claim)) return [duplicate(`${where}.hostPort`, claim)];
      claimed.add(claim);
      return [];
    }),
  );
}
