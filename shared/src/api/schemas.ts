import { nodeOperationSchemas } from './fleet/node-operation.ts';
import data from './generated/schemas.json' with { type: 'json' };

/** One node of Kubernetes' OpenAPI definitions, in the form of OpenAPI v2. */
export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly format?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  /** `#/definitions/io.k8s.api.core.v1.PodSpec` */
  readonly $ref?: string;
  readonly 'x-kubernetes-group-version-kind'?: readonly { readonly group: string; readonly version: string; readonly kind: string }[];
}

/** The definitions of our own kinds, with their texts: each kind has one file below `fleet/`. */
const ownSchemas: Readonly<Record<string, Schema>> = { ...nodeOperationSchemas };

/** Every definition of the Kubernetes API, by name (`io.k8s.api.core.v1.Pod`), without descriptions; and those of our own kinds. */
export const schemas: Readonly<Record<string, Schema>> = { ...(data as unknown as Record<string, Schema>), ...ownSchemas };

/** The definition behind a reference, or the schema itself; undefined for a reference to nothing. */
export function resolveSchema(schema: Schema): Schema | undefined {
  return schema.$ref === undefined ? schema : schemas[referencedName(schema) ?? ''];
}

/** `io.k8s.api.core.v1.PodSpec` of `{$ref: '#/definitions/io.k8s.api.core.v1.PodSpec'}`. */
export function referencedName(schema: Schema): string | undefined {
  return schema.$ref?.slice('#/definitions/'.length);
}

/** Definition → field → text; the text of the definition itself under the empty field. */
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The texts of all definitions: 0.7 MB, so they are loaded when documentation is asked for. */
export async function loadDescriptions(): Promise<Descriptions> {
  const module = await import('./generated/descriptions.json', { with: { type: 'json' } });
  const own = Object.entries(ownSchemas).map(([name, schema]) => {
    const fields = Object.entries(schema.properties ?? {}).map(([field, { description = '' }]) => [field, description] as const);
    return [name, Object.fromEntries([['', schema.description ?? ''], ...fields])] as const;
  });
  return { ...(module.default as unknown as Descriptions), ...Object.fromEntries(own) };
}
