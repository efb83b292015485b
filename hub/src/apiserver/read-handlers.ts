import { forbiddenField } from '@flotilla/shared/errors/field.js';
import { badRequest, StatusError } from '@flotilla/shared/errors/status.js';
import { decodeStored } from '#registry/decode/decode-stored.ts';
import { refuseOptions } from '#registry/generic/list-objects.ts';
import type { CachedObject } from '#store/cache.ts';
import { replyObject } from './answers.ts';
import type { Exchange } from './exchange.ts';
import { negotiate, notAcceptable } from './negotiation.ts';
import { messageOf } from './protobuf/messages.ts';
import { readListOptions } from './query-options.ts';
import { type IncludeObject, listText, objectText, type View } from './representation.ts';
import type { StoredRequest } from './stored-request.ts';

/** Text gathered before it is written: large enough for few writes, small enough not to hold up the loop. */
const chunkLength = 64 * 1024;

export function viewOf({ exchange, info, resource: { definition }, nowMs }: StoredRequest): View {
  const representation = negotiate(exchange.header('accept'), {
    typed: isTyped(definition),
    streams: info.verb === 'list' || info.verb === 'watch',
  });
  const includeObject = info.query.get('includeObject') || 'Metadata';
  if (includeObject !== 'None' && includeObject !== 'Metadata' && includeObject !== 'Object') {
    const words = "must be 'Metadata', 'Object', 'None', or empty";
    throw badRequest(`Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(includeObject)}: ${words}`);
  }
  return { definition, representation, includeObject: includeObject satisfies IncludeObject, nowMs };
}

/** Whether a kind has a form in protobuf: all of Kubernetes have, the project's own do not. */
function isTyped({ group, version, kind }: View['definition']): boolean {
  return messageOf(group ? `${group}/${version}` : version, kind) !== undefined;
}

export function handleGet(request: StoredRequest): void | Promise<void> {
  const { resource, target } = request;
  const view = viewOf(request);
  checkVersion(request.info.query.get('resourceVersion'));
  const { as, isList } = view.representation;
  if (as === 'PartialObjectMetadata' && isList) {
    const { kind } = resource.definition;
    throw misasked(`you requested PartialObjectMetadataList, but the requested object is not a list (*core.${kind})`);
  }
  return replyCached(request.exchange, 200, view, resource.get(request.ctx, target.namespace, target.name));
}

const misasked = (why: string): StatusError => new StatusError(406, 'NotAcceptable', why);

/** A version that is none is a fault of the server to Kubernetes, here and in watches. @throws StatusError */
export function checkVersion(version: string | null): void {
  if (!version || /^\d+$/.test(version)) return;
  const shown = JSON.stringify(version);
  throw new StatusError(500, '', `resourceVersion: Invalid value: ${shown}: strconv.ParseUint: parsing ${shown}: invalid syntax`);
}

/** A subresource that is read like an object: the object itself (status) or its view (scale). */
export function handleGetView(request: StoredRequest): void | Promise<void> {
  const { resource, target, ctx } = request;
  return replyStored(request, 200, resource.get(ctx, target.namespace, target.name));
}

/** The object, or what its subresource shows of it. */
export function replyStored(request: StoredRequest, code: number, cached: CachedObject): void | Promise<void> {
  const { subresource } = request;
  const view = viewOf(request);
  if (subresource?.hasTable === false && view.representation.as === 'Table') throw notAcceptable();
  if (!subresource?.view) return replyCached(request.exchange, code, view, cached);
  if (view.representation.as !== 'Object') throw notAcceptable();
  return replyObject(request.exchange, code, subresource.view(cached.object), view.representation.format);
}

export function replyCached(exchange: Exchange, code: number, view: View, cached: CachedObject): void | Promise<void> {
  const { format, as } = view.representation;
  if (format === 'json') return exchange.reply(code, 'application/json', `${objectText(view, cached)}\n`);
  return replyObject(exchange, code, as === 'Object' ? cached.object : decodeStored(objectText(view, cached)), format);
}

export async function handleList(request: StoredRequest): Promise<void> {
  const { exchange, info, ctx, resource, target } = request;
  const view = viewOf(request);
  if (view.representation.as === 'PartialObjectMetadata' && !view.representation.isList) {
    const { kind } = resource.definition;
    throw misasked(`you requested PartialObjectMetadata, but the requested object is a list (*core.${kind}List)`);
  }
  const options = readListOptions(info.query);
  if (info.query.has('sendInitialEvents')) refuseOptions([forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list')]);
  const named = target.name ? withName(options.fieldSelector, target.name) : options.fieldSelector;
  const list = await resource.list(ctx, target.namespace, { ...options, fieldSelector: named });
  await replyList(exchange, view, list.items, {
    resourceVersion: list.resourceVersion,
    ...(list.continue ? { continue: list.continue } : {}),
    ...(list.remainingItemCount !== undefined ? { remainingItemCount: list.remainingItemCount } : {}),
  });
}

function withName(selector: string | undefined, name: string): string {
  return selector ? `${selector},metadata.name=${name}` : `metadata.name=${name}`;
}

/** Writes a list in pieces: a long one neither fills the memory with its text nor holds up other requests. */
export async function replyList(
  exchange: Exchange,
  view: View,
  items: readonly CachedObject[],
  metadata: Parameters<typeof listText>[1],
): Promise<void> {
  let parts = listText(view, metadata);
  // Go writes a list that nobody appended to.
  const none = items.length === 0 && view.representation.as === 'PartialObjectMetadata';
  if (none) parts = { ...parts, start: parts.start.slice(0, -1), end: 'null}' };
  const { format } = view.representation;
  if (format !== 'json') {
    const json = parts.start + items.map((item) => parts.item(item)).join(',') + parts.end;
    return replyObject(exchange, 200, decodeStored(json), format);
  }
  let text = parts.start;
  let index = 0;
  const fill = (): void => {
    for (; index < items.length && text.length < chunkLength; index++) {
      const item = items[index];
      if (item) text += index === 0 ? parts.item(item) : `,${parts.item(item)}`;
    }
  };
  fill();
  if (index >= items.length) return exchange.reply(200, 'application/json', `${text}${parts.end}\n`);
  const stream = exchange.stream(200, 'application/json', { compress: true });
  try {
    while (index < items.length) {
      stream.write(text);
      await stream.drained();
      text = '';
      fill();
    }
  } catch (error) {
    // The client is gone, or an item cannot be shown: what it has must not look complete.
    stream.destroy();
    throw error;
  }
  stream.write(`${text}${parts.end}\n`);
  stream.end();
}
