import type { Clock } from '@flotilla/shared/clock/clock.js';
import { badRequest, StatusError, unauthorized } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { type Authenticator, anonymous, bearerToken } from '#auth/authn/authenticator.ts';
import { type Attributes, type Authorizer, forbiddenError } from '#auth/authz/types.ts';
import type { UserInfo } from '#registry/generic/types.ts';
import { methodNotAllowed, noSuchPage, noSuchResource, replyError, replyText } from './answers.ts';
import type { Dispatch } from './dispatch.ts';
import type { Endpoints } from './endpoints.ts';
import type { Exchange, ExchangeHandler } from './exchange.ts';
import { impersonated, NobodyImpersonated } from './impersonation.ts';
import { parseRequestInfo, type RequestInfo } from './request-info.ts';
import { type RequestLimiter, readsBody, readVerbs, streamSubresources } from './request-limiter.ts';
import type { RequestMetrics } from './request-metrics.ts';
import { subprotocolBearer } from './streams/sub-protocols.ts';
import { WarningContext } from './warning-context.ts';

export interface ApiHandlerOptions {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly endpoints: Endpoints;
  readonly dispatch: Dispatch;
  /** The handler of a path that is no resource. */
  readonly page: (path: string, query: URLSearchParams) => ExchangeHandler | undefined;
  readonly limiter: RequestLimiter;
  readonly metrics: RequestMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Every request of the API: who asks, may they, and then the handler. Errors become their answer here and nowhere else. */
export function createApiHandler(options: ApiHandlerOptions): (exchange: Exchange) => Promise<void> {
  const { limiter, metrics, clock, random, logger } = options;
  return async (exchange) => {
    const startedMs = clock.monotonicMs();
    exchange.setHeader('Audit-Id', random.uuid());
    exchange.setHeader('Cache-Control', 'no-cache, private');
    let info: RequestInfo | undefined;
    let release: (() => void) | undefined;
    const seat: Seat = {
      take: (user, asked) => {
        release = limiter.enter(asked, user);
      },
      async whileBodyComes(asking, user, asked) {
        const arrived = exchange.bodyArrived();
        if (!arrived) return;
        // Who takes his time with his body holds up nobody else.
        release?.();
        release = undefined;
        const here = limiter.enterBody(asking.name);
        try {
          await arrived;
        } finally {
          here();
        }
        seat.take(user, asked);
      },
    };
    try {
      info = parse(exchange);
      await handle(options, exchange, info, seat);
    } catch (error) {
      // A client that hung up gets no answer and is no fault of ours.
      if (!(error instanceof StatusError) && !(error instanceof NobodyImpersonated) && !exchange.signal.aborted) {
        logger.error('request failed', { method: exchange.method, path: info?.path, error });
      }
      if (exchange.answered) return;
      if (error instanceof NobodyImpersonated) await replyText(exchange, 500, error.message);
      else await replyError(exchange, error);
    } finally {
      release?.();
      if (info) metrics.done(info, exchange.code, clock.monotonicMs() - startedMs);
    }
  };
}

function parse(exchange: Exchange): RequestInfo {
  try {
    return parseRequestInfo(exchange.method, exchange.url);
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : 'the path cannot be read');
  }
}

/** One of the places for requests that are worked on at once. */
interface Seat {
  /** @throws StatusError TooManyRequests */
  take(user: UserInfo, info: RequestInfo): void;
  /** Gives the place up until the body is there. @throws StatusError TooManyRequests */
  whileBodyComes(asking: UserInfo, user: UserInfo, info: RequestInfo): Promise<void>;
}

async function handle(options: ApiHandlerOptions, exchange: Exchange, info: RequestInfo, seat: Seat): Promise<void> {
  const asking = await identify(options.authenticator, exchange);
  const user = impersonated(exchange, info.path, asking, options.authorizer);
  seat.take(user, info);
  const impersonator = user === asking ? undefined : asking;
  const attributes: Attributes = { user, verb: info.verb, path: info.path, ...(info.resource ? { resource: scoped(info) } : {}) };
  const asked = impersonator ? { impersonator: impersonator.name } : {};
  const decision = options.authorizer.authorize(attributes);
  if (decision.verdict !== 'allow') {
    const { subresource = '', namespace, name } = attributes.resource ?? {};
    if (streamSubresources.has(subresource)) {
      const { remoteAddress: remote } = exchange;
      options.logger.warn('refused a stream to a pod', {
        user: user.name,
        ...asked,
        verb: info.verb,
        subresource,
        namespace,
        name,
        remote,
      });
    }
    throw forbiddenError(attributes, decision);
  }
  if (impersonator && info.verb !== 'watch' && !readVerbs.has(info.verb)) {
    options.logger.info('somebody acts as another', { user: user.name, ...asked, verb: info.verb, path: info.path });
  }

  if (info.resource) {
    if (!options.endpoints.hasVersion(info.resource.group, info.resource.version)) {
      if (isBelowKnown(info.path, options.endpoints)) throw noSuchResource();
      return noSuchPage(exchange);
    }
    if (readsBody(info)) await seat.whileBodyComes(asking, user, info);
    return options.dispatch({ exchange, info, ctx: new WarningContext(exchange, user, impersonator) }, info.resource);
  }
  const page = options.page(info.path, info.query);
  if (!page && isBelowKnown(info.path, options.endpoints)) throw noSuchResource();
  if (!page) return noSuchPage(exchange);
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') throw methodNotAllowed();
  return page(exchange);
}

/** Below what is served a page that is missing is told as a Status, as in Kubernetes. */
function isBelowKnown(path: string, { groupVersions }: Endpoints): boolean {
  const [, root, group] = path.split('/');
  return root === 'api' || root === 'version' || (root === 'apis' && groupVersions.some((one) => one.group === group));
}

async function identify(authenticator: Authenticator, exchange: Exchange): Promise<UserInfo> {
  const bearer = bearerToken(exchange.header('authorization')) ?? subprotocolBearer(exchange.upgrade?.subprotocols ?? []);
  if (bearer === undefined && exchange.header('authorization') !== undefined) throw unauthorized();
  const peer = exchange.peer;
  return (await authenticator.authenticate({ ...(peer ? { peer } : {}), ...(bearer === undefined ? {} : { bearer }) })) ?? anonymous;
}

/** A list or watch of one name counts as being about that name (apiserver, RequestInfoFactory). */
function scoped({ resource, verb, query }: RequestInfo): NonNullable<Attributes['resource']> {
  const { group, version, namespace, resource: plural, subresource, name } = resource ?? emptyTarget;
  const base = { group, version, namespace, resource: plural, subresource, name };
  if (verb !== 'list' && verb !== 'watch' && verb !== 'deletecollection') return base;
  const fieldSelector = query.get('fieldSelector') ?? '';
  const named = /(?:^|,)metadata\.name==?([^,=!]+)(?:,|$)/.exec(fieldSelector)?.[1];
  return { ...base, name: name || (named ?? ''), ...(fieldSelector ? { fieldSelector } : {}) };
}

const emptyTarget = { group: '', version: '', namespace: '', resource: '', subresource: '', name: '' };
