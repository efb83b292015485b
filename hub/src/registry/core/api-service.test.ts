import type { EndpointSlice, Endpoints, Service } from '@flotilla/shared/api/generated/types.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endpointSlices } from '#registry/discovery/endpoint-slice.ts';
import { type RegistryFixture, registryFixture } from '#registry/generic/registry-fixture.ts';
import type { ResourceRegistry } from '#registry/generic/types.ts';
import { ApiService } from './api-service.ts';
import { endpoints } from './endpoints.ts';
import { services } from './service.ts';

let fixture: RegistryFixture;
let table: ResourceRegistry<Service>;
const running: ApiService[] = [];
beforeEach(async () => {
  fixture = await registryFixture([services, endpoints, endpointSlices]);
  table = fixture.registry.resource<Service>('', 'services');
});
afterEach(async () => {
  for (const one of running.splice(0)) one.stop();
  await fixture.close();
});

async function start(address?: string): Promise<void> {
  const { registry, cache, clock } = fixture;
  const service = new ApiService({ registry, cache, clock, logger: silentLogger, clusterIp: '10.96.0.1', address, port: 6443 });
  running.push(service);
  await service.start();
}
const get = (): Service => table.get(fixture.ctx, 'default', 'kubernetes').object;
const slice = (): EndpointSlice =>
  fixture.registry.resource<EndpointSlice>('discovery.k8s.io', 'endpointslices').get(fixture.ctx, 'default', 'kubernetes').object;

describe('the Service kubernetes', () => {
  it('is there from the start, with the first address', async () => {
    await start('192.0.2.1');
    expect(get()).toMatchObject({
      metadata: { labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: { clusterIP: '10.96.0.1', type: 'ClusterIP', ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }] },
    });
    expect(slice()).toMatchObject({
      metadata: { labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      endpoints: [{ addresses: ['192.0.2.1'], conditions: { ready: true } }],
      ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
    });
    const old = fixture.registry.resource<Endpoints>('', 'endpoints').get(fixture.ctx, 'default', 'kubernetes').object;
    expect(old.subsets).toEqual([{ addresses: [{ ip: '192.0.2.1' }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] }]);
  });

  it('comes back when it is deleted, and stays as somebody made it', async () => {
    await start('192.0.2.1');
    const { ctx, clock } = fixture;
    await table.delete(ctx, 'default', 'kubernetes');
    await fixture.registry.resource('discovery.k8s.io', 'endpointslices').delete(ctx, 'default', 'kubernetes');
    await clock.advance(10_000);
    expect(get().spec?.clusterIP).toBe('10.96.0.1');
    expect(slice().endpoints).toHaveLength(1);
    await table.update(ctx, 'default', 'kubernetes', (now) => ({ ...now, spec: { ...now.spec, sessionAffinity: 'ClientIP' } }));
    const { resourceVersion } = get().metadata ?? {};
    await clock.advance(60_000);
    expect(get().metadata?.resourceVersion).toBe(resourceVersion);
    expect(slice().metadata?.generation).toBe(1);
  });

  it('has no endpoints when nobody else reaches the API', async () => {
    await start();
    expect(get().spec?.clusterIP).toBe('10.96.0.1');
    expect(slice).toThrow('not found');
  });

  it('follows the hub when its address is another after a start', async () => {
    await start('192.0.2.1');
    for (const one of running.splice(0)) one.stop();
    await start('192.0.2.2');
    expect(slice().endpoints).toEqual([{ addresses: ['192.0.2.2'], conditions: { ready: true } }]);
  });
});
