import { badRequest } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { DecodeError, decodeJson } from '#registry/decode/json-decode.ts';
import { decodeYaml } from '#registry/decode/yaml-decode.ts';
import type { FieldValidation, RequestContext, ResourceDefinition } from '#registry/generic/types.ts';
import { checkObject, decodeObject } from '#registry/schema/decode-object.ts';
import { type BodyFormat, bodyFormat } from './negotiation.ts';
import { decodeProtobuf } from './protobuf/decode-protobuf.ts';

/** What a body has to be: the kind itself, or the subresource's own kind (Scale, Binding). */
export type BodyShape = Pick<ResourceDefinition, 'group' | 'version' | 'kind' | 'schema'>;

/** The tree in a body, of whatever kind. @throws StatusError BadRequest */
export function parseBody(body: Buffer, format: BodyFormat): unknown {
  if (format === 'application/vnd.kubernetes.protobuf') return decodeProtobuf(body);
  const text = body.toString('utf8');
  try {
    return format === 'application/json' ? decodeJson(text).value : decodeYaml(text).value;
  } catch (error) {
    if (error instanceof DecodeError) throw badRequest(error.message);
    throw error;
  }
}

/** The object in the body of a POST or PUT; what it has beyond the schema becomes warnings or is refused. @throws StatusError */
export function decodeBody(
  ctx: RequestContext,
  body: Buffer,
  contentType: string | undefined,
  shape: BodyShape,
  fieldValidation: FieldValidation | undefined,
): KubeObject {
  const { group, version, kind, schema: definition } = shape;
  const options = { definition, gvk: { group, version, kind }, fieldValidation };
  const format = bodyFormat(contentType);
  const decoded =
    format === 'application/vnd.kubernetes.protobuf'
      ? checkObject(ofShape(decodeProtobuf(body), shape), options)
      : decodeObject(body, { ...options, contentType: format });
  for (const warning of decoded.warnings) ctx.warn(warning);
  return decoded.object;
}

/** @throws StatusError BadRequest when a typed body is of another kind than the path */
function ofShape(object: KubeObject, { group, version, kind }: BodyShape): KubeObject {
  const wanted = group ? `${group}/${version}` : version;
  if (object.kind !== kind) {
    throw badRequest(`${object.kind} in version ${JSON.stringify(object.apiVersion)} cannot be handled as a ${kind}: unknown conversion`);
  }
  if (object.apiVersion === wanted) return object;
  throw badRequest(`the API version in the data (${object.apiVersion}) does not match the expected API version (${wanted})`);
}
