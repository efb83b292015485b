import { badRequest } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { DecodeError, decodeJson } from '#registry/decode/json-decode.ts';
import { decodeYaml } from '#registry/decode/yaml-decode.ts';
import type { FieldValidation, RequestContext, ResourceDefinition } from '#registry/generic/types.ts';
import {
  type DecodedObject,
  type DecodeOptions,
  decodeObject,
  notHandled,
  objectOf,
  unrecognized,
} from '#registry/schema/decode-object.ts';
import { groupVersionOf } from '#registry/schema/kinds.ts';
import { type BodyFormat, bodyFormat } from './negotiation.ts';
import { decodeMessage, type Envelope, readEnvelope } from './protobuf/decode-protobuf.ts';
import { messageOf } from './protobuf/messages.ts';
import { ProtobufError } from './protobuf/wire-reader.ts';

/** What a body has to be: the kind itself, or the subresource's own kind (Scale, Binding). */
export type BodyShape = Pick<ResourceDefinition, 'group' | 'version' | 'kind' | 'schema'>;

/** The tree in a body, of whatever kind. @throws StatusError BadRequest */
export function parseBody(body: Buffer, format: Exclude<BodyFormat, 'application/vnd.kubernetes.protobuf'>): unknown {
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
  const format = bodyFormat(contentType, messageOf(group ? `${group}/${version}` : version, kind) !== undefined);
  const decoded =
    format === 'application/vnd.kubernetes.protobuf' ? decodeTyped(body, options) : decodeObject(body, { ...options, contentType: format });
  for (const warning of decoded.warnings) ctx.warn(warning);
  return decoded.object;
}

/** An object in protobuf. What its envelope does not say is taken from the path. */
function decodeTyped(body: Buffer, options: DecodeOptions): DecodedObject {
  const envelope = attempt(
    () => readEnvelope(body),
    (why) => unrecognized(body, options, why),
  );
  const said = groupVersionOf(envelope.apiVersion);
  const { group, version } = said?.version ? said : options.gvk;
  const gvk = { group, version, kind: envelope.kind || options.gvk.kind };
  const complete: Envelope = { ...envelope, apiVersion: group ? `${group}/${version}` : version, kind: gvk.kind };
  const tree = attempt(
    () => decodeMessage(complete),
    (why) => notHandled(gvk, options.gvk.kind, why),
  );
  return objectOf(tree, [], gvk, options);
}

function attempt<T>(read: () => T, refuse: (why: string) => Error): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtobufError || error instanceof DecodeError) throw refuse(error.message);
    throw error;
  }
}
