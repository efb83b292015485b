import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startConformanceHub } from './conformance-hub.ts';

let hub: Awaited<ReturnType<typeof startConformanceHub>>;
let agent: Agent;
beforeAll(async () => {
  hub = await startConformanceHub();
  agent = new Agent({ keepAlive: true, ca: hub.ca, cert: hub.cert, key: hub.key });
});
afterAll(async () => {
  agent.destroy();
  await hub.close();
});

async function get(path: string, headers: Record<string, string>): Promise<IncomingMessage & { readonly bytes: number }> {
  const asked = request(new URL(path, hub.url), { agent, headers });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length;
  return Object.assign(response, { bytes });
}

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

// Clients keep these documents, and ask whether they are still what they were (client-go, kubectl).
test.each([
  ['/openapi/v2', 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'],
  ['/openapi/v2', 'application/json'],
  ['/openapi/v3', 'application/json'],
  ['/openapi/v3/api/v1', 'application/json'],
  ['/openapi/v3/apis/apps/v1', 'application/json'],
  ['/api', aggregated],
  ['/apis', aggregated],
])('%s as %s is told once', async (path, accept) => {
  const first = await get(path, { accept });
  expect([first.statusCode, first.bytes > 0]).toEqual([200, true]);
  const etag = first.headers.etag ?? '';
  expect(etag).toMatch(/^"[0-9A-Fa-f]{64}"$/);
  const again = await get(path, { accept, 'if-none-match': etag });
  expect([again.statusCode, again.headers.etag, again.bytes]).toEqual([304, etag, 0]);
  const other = await get(path, { accept, 'if-none-match': '"0"' });
  expect([other.statusCode, other.bytes]).toEqual([200, first.bytes]);
});
