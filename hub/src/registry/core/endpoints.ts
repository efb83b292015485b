import type { EndpointAddress, EndpointPort, EndpointSubset, Endpoints } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid, required } from '@flotilla/shared/errors/field.js';
import { ageColumn, nameColumn, textColumn } from '#registry/generic/columns.ts';
import { semanticEqual } from '#registry/generic/json.ts';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { each, named, requiredOneOf } from '#registry/validation/fields.ts';
import { ipWarnings, validateEndpointIp, validateIp } from '#registry/validation/ip-address.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { dnsLabel, dnsSubdomain, portNumber, qualifiedName, subdomainName } from '#registry/validation/names.ts';
import { portProtocols } from '#registry/validation/service.ts';

const managedBy = 'endpoints.kubernetes.io/managed-by';

function validateAddress({ ip = '', hostname, nodeName }: EndpointAddress, path: string): FieldError[] {
  return [
    ...validateIp(`${path}.ip`, ip),
    ...(hostname ? named(`${path}.hostname`, hostname, dnsLabel) : []),
    ...(nodeName === undefined ? [] : named(`${path}.nodeName`, nodeName, dnsSubdomain)),
    ...validateEndpointIp(`${path}.ip`, ip),
  ];
}

function validatePort(port: EndpointPort, needsName: boolean, path: string): FieldError[] {
  const number = port.port ?? 0;
  return [
    ...(port.name ? named(`${path}.name`, port.name, dnsLabel) : needsName ? [required(`${path}.name`)] : []),
    ...portNumber(number).map((why) => invalid(`${path}.port`, number, why)),
    ...requiredOneOf(`${path}.protocol`, port.protocol, portProtocols),
    ...(port.appProtocol === undefined ? [] : named(`${path}.appProtocol`, port.appProtocol, qualifiedName)),
  ];
}

function validateSubsets(subsets: readonly EndpointSubset[]): FieldError[] {
  return each('subsets', subsets, ({ addresses = [], notReadyAddresses = [], ports = [] }, path) => [
    ...(addresses.length + notReadyAddresses.length === 0 ? [required(path, 'must specify `addresses` or `notReadyAddresses`')] : []),
    ...each(`${path}.addresses`, addresses, validateAddress),
    ...each(`${path}.notReadyAddresses`, notReadyAddresses, validateAddress),
    ...each(`${path}.ports`, ports, (port, at) => validatePort(port, ports.length > 1, at)),
  ]);
}

/** The first three ready addresses with their ports. */
function addressText({ subsets = [] }: Endpoints): string {
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`))),
  );
  if (subsets.length === 0) return '<none>';
  return all.length > 3 ? `${all.slice(0, 3).join(',')} + ${all.length - 3} more...` : all.join(',');
}

export const endpoints: ResourceDefinition<Endpoints> = {
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  resource: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Endpoints',
  deprecated: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  strategy: {
    default({ subsets = [] }) {
      for (const { ports = [] } of subsets) for (const port of ports) port.protocol ??= 'TCP';
    },
    validate: (object) => [
      ...validateMetadata(object, { namespaced: true, name: subdomainName }),
      ...validateSubsets(object.subsets ?? []),
    ],
    validateUpdate: ({ subsets = [] }, old) => (semanticEqual(subsets, old.subsets) ? [] : validateSubsets(subsets)),
    warnings({ metadata, subsets = [] }) {
      if (metadata?.labels?.[managedBy] === 'endpoint-controller') return [];
      return subsets.flatMap((subset, index) =>
        (['addresses', 'notReadyAddresses'] as const).flatMap((field) =>
          (subset[field] ?? []).flatMap(({ ip }, at) => ipWarnings(`subsets[${index}].${field}[${at}].ip`, ip)),
        ),
      );
    },
  },
  columns: [nameColumn, textColumn('Endpoints', 'The addresses that are ready, with their ports.', addressText), ageColumn],
  allowCreateOnUpdate: true,
};
