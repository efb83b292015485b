import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { methodNotAllowed, noSuchResource, replyObject, setWarnings } from './answers.ts';
import { decodeBody } from './body.ts';
import type { ConnectResource, Endpoints, QuestionResource, StoredEndpoint } from './endpoints.ts';
import { FlushTurns } from './flush-turns.ts';
import { FrameCache } from './frame-cache.ts';
import { negotiate, notAcceptable } from './negotiation.ts';
import { handlePatch } from './patch-handler.ts';
import { readWriteOptions } from './query-options.ts';
import { handleGet, handleGetView, handleList } from './read-handlers.ts';
import type { ResourceTarget } from './request-info.ts';
import type { StoredRequest, WriteRequest } from './stored-request.ts';
import { handleWatch, type WatchDependencies } from './watch-handler.ts';
import { type DeleteNotice, handleCreate, handleCreateView, handleDelete, handleDeleteCollection, handleUpdate } from './write-handlers.ts';

export interface DispatchOptions {
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  readonly random: Random;
  readonly deleteNotice: DeleteNotice;
}

export type Dispatch = (request: WriteRequest, target: ResourceTarget) => void | Promise<void>;

/** From a known and allowed request of a resource to the handler of its verb. @throws StatusError */
export function createDispatch({ endpoints, clock, random, deleteNotice }: DispatchOptions): Dispatch {
  const frames = new FrameCache();
  const turns = new FlushTurns();
  return (request, target) => {
    const endpoint = endpoints.find(target);
    if (!endpoint) throw noSuchResource();
    if ('connect' in endpoint) return answerConnect(request, target, endpoint.connect);
    if ('question' in endpoint) return answerQuestion(request, target, endpoint.question);
    checkScope(endpoint, target, request.info.verb);
    const { deprecated } = endpoint.stored.definition;
    if (deprecated) {
      request.ctx.warn(deprecated);
      // Refusals carry it too.
      setWarnings(request.exchange, request.ctx.warnings);
    }
    if (target.subresource) return handleSubresource(request, target, endpoint, clock.wallMs());
    return handleVerb(
      { ...request, resource: endpoint.stored, target, nowMs: clock.wallMs() },
      { clock, random, frames, turns, deleteNotice },
    );
  };
}

function handleVerb(
  request: StoredRequest,
  dependencies: WatchDependencies & { readonly deleteNotice: DeleteNotice },
): void | Promise<void> {
  const { info, resource, target } = request;
  const { verb } = info;
  if (resource.definition.verbs && !resource.definition.verbs.includes(verb)) throw methodNotAllowed();
  switch (verb) {
    case 'get':
      return handleGet(request);
    case 'list':
      return handleList(request);
    case 'watch':
      return handleWatch(request, dependencies);
    case 'create':
      if (target.name) throw methodNotAllowed();
      return handleCreate(request);
    case 'update':
      if (!target.name) throw methodNotAllowed();
      return handleUpdate(request);
    case 'patch':
      if (!target.name) throw methodNotAllowed();
      return handlePatch(request);
    case 'delete':
      return handleDelete(request, dependencies.deleteNotice);
    case 'deletecollection':
      return handleDeleteCollection(request, dependencies.deleteNotice);
    default:
      throw methodNotAllowed();
  }
}

function handleSubresource(
  request: WriteRequest,
  target: ResourceTarget,
  { stored, special }: StoredEndpoint,
  nowMs: number,
): void | Promise<void> {
  const { verb } = request.info;
  const own = special.get(target.subresource);
  const known = stored.definition.subresources?.find(({ name }) => name === target.subresource);
  const verbs = own?.description.verbs ?? known?.verbs;
  if (!verbs || (target.rest.length > 0 && !own?.hasPaths)) throw noSuchResource();
  if (!verbs.includes(verb) && !own?.hasPaths) throw methodNotAllowed();
  if (own) return own.handle(request, stored, target);
  if (!known) throw noSuchResource();
  const about = { ...request, resource: stored, target, subresource: known, nowMs };
  switch (verb) {
    case 'get':
      return handleGetView(about);
    case 'create':
      return handleCreateView(about);
    case 'update':
      return handleUpdate(about);
    case 'patch':
      return handlePatch(about);
    default:
      throw methodNotAllowed();
  }
}

/** A resource with a namespace is created and named in one; one without is never in one. */
function checkScope({ stored: { definition } }: StoredEndpoint, target: ResourceTarget, verb: string): void {
  if (!definition.namespaced) {
    // `namespaces/NS` is the Namespace itself, its name standing in both places.
    if (target.namespace && (definition.resource !== 'namespaces' || target.namespace !== target.name)) throw noSuchResource();
    return;
  }
  if (target.namespace) return;
  if (target.name) throw noSuchResource();
  if (verb !== 'list' && verb !== 'watch') throw methodNotAllowed();
}

function answerConnect(request: WriteRequest, target: ResourceTarget, connect: ConnectResource): void | Promise<void> {
  const scoped = connect.namespaced === Boolean(target.namespace);
  if (!target.name || target.subresource !== connect.subresource || !scoped || target.rest.length > 0) throw noSuchResource();
  if (!connect.verbs.includes(request.info.verb)) throw methodNotAllowed();
  return connect.handle(request, target);
}

async function answerQuestion(request: WriteRequest, target: ResourceTarget, question: QuestionResource): Promise<void> {
  const { exchange, info, ctx } = request;
  if (info.verb !== 'create' || target.name) throw methodNotAllowed();
  if (question.namespaced !== Boolean(target.namespace)) throw noSuchResource();
  const { format, as } = negotiate(exchange.header('accept'));
  if (as !== 'Object') throw notAcceptable();
  const options = readWriteOptions(info.query, 'CreateOptions');
  const object = decodeBody(ctx, await exchange.readBody(), exchange.header('content-type'), question, options.fieldValidation);
  const answer = await question.answer(request, target, object);
  setWarnings(exchange, ctx.warnings);
  await replyObject(exchange, 201, answer, format);
}
