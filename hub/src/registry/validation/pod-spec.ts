import type { PodSpec } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { duplicate, forbiddenField, invalid, required, tooLong } from '@flotilla/shared/errors/field.js';
import { validateContainers } from './containers.ts';
import { validateEphemeralContainers } from './ephemeral-containers.ts';
import { each, named, oneOf, requiredName, requiredOneOf, within } from './fields.ts';
import { validateLabels } from './metadata.ts';
import { byteLength, dnsLabel, dnsSearch, dnsSubdomain, isIpAddress, qualifiedName } from './names.ts';
import { validateResourceAmount } from './resources.ts';
import { validateAffinity, validateTolerations, validateTopologySpread } from './scheduling.ts';
import { validatePodSecurityContext } from './security-context.ts';
import { validateVolumes } from './volumes.ts';

const maxInt32 = 2 ** 31 - 1;
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const maxNameservers = 3;
const maxSearches = 32;
const maxSearchCharacters = 2048;

/**
 * The spec of a pod, or of a template in a workload (core/validation, ValidatePodSpec).
 * `isPod`: rules that a template is spared because defaulting still comes.
 */
export function validatePodSpec(spec: PodSpec | undefined, path: string, isPod: boolean): FieldError[] {
  const given = spec ?? { containers: [] };
  const volumeFaults = validateVolumes(given.volumes, `${path}.volumes`);
  // A volume that is wrong is not there for what mounts it.
  const sound =
    volumeFaults.length === 0
      ? given
      : { ...given, volumes: given.volumes?.filter((volume) => validateVolumes([volume], '').length === 0) };
  return [
    ...(given.terminationGracePeriodSeconds === undefined ? [required(`${path}.terminationGracePeriodSeconds`)] : []),
    ...volumeFaults,
    ...validateContainers(sound, path),
    ...(isPod ? validateEphemeralContainers(sound, `${path}.ephemeralContainers`) : []),
    ...validateHostNetwork(given, path, isPod),
    ...requiredOneOf(`${path}.restartPolicy`, given.restartPolicy, ['Always', 'OnFailure', 'Never']),
    ...requiredOneOf(`${path}.dnsPolicy`, given.dnsPolicy, dnsPolicies),
    ...validateLabels(given.nodeSelector, `${path}.nodeSelector`),
    ...validatePodSecurityContext(given, `${path}.securityContext`),
    ...validateAffinity(given.affinity, `${path}.affinity`),
    ...validateDns(given, `${path}.dnsConfig`),
    ...validateGates(given, path),
    ...validateTopologySpread(given.topologySpreadConstraints, `${path}.topologySpreadConstraints`),
    ...validateNames(given, path),
    ...within(`${path}.activeDeadlineSeconds`, given.activeDeadlineSeconds, 1, maxInt32),
    ...validateTolerations(given.tolerations, `${path}.tolerations`),
    ...each(`${path}.hostAliases`, given.hostAliases, ({ ip, hostnames }, at) => [
      ...validateIp(`${at}.ip`, ip ?? ''),
      ...each(`${at}.hostnames`, hostnames, (hostname, where) => named(where, hostname, dnsSubdomain)),
    ]),
    ...oneOf(`${path}.preemptionPolicy`, given.preemptionPolicy, ['PreemptLowerPriority', 'Never']),
    ...Object.entries(given.overhead ?? {}).flatMap(([name, text]) =>
      validateResourceAmount(`${path}.overhead.limits[${name}]`, name, text),
    ),
    ...(given.os ? requiredOneOf(`${path}.os`, given.os.name, ['linux', 'windows']) : []),
  ];
}

export function validateIp(path: string, address: string): FieldError[] {
  return isIpAddress(address) ? [] : [invalid(path, address, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];
}

function validateHostNetwork(spec: PodSpec, path: string, isPod: boolean): FieldError[] {
  if (!spec.hostNetwork) return [];
  const users = spec.hostUsers === false ? [forbiddenField(`${path}.hostNetwork`, 'when `hostUsers` is false')] : [];
  return [
    ...users,
    ...each(`${path}.containers`, spec.containers, (container, at) =>
      each(`${at}.ports`, container.ports, ({ hostPort = 0, containerPort }, where) => {
        if (hostPort === containerPort || (!isPod && hostPort === 0)) return [];
        return [invalid(`${where}.hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true')];
      }),
    ),
  ];
}

function validateDns({ dnsPolicy, dnsConfig }: PodSpec, path: string): FieldError[] {
  if (dnsPolicy === 'None') {
    if (!dnsConfig) return [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if (!dnsConfig.nameservers?.length) {
      return [required(`${path}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')];
    }
  }
  const { nameservers = [], searches = [], options } = dnsConfig ?? {};
  const faults: FieldError[] = [];
  if (nameservers.length > maxNameservers) {
    faults.push(invalid(`${path}.nameservers`, nameservers, `must not have more than ${maxNameservers} nameservers`));
  }
  faults.push(...each(`${path}.nameservers`, nameservers, (server, at) => validateIp(at, server)));
  if (searches.length > maxSearches)
    faults.push(invalid(`${path}.searches`, searches, `must not have more than ${maxSearches} search paths`));
  if (searches.join(' ').length > maxSearchCharacters) {
    const why = `must not have more than ${maxSearchCharacters} characters (including spaces) in the search list`;
    faults.push(invalid(`${path}.searches`, searches, why));
  }
  const searchName = (value: string): string[] => (value === '.' ? [] : dnsSearch(value.replace(/\.$/, '')));
  faults.push(...each(`${path}.searches`, searches, (search, at) => named(at, search, searchName)));
  return [...faults, ...each(`${path}.options`, options, ({ name }, at) => (name ? [] : [required(at, 'must not be empty')]))];
}

function validateGates({ readinessGates, schedulingGates }: PodSpec, path: string): FieldError[] {
  const seen = new Set<string>();
  return [
    ...each(`${path}.readinessGates`, readinessGates, ({ conditionType }, at) =>
      named(`${at}.conditionType`, conditionType ?? '', qualifiedName),
    ),
    ...each(`${path}.schedulingGates`, schedulingGates, ({ name }, at) => {
      const faults = named(at, name ?? '', qualifiedName);
      if (seen.has(name)) faults.push(duplicate(at, name));
      seen.add(name);
      return faults;
    }),
  ];
}

function validateNames(spec: PodSpec, path: string): FieldError[] {
  const faults: FieldError[] = [];
  const check = (field: keyof PodSpec, rule: (value: string) => string[]): void => {
    const value = spec[field];
    if (typeof value === 'string' && value !== '') faults.push(...named(`${path}.${field}`, value, rule));
  };
  const override = spec.hostnameOverride;
  if (override !== undefined) {
    const at = `${path}.hostnameOverride`;
    if (spec.setHostnameAsFQDN) faults.push(forbiddenField(at, 'may not be specified when setHostnameAsFQDN is true'));
    if (spec.hostNetwork) faults.push(forbiddenField(at, 'may not be specified when hostNetwork is true'));
    if (byteLength(override) > 64) faults.push(tooLong(at, 64));
    faults.push(...requiredName(at, override, dnsSubdomain));
  }
  check('serviceAccountName', dnsSubdomain);
  check('nodeName', dnsSubdomain);
  check('hostname', dnsLabel);
  check('subdomain', dnsLabel);
  check('priorityClassName', dnsSubdomain);
  check('runtimeClassName', dnsSubdomain);
  return faults;
}
