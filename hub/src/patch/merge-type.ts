import { isAlwaysWritten, isAtomicStruct, keyDefault, type MergeRule, mergeRule } from '@flotilla/shared/api/list-keys.js';
import { referencedName, type Schema, schemas } from '@flotilla/shared/api/schemas.js';
import { fieldElement, keyElement, valueElement } from './field-set.ts';
import { isObject, member } from './json-value.ts';

/** How values of a type are owned and merged by server-side apply. */
export type MergeType = LeafType | StructType | MapType | ListType;

/** Scalars, and whatever has one owner as a whole. */
export interface LeafType {
  readonly kind: 'leaf';
}

export interface StructType {
  readonly kind: 'struct';
  field(name: string): MergeType | undefined;
  /** A field that the schema has. */
  known(name: string): Member | undefined;
}

/** A member of a struct or a map. */
export interface Member {
  /** Its path element. */
  readonly element: string;
  readonly type: MergeType;
  /** What Go writes even when it is empty (structs by value, lists without `omitempty`): nobody owns the container itself. */
  readonly byValue: boolean;
  /** A list that Go writes as null where there is none, and that has one owner as a whole: he also owns an empty one. */
  readonly nullWhenAbsent?: boolean;
}

export interface MapType {
  readonly kind: 'map';
  readonly value: MergeType;
}

export interface ListType {
  readonly kind: 'list';
  readonly item: MergeType;
  /** The path element of an item. @throws StatusError BadRequest for an item without its keys */
  element(item: unknown, index: number): string;
}

const leaf: LeafType = { kind: 'leaf' };

const types = new Map<string, MergeType>();

/** The type of a definition: `io.k8s.api.apps.v1.Deployment`. */
export function mergeTypeOf(definition: string): MergeType {
  const known = types.get(definition);
  if (known) return known;
  const schema = Object.hasOwn(schemas, definition) ? schemas[definition] : undefined;
  const type = schema?.properties ? struct(definition, schema) : leaf;
  types.set(definition, type);
  return type;
}

function struct(definition: string, schema: Schema): StructType {
  const fields = new Map<string, Member | undefined>();
  const { properties = {} } = schema;
  const shortName = definition.slice(definition.lastIndexOf('.') + 1);
  const isWritten = (name: string): boolean =>
    (properties[name]?.type === 'array' && (schema.required?.includes(name) ?? false)) || isAlwaysWritten(definition, name);
  const isKind = schema['x-kubernetes-group-version-kind'] !== undefined;
  const byValue = (name: string): boolean =>
    (isKind && rootStructs.has(name)) || valueStructs.has(`${shortName}.${name}`) || isWritten(name);
  const known = (name: string): Member | undefined => {
    const found = fields.get(name);
    if (found) return found;
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (!property) return undefined;
    const type = typeOf(property, mergeRule(definition, name));
    const nullWhenAbsent = isWritten(name) && type.kind === 'leaf';
    const made = { element: fieldElement(name), type, byValue: byValue(name), nullWhenAbsent };
    fields.set(name, made);
    return made;
  };
  return { kind: 'struct', field: (name) => known(name)?.type, known };
}

function typeOf(schema: Schema, rule: MergeRule): MergeType {
  const definition = referencedName(schema);
  if (definition !== undefined) {
    const atomic = rule.mapType === undefined ? isAtomicStruct(definition) : rule.mapType === 'atomic';
    return atomic ? leaf : mergeTypeOf(definition);
  }
  if (schema.type === 'array') return rule.listType ? list(schema, rule) : leaf;
  if (schema.type === 'object' && schema.additionalProperties && rule.mapType !== 'atomic') {
    return { kind: 'map', value: typeOf(schema.additionalProperties, {}) };
  }
  return leaf;
}

function list(schema: Schema, { listType, listMapKeys = [] }: MergeRule): ListType {
  const definition = referencedName(schema.items ?? {}) ?? '';
  if (listType === 'set') return { kind: 'list', item: leaf, element: valueElement };
  const item = isAtomicStruct(definition) ? leaf : mergeTypeOf(definition);
  const element = (value: unknown): string => {
    const keys = listMapKeys.map((key): [string, unknown] => {
      const found = (isObject(value) ? member(value, key) : undefined) ?? keyDefault(definition, key);
      return [key, found];
    });
    // As Go has it: of a key that is missing altogether there is the empty text.
    const none = keys.every(([, found]) => found === undefined) ? '' : null;
    return keyElement(keys.map(([key, found]) => [key, found ?? none]));
  };
  return { kind: 'list', item, element };
}

const rootStructs = new Set(['metadata', 'spec', 'status']);

/** Fields of structs that Go holds by value (no pointer), by type and field. */
const valueStructs = new Set(
  `PodTemplateSpec.metadata PodTemplateSpec.spec DeploymentSpec.strategy DeploymentSpec.template ReplicaSetSpec.template
  DaemonSetSpec.template DaemonSetSpec.updateStrategy StatefulSetSpec.template StatefulSetSpec.updateStrategy JobSpec.template
  CronJobSpec.jobTemplate JobTemplateSpec.metadata JobTemplateSpec.spec PodTemplate.template Container.resources
  ContainerStatus.state ContainerStatus.lastState ServiceStatus.loadBalancer NodeStatus.nodeInfo NodeStatus.daemonEndpoints
  NodeDaemonEndpoints.kubeletEndpoint Event.involvedObject Event.source PersistentVolumeClaimSpec.resources
  ResourceClaimTemplateSpec.metadata ResourceClaimTemplateSpec.spec VolumeAttachmentSpec.source`.split(/\s+/),
);

/** The type of a member and its path element; undefined for a field that is not known. */
export function memberType(type: StructType | MapType, name: string): Member {
  if (type.kind === 'map') return { element: fieldElement(name), type: type.value, byValue: false };
  return type.known(name) ?? { element: fieldElement(name), type: leaf, byValue: false };
}
