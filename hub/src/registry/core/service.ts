import type { LoadBalancerStatus, Service, ServiceSpec } from '@flotilla/shared/api/generated/types.js';
import { ageColumn, nameColumn, textColumn, wideColumn } from '#registry/generic/columns.ts';
import { jsonEqual } from '#registry/generic/json.ts';
import { statusSubresource } from '#registry/generic/status-subresource.ts';
import type { ResourceDefinition, Strategy } from '#registry/generic/types.ts';
import { ipWarnings } from '#registry/validation/ip-address.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { serviceName } from '#registry/validation/names.ts';
import { isExternallyAccessible, needsHealthCheckPort, serviceWarnings, validateService } from '#registry/validation/service.ts';
import { validateServiceChange, validateServiceStatus } from '#registry/validation/service-addresses.ts';

/** Three hours. */
const defaultAffinitySeconds = 10_800;

/** core/v1, SetDefaults_Service. */
function defaults(service: Service): void {
  service.spec ??= {};
  const { spec, status } = service;
  for (const field of ['clusterIP', 'externalName', 'externalTrafficPolicy', 'loadBalancerIP'] as const)
    if (spec[field] === '') delete spec[field];
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: defaultAffinitySeconds } };
  }
  spec.type ||= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.port ??= 0;
    port.protocol ||= 'TCP';
    port.targetPort ||= port.port;
  }
  if (isExternallyAccessible(service)) spec.externalTrafficPolicy ||= 'Cluster';
  if (['ClusterIP', 'NodePort', 'LoadBalancer'].includes(spec.type)) spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'LoadBalancer') return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP';
}

/** Kubernetes once filled this in for names too, and has hidden it since. */
function dropPolicyOfName({ spec }: Service): void {
  if (spec?.type === 'ExternalName' && ['Cluster', 'Local'].includes(spec.internalTrafficPolicy ?? '')) delete spec.internalTrafficPolicy;
}

const nodePortsOf = ({ spec }: Service): number[] => (spec?.ports ?? []).flatMap(({ nodePort }) => nodePort || []);

/**
 * Fields that the new type has no use for and that the client did not change go with the old type (core/service, dropTypeDependentFields).
 * `spec` is the new one and may be changed.
 */
function dropOfOldType(service: Service, old: Service, spec: ServiceSpec): void {
  const was = old.spec ?? {};
  const leaves = (holds: (one: Service) => boolean): boolean => holds(old) && !holds(service);
  if (leaves((one) => one.spec?.type !== 'ExternalName')) {
    if ((was.clusterIP ?? '') === (spec.clusterIP ?? '') && jsonEqual(was.clusterIPs ?? [], spec.clusterIPs ?? [])) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    for (const field of ['ipFamilies', 'ipFamilyPolicy'] as const) if (jsonEqual(was[field], spec[field])) delete spec[field];
  }
  const before = new Set(nodePortsOf(old));
  const opensPorts = (one: Service): boolean => one.spec?.type === 'NodePort' || one.spec?.type === 'LoadBalancer';
  if (leaves(opensPorts) && nodePortsOf(service).every((port) => before.has(port))) {
    for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (leaves(needsHealthCheckPort) && was.healthCheckNodePort === spec.healthCheckNodePort) delete spec.healthCheckNodePort;
  if (leaves((one) => one.spec?.type === 'LoadBalancer')) {
    for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const) if (was[field] === spec[field]) delete spec[field];
  }
  if (leaves(isExternallyAccessible) && was.externalTrafficPolicy === spec.externalTrafficPolicy) delete spec.externalTrafficPolicy;
}

const strategy: Strategy<Service> = {
  default: defaults,
  prepareForCreate(service) {
    service.status = { loadBalancer: {} };
    dropPolicyOfName(service);
  },
  prepareForUpdate(service, old) {
    const { loadBalancer = {}, ...status } = old.status ?? {};
    service.spec ??= {};
    dropOfOldType(service, old, service.spec);
    dropPolicyOfName(service);
    service.status = { ...status, loadBalancer: service.spec.type === 'LoadBalancer' ? loadBalancer : {} };
  },
  validate: (service) => [...validateMetadata(service, { namespaced: true, name: serviceName }), ...validateService(service)],
  validateUpdate: (service, old) => [...validateServiceChange(service, old), ...validateService(service, old)],
  warnings: serviceWarnings,
};

/** The addresses that balancers gave. */
function balancerAddresses({ ingress = [] }: LoadBalancerStatus): string {
  return [...new Set(ingress.map(({ ip, hostname }) => ip || hostname || ''))].filter(Boolean).sort().join(',');
}

function externalAddresses({ spec = {}, status }: Service): string {
  const own = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return own.join(',') || '<none>';
    case 'LoadBalancer':
      return [balancerAddresses(status?.loadBalancer ?? {}), ...own].filter(Boolean).join(',') || '<pending>';
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

function portTexts({ spec }: Service): string {
  const texts = (spec?.ports ?? []).map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`);
  return texts.join(',') || '<none>';
}

function selectorText({ spec }: Service): string {
  const labels = Object.entries(spec?.selector ?? {}).map(([key, value]) => `${key}=${value}`);
  return labels.sort().join(',') || '<none>';
}

const kind = { group: '', version: 'v1', kind: 'Service' };

/** Services. Their addresses and ports of nodes are given out by the registry's `ServiceAllocator`. */
export const services: ResourceDefinition<Service> = {
  ...kind,
  resource: 'services',
  singular: 'service',
  shortNames: ['svc'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Service',
  strategy,
  columns: [
    nameColumn,
    textColumn('Type', 'How it is reached.', ({ spec }) => spec?.type ?? ''),
    textColumn('Cluster-IP', 'The address that it has within the cluster.', ({ spec }) => spec?.clusterIPs?.[0] ?? '<none>'),
    textColumn('External-IP', 'The addresses by which it is reached from outside.', externalAddresses),
    textColumn('Port(s)', 'Its ports, with the ports of nodes that lead to them.', portTexts),
    ageColumn,
    wideColumn('Selector', 'The labels of the pods that it leads to.', selectorText),
  ],
  subresources: [
    statusSubresource<Service>(kind, {
      prepareForUpdate(service) {
        service.status = { ...service.status, loadBalancer: service.status?.loadBalancer ?? {} };
      },
      validateUpdate: validateServiceStatus,
      warnings: ({ status }) =>
        (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }, index) =>
          ip ? ipWarnings(`status.loadBalancer.ingress[${index}]`, ip) : [],
        ),
    }),
  ],
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec?.clusterIP ?? '',
    'spec.type': ({ spec }) => spec?.type ?? '',
  },
  returnsDeletedObject: true,
  allowCreateOnUpdate: true,
};
