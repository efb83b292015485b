import { createHash } from 'node:crypto';
import { loadDescriptions } from '@flotilla/shared/api/schemas.js';
import { gitVersion } from '@flotilla/shared/api/version.js';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import type { Exchange, ExchangeHandler } from '../exchange.ts';
import { openApiV2 } from './openapi-v2.ts';
import { encodeOpenApiV2Protobuf } from './openapi-v2-protobuf.ts';
import { groupVersionPath, openApiV3, openApiV3Index } from './openapi-v3.ts';

/** With a dot: the form with `@`, which clients ask for, is no valid media type and client-go refuses it in an answer. */
const v2Protobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** `/openapi/v2` and `/openapi/v3…`; documents are made when first asked for and kept. */
export function openApiRoutes(definitions: readonly ResourceDefinition[]): Map<string, ExchangeHandler> {
  const v2 = once(async () => openApiV2(definitions, await loadDescriptions(), gitVersion));
  const v2Json = once(async () => Buffer.from(JSON.stringify(await v2())));
  const v2Binary = once(async () => encodeOpenApiV2Protobuf(await v2()));
  const v3 = once(async () => {
    const descriptions = await loadDescriptions();
    const groups = Map.groupBy(definitions, groupVersionPath);
    return new Map([...groups].map(([path, own]) => [path, JSON.stringify(openApiV3(own, descriptions, gitVersion))]));
  });
  const index = once(async () => Buffer.from(JSON.stringify(openApiV3Index(await v3()))));

  const routes = new Map<string, ExchangeHandler>();
  routes.set('/openapi/v2', async (exchange) => {
    const accept = exchange.header('accept') ?? '';
    // The older media type of the two has `.v1.0` where the newer has `@v1.0`.
    if (/proto-openapi\.spec\.v2[@.]v1\.0\+protobuf/.test(accept)) return reply(exchange, v2Protobuf, await v2Binary());
    return reply(exchange, 'application/json', await v2Json());
  });
  routes.set('/openapi/v3', async (exchange) => reply(exchange, 'application/json', await index()));
  for (const path of new Set(definitions.map(groupVersionPath))) {
    routes.set(`/openapi/v3/${path}`, async (exchange) => {
      const text = (await v3()).get(path) ?? '{}';
      return reply(exchange, 'application/json', Buffer.from(text));
    });
  }
  return routes;
}

function reply(exchange: Exchange, contentType: string, body: Buffer): void | Promise<void> {
  const etag = `"${createHash('sha256').update(body).digest('hex')}"`;
  exchange.setHeader('ETag', etag);
  exchange.setHeader('Vary', 'Accept');
  if (exchange.header('if-none-match') === etag) return exchange.reply(304, contentType, '');
  return exchange.reply(200, contentType, body);
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
