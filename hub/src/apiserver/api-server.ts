import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { Authenticator } from '#auth/authn/authenticator.ts';
import type { ServiceAccountTokens } from '#auth/authn/service-account-tokens.ts';
import type { Authorizer } from '#auth/authz/types.ts';
import type { ServerTls } from '#auth/pki/pki.ts';
import type { NodeConnector, Registry } from '#registry/generic/types.ts';
import type { HealthRegistry } from '#telemetry/health.ts';
import type { Metrics } from '#telemetry/metrics.ts';
import { createApiHandler } from './api-handler.ts';
import { createDispatch } from './dispatch.ts';
import { Endpoints } from './endpoints.ts';
import { evictionSubresource } from './eviction.ts';
import { offlineDeleteNotice } from './offline-delete-notice.ts';
import { createPages } from './pages.ts';
import { logSubresource } from './pod-log.ts';
import { RequestLimiter, type RequestLimits } from './request-limiter.ts';
import { createRequestMetrics } from './request-metrics.ts';
import { accessReviews, authenticationReviews } from './reviews.ts';
import { createHttpsServer, type HttpsServer } from './server.ts';
import { type NodeEvents, nodeShell } from './streams/node-shell.ts';
import { podProxySubresource } from './streams/pod-proxy.ts';
import { portForwardSubresource } from './streams/port-forward.ts';
import { attachSubresource, execSubresource } from './streams/remote-command.ts';
import { serviceProxySubresource } from './streams/service-proxy.ts';
import { tokenSubresource } from './token-request.ts';

export interface ApiServerOptions {
  /** All kinds must be registered. */
  readonly registry: Registry;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly tokens: ServiceAccountTokens;
  readonly nodeConnector: NodeConnector;
  /** Where it is written what operators do on boards; nowhere when left out. */
  readonly nodeEvents?: NodeEvents;
  readonly tls: ServerTls;
  readonly health: HealthRegistry;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits?: RequestLimits;
}

/** The Kubernetes API over HTTPS in front of the registry. */
export function createApiServer(options: ApiServerOptions): HttpsServer {
  const { registry, authenticator, authorizer, tokens, nodeConnector, tls, health, metrics, clock, random, logger, limits } = options;
  const streams = { connector: nodeConnector, clock, logger };
  const endpoints = new Endpoints(
    registry.resources(),
    [
      logSubresource(nodeConnector),
      evictionSubresource,
      execSubresource(streams),
      attachSubresource(streams),
      portForwardSubresource(streams),
      podProxySubresource(nodeConnector),
      serviceProxySubresource({ connector: nodeConnector, registry, random }),
      tokenSubresource({ registry, tokens, clock }),
    ],
    [...authenticationReviews(tokens, clock), ...accessReviews(authorizer)],
    [nodeShell({ ...streams, registry, events: options.nodeEvents ?? (() => {}) })],
  );
  const limiter = new RequestLimiter(limits);
  const handler = createApiHandler({
    authenticator,
    authorizer,
    endpoints,
    dispatch: createDispatch({ endpoints, clock, random, deleteNotice: offlineDeleteNotice(registry) }),
    page: createPages({ endpoints, definitions: registry.resources().map(({ definition }) => definition), health, metrics }),
    limiter,
    metrics: createRequestMetrics(metrics, limiter),
    clock,
    random,
    logger,
  });
  return createHttpsServer({ tls, fallback: handler, logger, clock });
}
