import { badRequest, isNotFound } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { ResourceDefinition, ResourceRegistry, Subresource, UpdateOptions } from '#registry/generic/types.ts';
import type { CachedObject } from '#store/cache.ts';
import { replyObject, setWarnings, successStatus } from './answers.ts';
import { type BodyShape, decodeBody } from './body.ts';
import { readDeleteOptions } from './delete-options.ts';
import { negotiate } from './negotiation.ts';
import { readListOptions, readWriteOptions } from './query-options.ts';
import { replyCached, replyList, replyStored, viewOf } from './read-handlers.ts';
import type { StoredRequest } from './stored-request.ts';
import type { WarningContext } from './warning-context.ts';

export async function handleCreate(request: StoredRequest): Promise<void> {
  const { exchange, info, ctx, resource, target } = request;
  const view = viewOf(request);
  const options = readWriteOptions(info.query, 'CreateOptions');
  const object = await readObject(request, options);
  const created = await resource.create(ctx, target.namespace, object, options);
  setWarnings(exchange, ctx.warnings);
  await replyCached(exchange, 201, view, created);
}

/** @throws StatusError when the body is no such object, in the words of the decoder */
async function readObject(request: StoredRequest, { fieldValidation }: Pick<UpdateOptions, 'fieldValidation'>): Promise<KubeObject> {
  const { exchange, ctx } = request;
  return decodeBody(ctx, await exchange.readBody(), exchange.header('content-type'), shapeOf(request), fieldValidation);
}

export async function handleUpdate(request: StoredRequest): Promise<void> {
  const { info, ctx, resource, target, subresource } = request;
  viewOf(request);
  const options = readWriteOptions(info.query, 'UpdateOptions');
  const decoded = await readObject(request, options);
  const own = decoded.metadata?.name;
  if (!own) throw badRequest(`the name of the object (${target.name} based on URL) was undeterminable: name must be provided`);
  if (own !== target.name) {
    throw badRequest(`the name of the object (${own}) does not match the name on the URL (${target.name})`);
  }
  const preconditions = decoded.metadata?.uid ? { uid: decoded.metadata.uid } : undefined;
  const update: UpdateOptions = {
    ...options,
    ...(subresource ? { subresource: subresource.name } : {}),
    ...(preconditions ? { preconditions } : {}),
    ...(resource.definition.allowCreateOnUpdate && !subresource ? { createIfMissing: () => decoded } : {}),
  };
  const { object, created } = await resource.update(
    ctx,
    target.namespace,
    target.name,
    (current) => merged(subresource, current, decoded),
    update,
  );
  await replyWritten(request, created ? 201 : 200, object);
}

/** The object that shall stand when a client sent `sent` for it, or for a view of it. */
export function merged(subresource: Subresource | undefined, current: KubeObject, sent: KubeObject): KubeObject {
  if (!subresource?.apply) return sent;
  const object = subresource.apply(current, sent);
  const { resourceVersion } = sent.metadata ?? {};
  return { ...object, metadata: { ...object.metadata, ...(resourceVersion ? { resourceVersion } : {}) } };
}

export async function replyWritten(request: StoredRequest, code: number, object: CachedObject): Promise<void> {
  setWarnings(request.exchange, request.ctx.warnings);
  return replyStored(request, code, object);
}

/** POST to a subresource: it changes the object and answers with a Status (`pods/binding`). */
export async function handleCreateView(request: StoredRequest & { readonly subresource: Subresource }): Promise<void> {
  const { exchange, info, ctx, resource, target, subresource } = request;
  const { format } = negotiate(exchange.header('accept'));
  const options = readWriteOptions(info.query, 'CreateOptions');
  const decoded = await readObject(request, options);
  const own = decoded.metadata?.name;
  if (own && own !== target.name) throw badRequest('name in URL does not match name in Binding object');
  await resource.update(ctx, target.namespace, target.name, (current) => merged(subresource, current, decoded), {
    ...options,
    subresource: subresource.name,
    ...(decoded.metadata?.uid ? { preconditions: { uid: decoded.metadata.uid } } : {}),
  });
  setWarnings(exchange, ctx.warnings);
  const { details: _details, ...success } = successStatus({});
  await replyObject(exchange, 201, { ...success, code: 201 }, format);
}

/** What whoever deleted something should know; undefined mostly. */
export type DeleteNotice = (definition: ResourceDefinition, object: KubeObject) => string | undefined;

export async function handleDelete(request: StoredRequest, notice: DeleteNotice): Promise<void> {
  const { exchange, info, ctx, resource, target } = request;
  const view = viewOf(request);
  const options = readDeleteOptions(info.query, await exchange.readBody(), exchange.header('content-type'));
  const { object, deleted } = await resource.delete(ctx, target.namespace, target.name, options);
  warnOf(ctx, deleted ? resource.definition.strategy.deleteNotice?.(object.object) : notice(resource.definition, object.object));
  setWarnings(exchange, ctx.warnings);
  if (!deleted || resource.definition.returnsDeletedObject) return replyCached(exchange, 200, view, object);
  const { group, resource: kind } = resource.definition;
  const { name, uid } = object.object.metadata ?? {};
  await replyObject(exchange, 200, successStatus({ name, ...(group ? { group } : {}), kind, uid }), view.representation.format);
}

function warnOf(ctx: WarningContext, notice: string | undefined): void {
  if (notice !== undefined) ctx.warn(notice);
}

export async function handleDeleteCollection(request: StoredRequest, notice: DeleteNotice): Promise<void> {
  const { exchange, info, ctx, resource, target } = request;
  const view = viewOf(request);
  const options = readDeleteOptions(info.query, await exchange.readBody(), exchange.header('content-type'));
  const removed = await resource.deleteCollection(ctx, target.namespace, readListOptions(info.query), options);
  for (const { object } of removed) warnOf(ctx, resource.definition.strategy.deleteNotice?.(object));
  if (options.gracePeriodSeconds !== 0) for (const { object } of removed) warnOf(ctx, noticeOfLeft(resource, ctx, object, notice));
  setWarnings(exchange, ctx.warnings);
  const resourceVersion = String(Math.max(0, ...removed.map(({ revision }) => revision)));
  await replyList(exchange, view, removed, { resourceVersion });
}

/** What there is to know of an object that a deletion left for now. */
function noticeOfLeft(resource: ResourceRegistry, ctx: WarningContext, { metadata }: KubeObject, notice: DeleteNotice): string | undefined {
  try {
    return notice(resource.definition, resource.get(ctx, metadata?.namespace ?? '', metadata?.name ?? '').object);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** What a body has to be: the kind itself, or the subresource's own kind (Scale, Binding). */
export function shapeOf({ resource, subresource }: StoredRequest): BodyShape {
  if (!subresource?.apply) return resource.definition;
  return { ...subresource.kind, schema: schemaName(subresource.kind) };
}

/** The definition of a built-in kind in the OpenAPI document: `io.k8s.api.autoscaling.v1.Scale`. */
function schemaName({ group, version, kind }: Subresource['kind']): string {
  return `io.k8s.api.${group === '' ? 'core' : (group.split('.', 1)[0] ?? '')}.${version}.${kind}`;
}
