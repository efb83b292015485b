import { badRequest } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { DecodeError, decodeJson } from '#registry/decode/json-decode.ts';
import { decodeYaml } from '#registry/decode/yaml-decode.ts';
import type { FieldValidation, RequestContext, ResourceDefinition } from '#registry/generic/types.ts';
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

export function decodeBody(
  _ctx: RequestContext,
  body: Buffer,
  contentType: string | undefined,
  _shape: BodyShape,
  _fieldValidation: FieldValidation | undefined,
): KubeObject {
  return parseBody(body, bodyFormat(contentType)) as KubeObject;
}
