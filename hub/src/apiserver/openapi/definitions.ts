import { isAtomicStruct, mergeRule } from '@flotilla/shared/api/list-keys.js';
import { type Descriptions, referencedName, type Schema, schemas } from '@flotilla/shared/api/schemas.js';
import type { ResourceDefinition } from '#registry/generic/types.ts';

/** A JSON document under construction. */
export type Json = Record<string, unknown>;

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
export const statusDefinition = `${meta}.Status`;
export const deleteOptionsDefinition = `${meta}.DeleteOptions`;
export const patchDefinition = `${meta}.Patch`;

/** Names of the definitions that these kinds lead to, sorted. */
export function reachable(definitions: readonly ResourceDefinition[]): string[] {
  const found = new Set<string>();
  const walk = (schema: Schema | undefined): void => {
    if (!schema) return;
    const name = referencedName(schema);
    if (name !== undefined) enter(name);
    for (const property of Object.values(schema.properties ?? {})) walk(property);
    walk(schema.items);
    walk(schema.additionalProperties);
  };
  const enter = (name: string): void => {
    if (found.has(name) || !schemas[name]) return;
    found.add(name);
    walk(schemas[name]);
  };
  for (const { schema, subresources = [] } of definitions) {
    enter(schema);
    enter(listDefinition(schema));
    for (const { kind } of subresources) enter(definitionOf(kind) ?? '');
  }
  enter(statusDefinition);
  enter(deleteOptionsDefinition);
  enter(`${meta}.WatchEvent`);
  return [...found].sort();
}

export function listDefinition(schema: string): string {
  return `${schema}List`;
}

/** The definition that carries this group, version and kind. */
export function definitionOf({ group, version, kind }: GroupVersionKind): string | undefined {
  byKind ??= new Map(
    Object.entries(schemas).flatMap(([name, schema]) =>
      (schema['x-kubernetes-group-version-kind'] ?? []).map((gvk) => [`${gvk.group}/${gvk.version}/${gvk.kind}`, name] as const),
    ),
  );
  return byKind.get(`${group}/${version}/${kind}`);
}
let byKind: Map<string, string> | undefined;

export interface Dialect {
  readonly ref: (name: string) => string;
  /** In version 3 a reference has no siblings: it is wrapped in `allOf`. */
  readonly wrapsReferences: boolean;
  readonly intOrString: Json;
  /** Version 3 can say that a quantity may be written as a number too. */
  readonly quantity: Json;
}

/** One definition with its texts, kinds and merge keys, in the words of OpenAPI 2 or 3. */
export function document(name: string, dialect: Dialect, descriptions: Descriptions): Json {
  const schema = schemas[name] ?? {};
  const texts = descriptions[name] ?? {};
  if (schema.format === 'int-or-string') return described(dialect.intOrString, texts['']);
  if (name.endsWith('.api.resource.Quantity')) return described(dialect.quantity, texts['']);
  const out: Json = described(inner(schema, dialect), texts['']);
  if (schema.properties) {
    out['properties'] = Object.fromEntries(
      Object.entries(schema.properties).map(([field, property]) => [
        field,
        { ...described(inner(property, dialect), texts[field]), ...extensions(name, field) },
      ]),
    );
  }
  if (isAtomicStruct(name)) out['x-kubernetes-map-type'] = 'atomic';
  if (schema['x-kubernetes-group-version-kind']) out['x-kubernetes-group-version-kind'] = schema['x-kubernetes-group-version-kind'];
  return out;
}

/** A schema without its properties and texts. */
function inner(schema: Schema, dialect: Dialect): Json {
  const name = referencedName(schema);
  if (name !== undefined) {
    const ref = { $ref: dialect.ref(name) };
    return dialect.wrapsReferences ? { allOf: [ref] } : ref;
  }
  return {
    ...(schema.type ? { type: schema.type } : {}),
    ...(schema.format ? { format: schema.format } : {}),
    ...(schema.required ? { required: schema.required } : {}),
    ...(schema.items ? { items: inner(schema.items, dialect) } : {}),
    // Values of maps have no siblings beside the reference: explain shows `map[string]Quantity`.
    ...(schema.additionalProperties
      ? { additionalProperties: inner(schema.additionalProperties, { ...dialect, wrapsReferences: false }) }
      : {}),
  };
}

function described(schema: Json, text: string | undefined): Json {
  return text ? { description: text, ...schema } : { ...schema };
}

function extensions(definition: string, field: string): Json {
  const rule = mergeRule(definition, field);
  return {
    ...(rule.listMapKeys ? { 'x-kubernetes-list-map-keys': rule.listMapKeys } : {}),
    ...(rule.listType ? { 'x-kubernetes-list-type': rule.listType } : {}),
    ...(rule.mapType ? { 'x-kubernetes-map-type': rule.mapType } : {}),
    ...(rule.patchMergeKey ? { 'x-kubernetes-patch-merge-key': rule.patchMergeKey } : {}),
    ...(rule.patchStrategy ? { 'x-kubernetes-patch-strategy': rule.patchStrategy } : {}),
  };
}
