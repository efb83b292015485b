import type { EndpointSlice, Endpoints, Service } from '@flotilla/shared/api/generated/types.js';
import { afterEach, expect, it } from 'vitest';
import { ControlPlane } from '../../../../test/harness/control-plane.ts';

let plane: ControlPlane | undefined;
afterEach(() => plane?.stop());

async function start(): Promise<ControlPlane> {
  plane = await ControlPlane.start();
  plane.client.informer<EndpointSlice>('discovery.k8s.io', 'endpointslices');
  await plane.client.synced();
  return plane;
}

const service = (spec: object = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'db', namespace: 'default' },
  spec: { ports: [{ port: 80 }], ...spec },
});
const byHand = (subsets: Endpoints['subsets'] & object, metadata: object = {}): Endpoints => ({
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: { name: 'db', namespace: 'default', ...metadata },
  subsets,
});
const port = { name: 'sql', port: 5432, protocol: 'TCP' };
const slices = (on: ControlPlane): readonly EndpointSlice[] =>
  on.client.informer<EndpointSlice>('discovery.k8s.io', 'endpointslices').list();
const addresses = (on: ControlPlane): string[] =>
  slices(on).flatMap(({ endpoints }) => (endpoints ?? []).map((one) => `${one.addresses[0]} ${one.conditions?.ready}`));

it('tells addresses that somebody keeps by hand as slices, and follows them', async () => {
  const on = await start();
  await on.client.resource('', 'services').create('default', service());
  const resource = on.client.resource<Endpoints>('', 'endpoints');
  const metadata = { labels: { a: 'b' }, annotations: { c: 'd', 'kubectl.kubernetes.io/last-applied-configuration': '{}' } };
  await resource.create(
    'default',
    byHand([{ addresses: [{ ip: '10.1.2.3' }], notReadyAddresses: [{ ip: '10.1.2.4' }], ports: [port] }], metadata),
  );
  await on.until('they are told', () => slices(on).length === 1);
  const [slice] = slices(on);
  expect(slice).toMatchObject({
    metadata: {
      generateName: 'db-',
      labels: {
        a: 'b',
        'kubernetes.io/service-name': 'db',
        'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
      },
      ownerReferences: [{ kind: 'Endpoints', name: 'db', controller: true }],
    },
    addressType: 'IPv4',
    ports: [port],
  });
  expect(slice?.metadata?.annotations).toEqual({ c: 'd' });
  expect(addresses(on)).toEqual(['10.1.2.3 true', '10.1.2.4 false']);

  await resource.update('default', 'db', (current) => ({
    ...current,
    subsets: [
      { addresses: [{ ip: '10.1.2.9' }], ports: [port] },
      { addresses: [{ ip: 'fd00:0::1' }], ports: [port] },
    ],
  }));
  await on.until('the change is told', () => addresses(on).length === 2 && addresses(on).includes('10.1.2.9 true'));
  expect(
    slices(on)
      .map(({ addressType }) => addressType)
      .sort(),
  ).toEqual(['IPv4', 'IPv6']);
  expect(addresses(on)).toContain('fd00::1 true');
  expect(slices(on).map(({ metadata }) => metadata?.name)).toContain(slice?.metadata?.name);

  await resource.delete('default', 'db');
  await on.until('nothing is left', () => slices(on).length === 0);
});

it('leaves alone what a selector looks after, what asks for it, and what is no service', async () => {
  const on = await start();
  const services = on.client.resource<Service>('', 'services');
  const resource = on.client.resource<Endpoints>('', 'endpoints');
  const subsets = [{ addresses: [{ ip: '10.1.2.3' }], ports: [port] }];
  await resource.create('default', byHand(subsets));
  await resource.create('default', byHand(subsets, { name: 'skipped', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }));
  await services.create('default', { ...service(), metadata: { name: 'skipped', namespace: 'default' } });
  await on.clock.advance(5_000);
  expect(slices(on)).toEqual([]);
  await services.create('default', service());
  await on.until('now it is one', () => addresses(on).length === 1);
  await services.update('default', 'db', (current) => ({ ...current, spec: { ...current.spec, selector: { app: 'db' } } }));
  await on.until('the selector takes over', () => slices(on).every(({ metadata }) => metadata?.ownerReferences?.[0]?.kind === 'Service'));
});
