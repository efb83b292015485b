import type { Service, ServiceSpec } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid, invalidObject } from '@flotilla/shared/errors/field.js';
import { parseIp } from '#registry/validation/ip-address.ts';
import { needsHealthCheckPort } from '#registry/validation/service.ts';
import { validateClusterIps } from '#registry/validation/service-addresses.ts';

/** Whether nodes open a port for each port of the Service, without being asked. */
export const allocatesNodePorts = ({ spec }: Service): boolean =>
  spec?.type === 'NodePort' || (spec?.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);

const specOf = (service: Service): ServiceSpec => {
  service.spec ??= {};
  return service.spec;
};

const sameList = (left: readonly string[] = [], right: readonly string[] = []): boolean =>
  left.length === right.length && left.every((value, index) => value === right[index]);

/** Brings `clusterIP` and `clusterIPs` together where a client gave only one of them (core/service, normalizeClusterIPs). */
export function matchClusterIps(service: Service, old: Service | undefined): void {
  const spec = specOf(service);
  const { clusterIP = '', clusterIPs = [] } = spec;
  if (!old) {
    if (clusterIP && clusterIPs.length === 0) spec.clusterIPs = [clusterIP];
    return;
  }
  const was = old.spec ?? {};
  if (was.clusterIPs?.length && clusterIPs.length === 0 && (was.clusterIP ?? '') === clusterIP) spec.clusterIPs = [...was.clusterIPs];
  if ((was.clusterIP ?? '') === clusterIP || !sameList(was.clusterIPs, spec.clusterIPs)) return;
  if (was.clusterIP && !clusterIP) delete spec.clusterIPs;
  else spec.clusterIPs = [clusterIP];
}

/** What was given to the Service before stays when an update does not name it (core/service, patchAllocatedValues). */
export function keepAllocated(service: Service, old: Service): void {
  const [spec, was] = [specOf(service), old.spec ?? {}];
  if (spec.type !== 'ExternalName' && was.type !== 'ExternalName') {
    if (!spec.clusterIP && was.clusterIP) spec.clusterIP = was.clusterIP;
    if (!spec.clusterIPs?.length && was.clusterIPs?.length) spec.clusterIPs = [...was.clusterIPs];
  }
  if (allocatesNodePorts(service) && allocatesNodePorts(old)) {
    const before = was.ports ?? [];
    const now = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort));
    const taken = new Set(before.map(({ nodePort }) => nodePort).filter((port) => port && now.has(port)));
    for (const port of spec.ports ?? []) {
      if (port.nodePort) continue;
      const known = before.findLast(({ name = '' }) => name === (port.name ?? ''))?.nodePort;
      if (known && !taken.has(known)) port.nodePort = known;
    }
  }
  if (needsHealthCheckPort(service) && needsHealthCheckPort(old) && !spec.healthCheckNodePort && was.healthCheckNodePort) {
    spec.healthCheckNodePort = was.healthCheckNodePort;
  }
}

const refuse = (service: Service, faults: readonly FieldError[]): void => {
  if (faults.length > 0) throw invalidObject('Service', '', service.metadata?.name ?? '', faults);
};

/**
 * Fills in the families of a Service's addresses, where only IPv4 is given out (core/service, initIPFamilyFields).
 * @throws StatusError Invalid when another family is asked for
 */
export function fillFamilies(service: Service, old: Service | undefined): void {
  const spec = specOf(service);
  if (spec.type === 'ExternalName' || staysPreferringBoth(service, old)) return;
  const bare = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= old?.spec?.ipFamilyPolicy ?? (bare ? 'RequireDualStack' : 'SingleStack');
  refuse(service, validateClusterIps(service, old));
  const faults = old ? releaseSecond(spec, old.spec ?? {}) : [];
  const policyFault = (why: string): void => void faults.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, why));
  if (spec.ipFamilyPolicy === 'SingleStack') {
    const why = "must be 'RequireDualStack' or 'PreferDualStack' when multiple";
    if (spec.clusterIPs?.length === 2) policyFault(`${why} cluster IPs are specified`);
    if (spec.ipFamilies?.length === 2) policyFault(`${why} IP families are specified`);
  }
  faults.push(...inferFamilies(spec));
  refuse(service, faults);
  if (bare) {
    // Nobody knows what addresses somebody will give it: both families are allowed.
    spec.ipFamilies = spec.ipFamilies?.length ? spec.ipFamilies : ['IPv4'];
    if (spec.ipFamilies.length < 2 && spec.ipFamilyPolicy !== 'SingleStack') {
      spec.ipFamilies = [...spec.ipFamilies, spec.ipFamilies[0] === 'IPv4' ? 'IPv6' : 'IPv4'];
    }
    return;
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack') policyFault('this cluster is not configured for dual-stack services');
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    if (family !== 'IPv4') faults.push(invalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'));
  }
  refuse(service, faults);
  if (!spec.ipFamilies?.length) spec.ipFamilies = ['IPv4'];
}

/** A Service that would take both families and is not asked to change keeps what it has. */
function staysPreferringBoth({ spec = {} }: Service, old: Service | undefined): boolean {
  const was = old?.spec;
  if (!was || spec.type !== was.type || spec.ipFamilyPolicy !== 'PreferDualStack') return false;
  if (was.ipFamilyPolicy !== undefined && was.ipFamilyPolicy !== 'PreferDualStack') return false;
  return sameList(spec.clusterIPs, was.clusterIPs) && sameList(spec.ipFamilies, was.ipFamilies);
}

function releaseSecond(spec: ServiceSpec, was: ServiceSpec): FieldError[] {
  const faults: FieldError[] = [];
  for (const [field, what] of [
    ['clusterIPs', 'cluster IP'],
    ['ipFamilies', 'IP family'],
  ] as const) {
    const [now, before] = [spec[field] ?? [], was[field] ?? []];
    if (spec.ipFamilyPolicy === 'SingleStack') {
      if (sameList(now, before) && now.length > 1) spec[field] = now.slice(0, 1);
    } else if (now.length > 0 && now.length < before.length) {
      faults.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`));
    }
  }
  return faults;
}

function inferFamilies(spec: ServiceSpec): FieldError[] {
  const faults: FieldError[] = [];
  const ips = spec.clusterIPs ?? [];
  if (ips[0] === 'None') return faults;
  for (const [index, ip] of ips.entries()) {
    if (index < (spec.ipFamilies?.length ?? 0)) continue;
    const family = parseIp(ip)?.family ?? 'unknown';
    if (family !== 'IPv4') faults.push(invalid(`spec.clusterIPs[${index}]`, ips, `${family} is not configured on this cluster`));
    else spec.ipFamilies = [...(spec.ipFamilies ?? []), family];
  }
  return faults;
}
