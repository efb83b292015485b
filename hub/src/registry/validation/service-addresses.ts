import type { Service } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { duplicate, forbiddenField, invalid, notSupported, required } from '@flotilla/shared/errors/field.js';
import { each, named, oneOf } from './fields.ts';
import { parseIp, validateIp } from './ip-address.ts';
import { dnsSubdomain } from './names.ts';

const families = ['IPv4', 'IPv6'];
const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const clusterIpsPath = 'spec.clusterIPs';

/**
 * That a Service's addresses and their families fit together (core/validation, ValidateServiceClusterIPsRelatedFields).
 * @param old what it was before an update: an address it had may stay
 */
export function validateClusterIps({ spec = {} }: Service, old: Service | undefined): FieldError[] {
  if (spec.type === 'ExternalName') return [];
  const { clusterIP = '', clusterIPs: ips = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const faults: FieldError[] = [];
  if (clusterIP) {
    if (ips.length === 0) faults.push(required(clusterIpsPath));
    else if (ips[0] !== clusterIP) faults.push(invalid(clusterIpsPath, ips, 'first value must match `clusterIP`'));
  } else if (ips.length > 0) faults.push(invalid(clusterIpsPath, ips, 'must be empty when `clusterIP` is not specified'));
  faults.push(
    ...each('spec.ipFamilies', ipFamilies, (family, path, index) => [
      ...(families.includes(family) ? [] : [notSupported(path, family, families)]),
      ...(ipFamilies.indexOf(family) < index ? [duplicate(path, family)] : []),
    ]),
    ...oneOf('spec.ipFamilyPolicy', ipFamilyPolicy, familyPolicies),
  );
  const unreadable = each(clusterIpsPath, ips, (ip, path, index) => {
    if (index > 0 || ip !== 'None') return validateIp(path, ip, old?.spec?.clusterIPs);
    return ips.length > 1 ? [invalid(clusterIpsPath, ips, "'None' must be the first and only value")] : [];
  });
  faults.push(...unreadable);
  if (ips.length > 2) faults.push(invalid(clusterIpsPath, ips, 'may only hold up to 2 values'));
  return unreadable.length > 0 ? faults : [...faults, ...validateFamiliesOf(ips, ipFamilies)];
}

/** Of addresses that can be read. */
function validateFamiliesOf(ips: readonly string[], ipFamilies: readonly string[]): FieldError[] {
  const found = ips.map((ip) => parseIp(ip)?.family);
  const faults: FieldError[] = [];
  // Kubernetes asks whether both families are there: a third address is told of elsewhere.
  if (ips.length > 1 && new Set(found).size < 2) {
    faults.push(invalid(clusterIpsPath, ips, 'may specify no more than one IP for each IP family'));
  }
  if (ips[0] === 'None') return faults;
  return faults.concat(
    each(clusterIpsPath, ips, (ip, path, index) => {
      const wanted = ipFamilies[index];
      const wrong = wanted !== undefined && families.includes(wanted) && found[index] !== wanted;
      return wrong ? [invalid(path, ip, `expected an ${wanted} value as indicated by \`ipFamilies[${index}]\``)] : [];
    }),
  );
}

const fixed = 'may not change once set';

/** What an update of a Service may not do (core/validation, ValidateServiceUpdate). */
export function validateServiceChange(service: Service, old: Service): FieldError[] {
  const [spec = {}, was = {}] = [service.spec, old.spec];
  const balancers = spec.type === 'LoadBalancer' && was.type === 'LoadBalancer';
  const faults: FieldError[] = [];
  if (spec.type !== 'ExternalName' && was.type !== 'ExternalName') {
    const [headless, wasHeadless] = [isNone(service), isNone(old)];
    if (!headless || !wasHeadless) faults.push(...validateKept(clusterIpsPath, spec.clusterIPs ?? [], was.clusterIPs ?? [], service));
    if (!headless && !wasHeadless) faults.push(...validateKept('spec.ipFamilies', spec.ipFamilies ?? [], was.ipFamilies ?? [], service));
  }
  if (balancers && spec.loadBalancerClass !== was.loadBalancerClass) {
    faults.push(invalid('spec.loadBalancerClass', spec.loadBalancerClass, fixed));
  }
  const local = (one: typeof spec): boolean => one.externalTrafficPolicy === 'Local';
  if (balancers && local(spec) && local(was) && spec.healthCheckNodePort !== was.healthCheckNodePort) {
    faults.push(forbiddenField('spec.healthCheckNodePort', 'field is immutable'));
  }
  return faults;
}

const isNone = ({ spec }: Service): boolean => spec?.clusterIPs?.length === 1 && spec.clusterIPs[0] === 'None';

/** The first of a list stays; the second may come, and go where one is asked for. */
function validateKept(path: string, now: readonly string[], was: readonly string[], { spec }: Service): FieldError[] {
  const faults: FieldError[] = [];
  const ofAddresses = path === clusterIpsPath;
  if (now.length === was.length) {
    for (const [index, value] of was.entries()) {
      if (value !== now[index]) faults.push(invalid(`${path}[${ofAddresses ? index : 0}]`, now, fixed));
    }
    return faults;
  }
  if (now.length === 0) {
    return [invalid(`${path}[0]`, now, ofAddresses ? 'primary clusterIP can not be unset' : 'primary ipFamily can not be unset')];
  }
  if (was.length > 0 && now[0] !== was[0]) faults.push(invalid(`${path}[0]`, ofAddresses ? now : (spec?.clusterIPs ?? []), fixed));
  if (now.length === 1 && was.length > 1 && spec?.ipFamilyPolicy !== 'SingleStack') {
    const what = ofAddresses ? 'clusterIP' : 'ipFamily';
    const why = `must be set to 'SingleStack' when releasing the secondary ${what}`;
    faults.push(invalid('spec.ipFamilyPolicy', spec?.ipFamilyPolicy, why));
  }
  return faults;
}

/** What a balancer reported (core/validation, ValidateLoadBalancerStatus). */
export function validateServiceStatus({ spec, status }: Service, old: Service): FieldError[] {
  const ingress = status?.loadBalancer?.ingress ?? [];
  const path = 'status.loadBalancer.ingress';
  if (spec?.type !== 'LoadBalancer') {
    return ingress.length > 0 ? [forbiddenField(path, "may only be used when `spec.type` is 'LoadBalancer'")] : [];
  }
  const kept = (old.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
  return each(path, ingress, ({ ip, ipMode, hostname }, at) => {
    const faults = ip ? validateIp(`${at}.ip`, ip, kept) : [];
    if (ipMode === undefined) {
      if (ip) faults.push(required(`${at}.ipMode`, 'must be specified when `ip` is set'));
    } else if (!ip) faults.push(forbiddenField(`${at}.ipMode`, 'may not be specified when `ip` is not set'));
    else faults.push(...oneOf(`${at}.ipMode`, ipMode, ['Proxy', 'VIP']));
    if (!hostname) return faults;
    faults.push(...named(`${at}.hostname`, hostname, dnsSubdomain));
    if (parseIp(hostname)) faults.push(invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address'));
    return faults;
  });
}
