import { describeFieldError, invalid, invalidObject } from '@flotilla/shared/errors/field.js';
import { badRequest, StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { goText } from '#patch/go-text.ts';
import { applyJsonPatch } from '#patch/json-patch.ts';
import { applyMergePatch } from '#patch/merge-patch.ts';
import { applyStrategicMergePatch } from '#patch/strategic-merge.ts';
import { DecodeError, decodeJson } from '#registry/decode/json-decode.ts';
import { encodeJson } from '#registry/decode/json-encode.ts';
import type { FieldValidation } from '#registry/generic/types.ts';
import { checkObject } from '#registry/schema/decode-object.ts';
import { handleApply } from './apply-handler.ts';
import type { BodyShape } from './body.ts';
import { mediaType, unsupportedPatch } from './negotiation.ts';
import { readWriteOptions } from './query-options.ts';
import { viewOf } from './read-handlers.ts';
import type { StoredRequest, WriteRequest } from './stored-request.ts';
import { merged, replyWritten, shapeOf } from './write-handlers.ts';

type ApplyPatch = (object: KubeObject, patch: unknown, schema: string) => KubeObject;

const patches: Readonly<Record<string, ApplyPatch>> = {
  'application/json-patch+json': (object, patch) => applyJsonPatch(object, patch),
  'application/merge-patch+json': (object, patch) => applyMergePatch(object, patch),
  'application/strategic-merge-patch+json': (object, patch, schema) => applyStrategicMergePatch(object, patch, schema),
};
const applyType = 'application/apply-patch+yaml';
const jsonType = 'application/json-patch+json';
/** What a merge patch made is written with sorted keys before Kubernetes reads it. */
const mergeType = 'application/merge-patch+json';
const strategicType = 'application/strategic-merge-patch+json';

/** PATCH: what stands now, or its view, is patched anew in every attempt of the update. */
export async function handlePatch(request: StoredRequest): Promise<void> {
  const { exchange, info, ctx, resource, target, subresource } = request;
  const type = mediaType(exchange.header('content-type'));
  if (type === applyType) return handleApply(request);
  const apply = patches[type];
  if (!apply) throw unsupportedPatch();
  viewOf(request);
  const options = readWriteOptions(info.query, 'PatchOptions');
  const patch = readPatch(await exchange.readBody(), type);
  const shape = shapeOf(request);
  const { object } = await resource.update(
    ctx,
    target.namespace,
    target.name,
    (current) => {
      const base = subresource?.view?.(current) ?? current;
      const patched = apply(base, patch.value, shape.schema);
      const shown = type === strategicType ? goText(patch.value) : patchedText(patched);
      return merged(
        subresource,
        current,
        checkPatched(request, patched, {
          shape,
          shown,
          type,
          faults: patch.faults,
          fieldValidation: options.fieldValidation,
        }),
      );
    },
    { ...options, ...(subresource ? { subresource: subresource.name } : {}) },
  );
  await replyWritten(request, 200, object);
}

interface ReadPatch {
  readonly value: unknown;
  /** What strict decoding finds in the patch itself. */
  readonly faults: readonly string[];
}

function readPatch(body: Buffer, type: string): ReadPatch {
  try {
    const { value, duplicates } = decodeJson(body.toString('utf8'));
    const isJson = type === jsonType;
    const faults = [
      ...duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`),
      ...(isJson ? unknownOperationFields(value) : []),
    ];
    return { value, faults: faults.map((fault) => (isJson ? `json patch ${fault}` : fault)) };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw badRequest(type === strategicType ? error.message : `error decoding patch: ${error.message}`);
  }
}

const operationFields = new Set(['op', 'path', 'from', 'value']);

function unknownOperationFields(patch: unknown): string[] {
  if (!Array.isArray(patch)) return [];
  return patch.flatMap((operation: unknown, index) =>
    typeof operation === 'object' && operation !== null
      ? Object.keys(operation)
          .filter((key) => !operationFields.has(key))
          .map((key) => `unknown field "[${index}].${key}"`)
      : [],
  );
}

/** The patched document as Kubernetes shows it: the members of the root in alphabetical order. */
function patchedText(patched: object): string {
  return encodeJson(Object.fromEntries(Object.entries(patched).sort(([a], [b]) => (a < b ? -1 : 1))));
}

interface Patched {
  readonly shape: BodyShape;
  /** The document, or the patch, in messages. */
  readonly shown: string;
  readonly type: string;
  readonly faults: readonly string[];
  readonly fieldValidation: FieldValidation | undefined;
}

/** What a patch made has to fit the schema like what is posted. @throws StatusError Invalid */
function checkPatched({ ctx }: WriteRequest, patched: KubeObject, { shape, shown, type, faults, fieldValidation }: Patched): KubeObject {
  const strategic = type === strategicType;
  const { group, version, kind, schema: definition } = shape;
  const refuse = (why: string): StatusError => {
    const fault = invalid('patch', shown, strategic ? unstructured(why) : why);
    const [cause] = invalidObject('', '', '', [fault]).details?.causes ?? [];
    return new StatusError(422, 'Invalid', ` "" is invalid: ${describeFieldError(fault)}`, { ...(cause ? { causes: [cause] } : {}) });
  };
  const gvk = { group, version, kind };
  const { object, warnings } = checkObject(patched, { definition, gvk, fieldValidation, faults, refuse, byName: type === mergeType });
  for (const warning of warnings) ctx.warn(warning);
  return object;
}

/** A strategic merge patch is no text any more when Kubernetes finds that a type does not fit. */
function unstructured(why: string): string {
  const [, found = '', type = ''] = /^json: cannot unmarshal (\w+) .* of type (.+)$/.exec(why) ?? [];
  const from = { object: 'map', array: 'slice' }[found] ?? found;
  if (/^int\d+$/.test(type)) return `unrecognized type: ${type}`;
  if (type.startsWith('map[')) return `cannot restore map from ${from}`;
  return type.startsWith('[]') ? `cannot restore slice from ${from}` : why;
}
