import type { Service, ServicePort } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { duplicate, forbiddenField, invalid, notSupported, required } from '@flotilla/shared/errors/field.js';
import { each, named, requiredOneOf } from './fields.ts';
import { cidrWarnings, ipWarnings, parseIp, validateCidrRange, validateEndpointIp, validateIp } from './ip-address.ts';
import { validateLabels } from './metadata.ts';
import { dnsLabel, dnsSubdomain, portName, portNumber, qualifiedName } from './names.ts';
import { validateClusterIps } from './service-addresses.ts';

const hintsAnnotation = 'service.kubernetes.io/topology-aware-hints';
const modeAnnotation = 'service.kubernetes.io/topology-mode';
const sourceRangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const policies = ['Cluster', 'Local'];
const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
export const portProtocols = ['SCTP', 'TCP', 'UDP'];
/** A day. */
const maxAffinitySeconds = 86_400;
const onlyForBalancers = "may only be used when `type` is 'LoadBalancer'";

const isHeadless = ({ spec }: Service): boolean => spec?.clusterIPs?.length === 1 && spec.clusterIPs[0] === 'None';

export const isExternallyAccessible = ({ spec }: Service): boolean =>
  spec?.type === 'LoadBalancer' || spec?.type === 'NodePort' || (spec?.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0);

/** Whether balancers have to ask each node whether it has endpoints: on a port of its own. */
export const needsHealthCheckPort = ({ spec }: Service): boolean => spec?.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';

/** What holds for every Service that is stored (core/validation, validateService). @param old what it was before an update */
export function validateService(service: Service, old?: Service): FieldError[] {
  const { spec = {} } = service;
  return [
    ...validateTopology(service),
    ...validateType(service),
    ...validatePorts(spec.ports ?? []),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(service),
    ...validateClusterIps(service, old),
    ...each('spec.externalIPs', spec.externalIPs, (ip, path) => {
      const faults = validateIp(path, ip, old?.spec?.externalIPs);
      return faults.length > 0 || !parseIp(ip) ? faults : validateEndpointIp(path, ip);
    }),
    ...requiredOneOf('spec.type', spec.type, types),
    ...validateNodePorts(service),
    ...validateDistinctPorts(spec.ports ?? []),
    ...validateSourceRanges(service, old),
    ...validateBalancer(service),
    ...validateTrafficPolicies(service),
    ...(spec.trafficDistribution !== undefined && !distributions.includes(spec.trafficDistribution)
      ? [notSupported('spec.trafficDistribution', spec.trafficDistribution, distributions)]
      : []),
  ];
}

function validateTopology({ metadata }: Service): FieldError[] {
  const { [hintsAnnotation]: hints, [modeAnnotation]: mode } = metadata?.annotations ?? {};
  if (hints === undefined || mode === undefined || hints === mode) return [];
  return [invalid(`metadata.annotations[${modeAnnotation}]`, mode, `must match annotations[${hintsAnnotation}] when both are specified`)];
}

function validateType(service: Service): FieldError[] {
  const { spec = {} } = service;
  const faults: FieldError[] = [];
  if (!spec.ports?.length && !isHeadless(service) && spec.type !== 'ExternalName') faults.push(required('spec.ports'));
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && isHeadless(service)) {
    faults.push(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`));
  }
  if (spec.type !== 'ExternalName') return faults;
  for (const field of ['clusterIPs', 'ipFamilies'] as const) {
    if (spec[field]?.length) faults.push(forbiddenField(`spec.${field}`, 'may not be set for ExternalName services'));
  }
  if (spec.ipFamilyPolicy !== undefined) faults.push(forbiddenField('spec.ipFamilyPolicy', 'may not be set for ExternalName services'));
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  return [...faults, ...(name ? named('spec.externalName', name, dnsSubdomain) : [required('spec.externalName')])];
}

function validatePorts(ports: readonly ServicePort[]): FieldError[] {
  const names = new Set<string>();
  return each('spec.ports', ports, (port, path) => {
    const faults: FieldError[] = [];
    if (port.name) {
      faults.push(...named(`${path}.name`, port.name, dnsLabel));
      if (names.has(port.name)) faults.push(duplicate(`${path}.name`, port.name));
      names.add(port.name);
    } else if (ports.length > 1) faults.push(required(`${path}.name`));
    const number = port.port ?? 0;
    faults.push(...portNumber(number).map((why) => invalid(`${path}.port`, number, why)));
    faults.push(...requiredOneOf(`${path}.protocol`, port.protocol, portProtocols));
    const { targetPort = 0 } = port;
    const wrong = typeof targetPort === 'string' ? portName(targetPort) : portNumber(targetPort);
    faults.push(...wrong.map((why) => invalid(`${path}.targetPort`, targetPort, why)));
    if (port.appProtocol !== undefined) faults.push(...named(`${path}.appProtocol`, port.appProtocol, qualifiedName));
    return faults;
  });
}

function validateAffinity({ spec = {} }: Service): FieldError[] {
  const { sessionAffinity: affinity, sessionAffinityConfig: config } = spec;
  const faults = requiredOneOf('spec.sessionAffinity', affinity, ['ClientIP', 'None']);
  const path = 'spec.sessionAffinityConfig';
  if (affinity === 'None' && config) faults.push(forbiddenField(path, 'must not be set when session affinity is None'));
  if (affinity !== 'ClientIP') return faults;
  const seconds = config?.clientIP?.timeoutSeconds;
  const missing = !config ? path : !config.clientIP ? `${path}.clientIP` : seconds === undefined ? `${path}.clientIP.timeoutSeconds` : '';
  if (missing) faults.push(required(missing, 'when session affinity type is ClientIP'));
  if (seconds !== undefined && (seconds <= 0 || seconds > maxAffinitySeconds)) {
    const why = `must be greater than 0 and less than ${maxAffinitySeconds}`;
    faults.push(invalid(`${path}.clientIP.timeoutSeconds`, seconds, why));
  }
  return faults;
}

function validateNodePorts({ spec = {} }: Service): FieldError[] {
  const faults: FieldError[] = [];
  if (spec.type === 'ClusterIP') {
    faults.push(
      ...each('spec.ports', spec.ports, ({ nodePort }, path) =>
        nodePort ? [forbiddenField(`${path}.nodePort`, "may not be used when `type` is 'ClusterIP'")] : [],
      ),
    );
  }
  const seen = new Set<string>();
  return faults.concat(
    each('spec.ports', spec.ports, ({ nodePort, protocol }, path) => {
      if (!nodePort) return [];
      const key = `${protocol} ${nodePort}`;
      if (seen.has(key)) return [duplicate(`${path}.nodePort`, nodePort)];
      seen.add(key);
      return [];
    }),
  );
}

function validateDistinctPorts(ports: readonly ServicePort[]): FieldError[] {
  const seen = new Set<string>();
  return each('spec.ports', ports, ({ port, protocol }, path) => {
    const key = `${protocol} ${port}`;
    // What Kubernetes shows is its own struct with the two fields that count.
    const shown = { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 };
    if (seen.has(key)) return [duplicate(path, shown)];
    seen.add(key);
    return [];
  });
}

function validateSourceRanges({ metadata, spec = {} }: Service, old: Service | undefined): FieldError[] {
  const wrongType = (path: string): FieldError[] => (spec.type === 'LoadBalancer' ? [] : [forbiddenField(path, onlyForBalancers)]);
  if (spec.loadBalancerSourceRanges?.length) {
    // As in Kubernetes the field is named with a capital here.
    const path = 'spec.LoadBalancerSourceRanges';
    const kept = (old?.spec?.loadBalancerSourceRanges ?? []).map((range) => range.trim());
    return [...wrongType(path), ...each(path, spec.loadBalancerSourceRanges, (range, at) => validateCidrRange(at, range.trim(), kept))];
  }
  const text = metadata?.annotations?.[sourceRangesAnnotation];
  if (text === undefined) return [];
  const path = `metadata.annotations[${sourceRangesAnnotation}]`;
  const known = old?.metadata?.annotations?.[sourceRangesAnnotation] === text || text.trim() === '';
  const ranges = known ? [] : text.trim().split(',');
  return [...wrongType(path), ...ranges.flatMap((range) => validateCidrRange(path, range.trim()))];
}

function validateBalancer({ spec = {} }: Service): FieldError[] {
  const { type, allocateLoadBalancerNodePorts: allocate, loadBalancerClass } = spec;
  if (type === 'LoadBalancer') {
    return [
      ...(allocate === undefined ? [required('allocateLoadBalancerNodePorts')] : []),
      ...(loadBalancerClass === undefined ? [] : named('spec.loadBalancerClass', loadBalancerClass, qualifiedName)),
    ];
  }
  return [
    ...(allocate === undefined ? [] : [forbiddenField('spec.allocateLoadBalancerNodePorts', onlyForBalancers)]),
    ...(loadBalancerClass === undefined ? [] : [forbiddenField('spec.loadBalancerClass', onlyForBalancers)]),
  ];
}

function validateTrafficPolicies(service: Service): FieldError[] {
  const { spec = {} } = service;
  const { externalTrafficPolicy: external, internalTrafficPolicy: internal, healthCheckNodePort: health } = spec;
  const faults: FieldError[] = [];
  if (isExternallyAccessible(service)) faults.push(...requiredOneOf('spec.externalTrafficPolicy', external, policies));
  else if (external) {
    faults.push(invalid('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services'));
  }
  if (needsHealthCheckPort(service)) {
    if (!health) faults.push(required('spec.healthCheckNodePort'));
    else faults.push(...portNumber(health).map((why) => invalid('spec.healthCheckNodePort', health, why)));
  } else if (health) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    faults.push(invalid('spec.healthCheckNodePort', health, why));
  }
  if (internal === undefined) {
    if (spec.type && spec.type !== 'ExternalName' && types.includes(spec.type)) faults.push(required('spec.internalTrafficPolicy'));
  } else if (!policies.includes(internal)) faults.push(notSupported('spec.internalTrafficPolicy', internal, policies));
  return faults;
}

/** What Kubernetes warns of (api/service, GetWarningsForService). */
export function serviceWarnings({ metadata, spec = {} }: Service): string[] {
  const warnings: string[] = [];
  if (metadata?.annotations?.[hintsAnnotation] !== undefined) {
    warnings.push(`annotation ${hintsAnnotation} is deprecated, please use ${modeAnnotation} instead`);
  }
  if (spec.clusterIP && spec.clusterIP !== 'None') {
    for (const [index, ip] of (spec.clusterIPs ?? []).entries()) warnings.push(...ipWarnings(`spec.clusterIPs[${index}]`, ip));
  }
  if (spec.type === 'ClusterIP' && spec.clusterIP === 'None') {
    if (spec.loadBalancerIP) warnings.push('spec.loadBalancerIP is ignored for headless services');
    if (spec.externalIPs?.length) warnings.push('spec.externalIPs is ignored for headless services');
    if (spec.sessionAffinity !== 'None') warnings.push('spec.SessionAffinity is ignored for headless services');
  }
  for (const [index, ip] of (spec.externalIPs ?? []).entries()) warnings.push(...ipWarnings(`spec.externalIPs[${index}]`, ip));
  if (spec.loadBalancerIP) warnings.push(...ipWarnings('spec.loadBalancerIP', spec.loadBalancerIP));
  for (const [index, range] of (spec.loadBalancerSourceRanges ?? []).entries()) {
    warnings.push(...cidrWarnings(`spec.loadBalancerSourceRanges[${index}]`, range));
  }
  if (spec.type === 'ExternalName' && spec.externalIPs?.length) {
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  }
  if (spec.type !== 'ExternalName' && spec.externalName) {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  }
  return warnings;
}
