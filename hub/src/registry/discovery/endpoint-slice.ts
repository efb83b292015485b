import type { DiscoveryEndpointPort, Endpoint, EndpointHints, EndpointSlice } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { duplicate, invalid, required, tooMany } from '@flotilla/shared/errors/field.js';
import { ageColumn, nameColumn, textColumn } from '#registry/generic/columns.ts';
import { semanticEqual } from '#registry/generic/json.ts';
import { metadataOf } from '#registry/generic/object-meta.ts';
import type { ResourceDefinition, Strategy } from '#registry/generic/types.ts';
import { each, named, requiredOneOf } from '#registry/validation/fields.ts';
import { ipWarnings, parseIp, validateEndpointIp, validateIp, validateStrictIp } from '#registry/validation/ip-address.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { dnsLabel, dnsSubdomain, labelValueFaults, qualifiedName, subdomainName } from '#registry/validation/names.ts';
import { portProtocols } from '#registry/validation/service.ts';

const maxEndpoints = 1000;
const maxAddresses = 100;
const maxPorts = 20_000;
const maxHints = 8;
const managedBy = 'endpointslice.kubernetes.io/managed-by';
/** They write every address as it should be. */
const ownManagers = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io'];

function defaults(slice: EndpointSlice): void {
  slice.addressType ??= '';
  for (const endpoint of slice.endpoints ?? []) {
    endpoint.addresses ??= [];
    endpoint.conditions ??= {};
  }
  for (const port of slice.ports ?? []) {
    port.name ??= '';
    port.protocol ??= 'TCP';
  }
}

/** As in Kubernetes both lists are always there, and null when they are empty. */
function showEmptyLists(slice: EndpointSlice): void {
  const lists = slice as { endpoints: Endpoint[] | null; ports: DiscoveryEndpointPort[] | null };
  if (!lists.endpoints?.length) lists.endpoints = null;
  if (!lists.ports?.length) lists.ports = null;
}

/** `deprecatedTopology` belongs to an older version of the API. */
function dropTopology(slice: EndpointSlice): void {
  for (const endpoint of slice.endpoints ?? []) delete endpoint.deprecatedTopology;
}

function validateAddress(type: string, path: string, address: string, list: string): FieldError[] {
  if (type === 'FQDN') return validateFqdn(path, address);
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  const faults = type === 'IPv4' ? validateIp(path, address) : readable(path, address);
  if (faults.length > 0) return faults;
  if (parseIp(address)?.family !== type) faults.push(invalid(list, address, `must be an ${type} address`));
  return [...faults, ...validateEndpointIp(path, address)];
}

/** An IPv4 address in a field for IPv6 is told as such. */
const readable = (path: string, address: string): FieldError[] => validateStrictIp(path, address);

function validateFqdn(path: string, name: string): FieldError[] {
  if (name === '') return [required(path)];
  const short = name.replace(/\.$/, '');
  const faults = named(path, short, dnsSubdomain).map((fault) => ({ ...fault, badValue: name }));
  if (faults.length > 0) return faults;
  return short.includes('.') ? [] : [invalid(path, name, 'should be a domain with at least two segments separated by dots')];
}

function validateHints({ forZones = [], forNodes = [] }: EndpointHints, path: string): FieldError[] {
  const faults: FieldError[] = [];
  for (const [field, hints, rule] of [
    ['forZones', forZones, labelValueFaults],
    ['forNodes', forNodes, dnsSubdomain],
  ] as const) {
    if (hints.length > maxHints) return [...faults, tooMany(`${path}.${field}`, hints.length, maxHints)];
    const names = hints.map(({ name }) => name ?? '');
    faults.push(
      ...each(`${path}.${field}`, names, (name, at, index) => [
        ...(names.indexOf(name) < index ? [duplicate(`${at}.name`, name)] : []),
        ...named(`${at}.name`, name, rule),
      ]),
    );
  }
  return faults;
}

function validateEndpoints(endpoints: readonly Endpoint[], type: string): FieldError[] {
  if (endpoints.length > maxEndpoints) return [tooMany('endpoints', endpoints.length, maxEndpoints)];
  return each('endpoints', endpoints, ({ addresses = [], nodeName, hostname, hints }, path) => {
    const list = `${path}.addresses`;
    const faults: FieldError[] = [];
    if (addresses.length === 0) faults.push(required(list, 'must contain at least 1 address'));
    if (addresses.length > maxAddresses) faults.push(tooMany(list, addresses.length, maxAddresses));
    faults.push(...each(list, addresses, (address, at) => validateAddress(type, at, address, list)));
    if (nodeName !== undefined) faults.push(...named(`${path}.nodeName`, nodeName, dnsSubdomain));
    if (hostname !== undefined) faults.push(...named(`${path}.hostname`, hostname, dnsLabel));
    return hints ? [...faults, ...validateHints(hints, `${path}.hints`)] : faults;
  });
}

function validatePorts(ports: readonly DiscoveryEndpointPort[]): FieldError[] {
  if (ports.length > maxPorts) return [tooMany('ports', ports.length, maxPorts)];
  const names = new Set<string>();
  return each('ports', ports, ({ name = '', protocol, appProtocol }, path) => {
    const faults = name ? named(`${path}.name`, name, dnsLabel) : [];
    if (names.has(name)) faults.push(duplicate(`${path}.name`, name));
    names.add(name);
    faults.push(...requiredOneOf(`${path}.protocol`, protocol, portProtocols));
    return appProtocol === undefined ? faults : [...faults, ...named(`${path}.appProtocol`, appProtocol, qualifiedName)];
  });
}

/** What was there before may stay, whatever it is. */
function validateContent(slice: EndpointSlice, old?: EndpointSlice): FieldError[] {
  const { addressType = '', endpoints, ports } = slice;
  const kept = old !== undefined && semanticEqual(old.endpoints, endpoints);
  return [
    ...requiredOneOf('addressType', addressType, ['FQDN', 'IPv4', 'IPv6']),
    ...validatePorts(ports ?? []),
    ...(kept ? [] : validateEndpoints(endpoints ?? [], addressType)),
  ];
}

const strategy: Strategy<EndpointSlice> = {
  default: defaults,
  prepareForCreate(slice) {
    dropTopology(slice);
    showEmptyLists(slice);
    metadataOf(slice).generation = 1;
  },
  prepareForUpdate(slice, old) {
    showEmptyLists(slice);
    const { metadata, ...content } = slice;
    const { metadata: was, ...before } = old;
    const changed = !semanticEqual(content, before) || !semanticEqual(metadata?.labels, was?.labels);
    if (changed) metadataOf(slice).generation = (was?.generation ?? 0) + 1;
    if (!semanticEqual(slice.endpoints, old.endpoints)) dropTopology(slice);
  },
  validate: (slice) => [...validateMetadata(slice, { namespaced: true, name: subdomainName }), ...validateContent(slice)],
  validateUpdate: (slice, old) => [
    ...validateContent(slice, old),
    ...(slice.addressType === old.addressType ? [] : [invalid('addressType', slice.addressType, 'field is immutable')]),
  ],
  warnings({ metadata, addressType, endpoints }) {
    const warnings = addressType === 'FQDN' && metadata?.generation === 1 ? ['spec.addressType: FQDN endpoints are deprecated'] : [];
    if (ownManagers.includes(metadata?.labels?.[managedBy] ?? '')) return warnings;
    for (const [index, { addresses }] of (endpoints ?? []).entries()) {
      for (const [at, address] of addresses.entries()) warnings.push(...ipWarnings(`endpoints[${index}].addresses[${at}]`, address));
    }
    return warnings;
  },
};

/** The first three of a list, and how many there are beside them. */
function firstThree(texts: readonly string[]): string {
  const shown = texts.slice(0, 3).join(',');
  return texts.length > 3 ? `${shown} + ${texts.length - 3} more...` : shown || '<unset>';
}

export const endpointSlices: ResourceDefinition<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  resource: 'endpointslices',
  singular: 'endpointslice',
  namespaced: true,
  schema: 'io.k8s.api.discovery.v1.EndpointSlice',
  strategy,
  columns: [
    nameColumn,
    textColumn('AddressType', 'What its addresses are.', ({ addressType }) => addressType),
    textColumn('Ports', 'The ports that all its endpoints have.', ({ ports }) =>
      firstThree((ports ?? []).map(({ port, name }) => (port !== undefined ? String(port) : (name ?? '*')))),
    ),
    textColumn('Endpoints', 'The addresses of its endpoints.', ({ endpoints }) =>
      firstThree((endpoints ?? []).flatMap(({ addresses }) => addresses)),
    ),
    ageColumn,
  ],
};
