import { badRequest, StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { DecodeError, decodeJson } from '#registry/decode/json-decode.ts';
import { decodeYaml } from '#registry/decode/yaml-decode.ts';
import type { FieldValidation, RequestContext, ResourceDefinition } from '#registry/generic/types.ts';
import { misfitOf } from '#registry/schema/decode-object.ts';

/**
 * The configuration of a server-side apply as it was sent: what is empty in it is owned too, so nothing is normalised.
 * @throws StatusError in the words of Kubernetes; 500 for what does not fit the schema, as there
 */
export function readConfiguration(
  ctx: RequestContext,
  body: Buffer,
  definition: Pick<ResourceDefinition, 'group' | 'version' | 'kind' | 'schema'>,
  fieldValidation: FieldValidation | undefined,
): KubeObject {
  const { value, faults } = parse(body);
  if (faults.length > 0 && fieldValidation === 'Strict') {
    const lines = faults.map((fault) => `\n  ${fault}`).join('');
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:${lines}`);
  }
  if (fieldValidation === 'Warn') for (const fault of faults) ctx.warn(fault);
  if (value !== null && (typeof value !== 'object' || Array.isArray(value))) {
    const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
    const why = `json: cannot unmarshal ${found} into Go value of type map[string]interface {}`;
    throw badRequest(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${why}`);
  }
  const object = (value ?? {}) as KubeObject;
  const { group, version, kind, schema } = definition;
  const wanted = group ? `${group}/${version}` : version;
  if (object.kind !== kind || !object.apiVersion) {
    const found = object.apiVersion ? (object.apiVersion.includes('/') ? object.apiVersion : `/${object.apiVersion}`) : '/';
    throw badRequest(`invalid object type: ${found}, Kind=${String(object.kind ?? '')}`);
  }
  if (object.apiVersion !== wanted) return object;
  const misfit = misfitOf(object, schema);
  if (misfit === undefined) return object;
  throw new StatusError(500, '', `${untypable(object)}: ${misfit}`);
}

/** How Kubernetes begins to say that a configuration cannot be read by its schema. */
export function untypable({ apiVersion = '', kind = '', metadata }: KubeObject): string {
  const gv = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
  return `failed to create typed patch object (${metadata?.namespace ?? ''}/${metadata?.name ?? ''}; ${gv}, Kind=${kind})`;
}

/** Most clients send JSON under the name of YAML; the JSON decoder is the quicker one, but YAML has the words for what is wrong. */
function parse(body: Buffer): { readonly value: unknown; readonly faults: readonly string[] } {
  const text = body.toString('utf8');
  if (text.trimStart().startsWith('{')) {
    try {
      const { value, duplicates } = decodeJson(text);
      if (duplicates.length === 0) return { value, faults: [] };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  try {
    return decodeYaml(text);
  } catch (error) {
    if (error instanceof DecodeError) throw badRequest(`error decoding YAML: error converting YAML to JSON: ${error.message}`);
    throw error;
  }
}
