/** What the generated client calls `string` or `any` though Kubernetes has a type of its own for it. */
const machinery = 'io.k8s.apimachinery.pkg';
const extensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';

export const wellKnown = {
  quantity: `${machinery}.api.resource.Quantity`,
  intOrString: `${machinery}.util.intstr.IntOrString`,
  time: `${machinery}.apis.meta.v1.Time`,
  microTime: `${machinery}.apis.meta.v1.MicroTime`,
  rawExtension: `${machinery}.runtime.RawExtension`,
  fieldsV1: `${machinery}.apis.meta.v1.FieldsV1`,
  info: `${machinery}.version.Info`,
};

/** Definitions that have no class in the client. */
export const extraDefinitions = {
  [wellKnown.quantity]: { type: 'string' },
  [wellKnown.intOrString]: { type: 'string', format: 'int-or-string' },
  [wellKnown.time]: { type: 'string', format: 'date-time' },
  [wellKnown.microTime]: { type: 'string', format: 'date-time' },
  [wellKnown.rawExtension]: { type: 'object' },
  [wellKnown.fieldsV1]: { type: 'object' },
  [`${machinery}.apis.meta.v1.Patch`]: { type: 'object' },
  [`${extensions}.JSON`]: {},
  [`${extensions}.JSONSchemaPropsOrArray`]: {},
  [`${extensions}.JSONSchemaPropsOrBool`]: {},
  [`${extensions}.JSONSchemaPropsOrStringArray`]: {},
};

export const extraDescriptions = {
  [wellKnown.quantity]:
    'A number with an optional suffix: decimal (n, u, m, k, M, G, T, P, E), binary (Ki, Mi, Gi, Ti, Pi, Ei) or a decimal exponent (e3).',
  [wellKnown.intOrString]: 'An integer, or a string such as a port name or a percentage.',
  [wellKnown.time]: 'A moment in RFC 3339 form, to the second.',
  [wellKnown.microTime]: 'A moment in RFC 3339 form, to the microsecond.',
  [wellKnown.rawExtension]: 'An object of any kind.',
  [wellKnown.fieldsV1]:
    'A set of fields in the form of a tree of keys: f:<name>, k:<keys>, v:<value>, i:<index>, and . for the item itself.',
  [`${machinery}.apis.meta.v1.Patch`]: 'The body of a PATCH request.',
};

/** `Type` (without version) → fields that hold quantities, as a value or as the values of a map or list. */
const quantities = {
  CSIStorageCapacity: 'capacity maximumVolumeSize',
  CapacityRequestPolicy: 'default validValues',
  CapacityRequestPolicyRange: 'min max step',
  CapacityRequirements: 'requests',
  ContainerStatus: 'allocatedResources',
  Counter: 'value',
  DeviceCapacity: 'value',
  DeviceRequestAllocationResult: 'consumedCapacity',
  EmptyDirVolumeSource: 'sizeLimit',
  HPAScalingRules: 'tolerance',
  LimitRangeItem: 'default defaultRequest max maxLimitRequestRatio min',
  MetricTarget: 'averageValue value',
  MetricValueStatus: 'averageValue value',
  NodeStatus: 'allocatable capacity',
  Overhead: 'podFixed',
  PersistentVolumeClaimStatus: 'allocatedResources capacity',
  PersistentVolumeSpec: 'capacity',
  PodSpec: 'overhead',
  ResourceFieldSelector: 'divisor',
  ResourceQuotaSpec: 'hard',
  ResourceQuotaStatus: 'hard used',
  ResourceRequirements: 'limits requests',
  VolumeResourceRequirements: 'limits requests',
};

const anything = {
  'JSONSchemaProps.additionalItems': `${extensions}.JSONSchemaPropsOrBool`,
  'JSONSchemaProps.additionalProperties': `${extensions}.JSONSchemaPropsOrBool`,
  'JSONSchemaProps.default': `${extensions}.JSON`,
  'JSONSchemaProps.dependencies': `${extensions}.JSONSchemaPropsOrStringArray`,
  'JSONSchemaProps.enum': `${extensions}.JSON`,
  'JSONSchemaProps.example': `${extensions}.JSON`,
  'JSONSchemaProps.items': `${extensions}.JSONSchemaPropsOrArray`,
  'ManagedFieldsEntry.fieldsV1': wellKnown.fieldsV1,
};

/** Objects without known fields: any object is taken. */
const freeObjects = new Set(['CustomResourceSubresources.status', 'StorageVersion.spec']);

const quantityFields = new Set(
  Object.entries(quantities).flatMap(([type, fields]) => fields.split(' ').map((field) => `${type}.${field}`)),
);

/** The definition a scalar `string` or `any` of this field really has, or undefined for a plain string or object. */
export function specialType(typeName, field, scalar) {
  const path = `${typeName}.${field}`;
  if (scalar === 'string') return quantityFields.has(path) ? wellKnown.quantity : undefined;
  if (scalar === 'any' && !freeObjects.has(path)) return anything[path] ?? wellKnown.rawExtension;
  return undefined;
}

/** For the generator's own test: every row must meet a field. */
export const specialFields = [...quantityFields, ...Object.keys(anything), ...freeObjects];
