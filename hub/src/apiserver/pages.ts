import type { ResourceDefinition } from '#registry/generic/types.ts';
import type { HealthRegistry } from '#telemetry/health.ts';
import type { Metrics } from '#telemetry/metrics.ts';
import { discoveryRoutes } from './discovery.ts';
import type { Endpoints } from './endpoints.ts';
import type { ExchangeHandler } from './exchange.ts';
import { healthRoute } from './health-routes.ts';
import { requireJson } from './negotiation.ts';
import { openApiRoutes } from './openapi/openapi-routes.ts';
import { versionInfo } from './version.ts';

export interface PagesOptions {
  readonly endpoints: Endpoints;
  readonly definitions: readonly ResourceDefinition[];
  readonly health: HealthRegistry;
  readonly metrics: Metrics;
}

/** Everything that is no resource: discovery, OpenAPI, version, health, metrics and the list of these. */
export function createPages({
  definitions,
  endpoints,
  health,
  metrics,
}: PagesOptions): (path: string, query: URLSearchParams) => ExchangeHandler | undefined {
  const routes = new Map([...discoveryRoutes(endpoints), ...openApiRoutes(definitions)]);
  const json = (path: string, document: object): void => {
    const body = `${JSON.stringify(document, null, 2)}\n`;
    routes.set(path, (exchange) => {
      requireJson(exchange.header('accept'));
      return exchange.reply(200, 'application/json', body);
    });
  };
  json('/version', versionInfo());
  routes.set('/metrics', (exchange) => exchange.reply(200, 'text/plain; version=0.0.4; charset=utf-8', metrics.expose()));
  json('/', { paths: [...routes.keys(), '/healthz', '/livez', '/readyz'].sort() });
  return (path, query) => routes.get(path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path) ?? healthRoute(health, path, query);
}
