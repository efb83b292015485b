import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { badRequest } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { serverSideApply } from '#patch/server-side-apply.ts';
import type { ResourceRegistry, Subresource } from '#registry/generic/types.ts';
import { methodNotAllowed } from './answers.ts';
import { decodeBody } from './body.ts';
import { readWriteOptions } from './query-options.ts';
import { viewOf } from './read-handlers.ts';
import type { ResourceTarget } from './request-info.ts';
import { replyWritten, type WriteRequest } from './write-handlers.ts';

/** PATCH with `application/apply-patch+yaml`: the body is what its manager wants to own; an object that is not there is created. */
export async function handleApply(
  request: WriteRequest,
  resource: ResourceRegistry,
  target: ResourceTarget,
  subresource: Subresource | undefined,
  nowMs: number,
): Promise<void> {
  const { exchange, info, ctx } = request;
  const { definition } = resource;
  if (subresource?.view) throw methodNotAllowed();
  viewOf(request, definition, nowMs);
  const options = readWriteOptions(info.query, 'PatchOptions', true);
  const applied = named(readConfiguration(request, await exchange.readBody(), definition, options.fieldValidation), target);
  const { group, version, schema } = definition;
  const merge = (live: KubeObject | undefined): KubeObject =>
    serverSideApply({
      live,
      applied,
      manager: options.fieldManager ?? '',
      force: options.force,
      apiVersion: group ? `${group}/${version}` : version,
      definition: schema,
      subresource: subresource?.name,
      now: kubeTime(nowMs),
    });
  const { object, created } = await resource.update(ctx, target.namespace, target.name, merge, {
    ...options,
    operation: 'Apply',
    createIfMissing: () => merge(undefined),
    ...(subresource ? { subresource: subresource.name } : {}),
  });
  await replyWritten(request, created ? 201 : 200, resource, subresource, object, nowMs);
}

/** Most clients send JSON under the name of YAML; the JSON decoder is the quicker one. */
function readConfiguration(
  { ctx }: WriteRequest,
  body: Buffer,
  shape: ResourceRegistry['definition'],
  fieldValidation: Parameters<typeof decodeBody>[4],
): KubeObject {
  const isJson = body.subarray(0, 100).toString('latin1').trimStart().startsWith('{');
  return decodeBody(ctx, body, isJson ? 'application/json' : 'application/yaml', shape, fieldValidation);
}

/** @throws StatusError BadRequest when the configuration names another object than the path */
function named(applied: KubeObject, { name, namespace }: ResourceTarget): KubeObject {
  const own = applied.metadata ?? {};
  if (own.name && own.name !== name) throw badRequest(`the name of the object (${own.name}) does not match the name on the URL (${name})`);
  if (namespace && own.namespace && own.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  return { ...applied, metadata: { ...applied.metadata, name, ...(namespace ? { namespace } : {}) } };
}
