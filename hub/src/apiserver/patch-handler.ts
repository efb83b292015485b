import { badRequest } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { applyJsonPatch } from '#patch/json-patch.ts';
import { applyMergePatch } from '#patch/merge-patch.ts';
import { applyStrategicMergePatch } from '#patch/strategic-merge.ts';
import { DecodeError, decodeJson } from '#registry/decode/json-decode.ts';
import type { FieldValidation, ResourceRegistry, Subresource } from '#registry/generic/types.ts';
import { checkObject } from '#registry/schema/decode-object.ts';
import { handleApply } from './apply-handler.ts';
import type { BodyShape } from './body.ts';
import { mediaType, unsupportedMediaType } from './negotiation.ts';
import { readWriteOptions } from './query-options.ts';
import { viewOf } from './read-handlers.ts';
import type { ResourceTarget } from './request-info.ts';
import { merged, replyWritten, shapeOf, type WriteRequest } from './write-handlers.ts';

type ApplyPatch = (object: KubeObject, patch: unknown, schema: string) => KubeObject;

const patches: Readonly<Record<string, ApplyPatch>> = {
  'application/json-patch+json': (object, patch) => applyJsonPatch(object, patch),
  'application/merge-patch+json': (object, patch) => applyMergePatch(object, patch),
  'application/strategic-merge-patch+json': (object, patch, schema) => applyStrategicMergePatch(object, patch, schema),
};
const applyType = 'application/apply-patch+yaml';

/** PATCH: what stands now, or its view, is patched anew in every attempt of the update. */
export async function handlePatch(
  request: WriteRequest,
  resource: ResourceRegistry,
  target: ResourceTarget,
  subresource: Subresource | undefined,
  nowMs: number,
): Promise<void> {
  const { exchange, info, ctx } = request;
  const type = mediaType(exchange.header('content-type'));
  if (type === applyType) return handleApply(request, resource, target, subresource, nowMs);
  const apply = patches[type];
  if (!apply) throw unsupportedMediaType([...Object.keys(patches), applyType]);
  viewOf(request, resource.definition, nowMs);
  const options = readWriteOptions(info.query, 'PatchOptions');
  const patch = readPatch(request, await exchange.readBody(), options.fieldValidation);
  const shape = shapeOf(resource.definition, subresource);
  const { object } = await resource.update(
    ctx,
    target.namespace,
    target.name,
    (current) => {
      const base = subresource?.view?.(current) ?? current;
      const patched = apply(base, patch, shape.schema);
      return merged(subresource, current, checkPatched(request, patched, shape, options.fieldValidation));
    },
    { ...options, ...(subresource ? { subresource: subresource.name } : {}) },
  );
  await replyWritten(request, 200, resource, subresource, object, nowMs);
}

function readPatch({ ctx }: WriteRequest, body: Buffer, fieldValidation: FieldValidation | undefined): unknown {
  try {
    const { value, duplicates } = decodeJson(body.toString('utf8'));
    const faults = duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`);
    if (faults.length > 0 && fieldValidation === 'Strict') throw badRequest(`strict decoding error: ${faults.join(', ')}`);
    if (fieldValidation === 'Warn') for (const fault of faults) ctx.warn(fault);
    return value;
  } catch (error) {
    if (error instanceof DecodeError) throw badRequest(`error decoding patch: ${error.message}`);
    throw error;
  }
}

/** What a patch made has to fit the schema like what is posted. @throws StatusError BadRequest */
function checkPatched(
  { ctx }: WriteRequest,
  patched: KubeObject,
  shape: BodyShape,
  fieldValidation: FieldValidation | undefined,
): KubeObject {
  const { group, version, kind, schema: definition } = shape;
  const { object, warnings } = checkObject(patched, { definition, gvk: { group, version, kind }, fieldValidation });
  for (const warning of warnings) ctx.warn(warning);
  return object;
}
