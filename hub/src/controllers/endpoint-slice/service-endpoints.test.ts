import type { EndpointSlice, Endpoints, Pod, Service } from '@flotilla/shared/api/generated/types.js';
import { afterEach, describe, expect, it } from 'vitest';
import { ControlPlane } from '../../../../test/harness/control-plane.ts';
import { deployment, pod } from '../../../../test/harness/workloads.ts';

let plane: ControlPlane | undefined;
afterEach(() => plane?.stop());

/** Pods whose boards give them an address. */
async function start(): Promise<ControlPlane> {
  const on = await ControlPlane.start();
  plane = on;
  await on.addNode('a');
  await on.addNode('b');
  let next = 1;
  const address = (pod: Pod): void => {
    const { namespace = '', name = '' } = pod.metadata ?? {};
    if (pod.status?.phase !== 'Running' || pod.status.podIP) return;
    const podIP = `100.64.0.${next++}`;
    const given = on.client
      .resource<Pod>('', 'pods')
      .updateStatus(namespace, name, (current) => ({ ...current, status: { ...current.status, podIP, podIPs: [{ ip: podIP }] } }));
    given.catch(() => {});
  };
  on.client.informer<Pod>('', 'pods').on({ added: address, updated: address });
  on.client.informer<EndpointSlice>('discovery.k8s.io', 'endpointslices');
  on.client.informer<Endpoints>('', 'endpoints');
  await on.client.synced();
  return on;
}

const service = (name: string, spec: object = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
});
const slices = (on: ControlPlane): readonly EndpointSlice[] =>
  on.client.informer<EndpointSlice>('discovery.k8s.io', 'endpointslices').list();
const ready = (on: ControlPlane): number =>
  slices(on)
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready).length;
const endpoints = (on: ControlPlane, name = 'web'): Endpoints | undefined =>
  on.client.informer<Endpoints>('', 'endpoints').get(`default/${name}`);

describe('the endpoints of Services', () => {
  it('follow the pods that the selector means', async () => {
    const on = await start();
    await on.client.resource<Service>('', 'services').create('default', service('web'));
    await on.until('there is an empty slice', () => slices(on).length === 1 && endpoints(on) !== undefined);
    expect(slices(on)[0]?.metadata).toMatchObject({
      generateName: 'web-',
      ownerReferences: [{ kind: 'Service', name: 'web', controller: true, blockOwnerDeletion: true }],
    });
    await on.client.resource('apps', 'deployments').create('default', deployment('web', 3));
    await on.until('three are ready', () => ready(on) === 3);
    await on.until('old clients see them too', () => endpoints(on)?.subsets?.[0]?.addresses?.length === 3);
    expect(endpoints(on)?.metadata?.labels).toEqual({ 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' });
    expect(endpoints(on)?.subsets?.[0]?.ports).toEqual([{ port: 8080, protocol: 'TCP' }]);
    await on.client.resource('apps', 'deployments').delete('default', 'web');
    await on.until('they are gone', () => ready(on) === 0 && !endpoints(on)?.subsets?.length);
    await on.client.resource<Service>('', 'services').delete('default', 'web');
    await on.until('nothing is left', () => slices(on).length === 0 && endpoints(on) === undefined);
  });

  it('are not ready while their board is away', async () => {
    const on = await start();
    await on.client.resource<Service>('', 'services').create('default', service('web'));
    await on.client.resource('apps', 'deployments').create('default', deployment('web', 4));
    await on.until('four are ready', () => ready(on) === 4);
    on.liveness.set('a', false, on.clock.wallMs());
    const there = (): number => on.pods().filter(({ spec }) => spec?.nodeName === 'b').length;
    await on.until('those of the board are not', () => ready(on) === there() && there() < 4);
    expect(slices(on).flatMap((slice) => slice.endpoints ?? [])).toHaveLength(4);
    await on.until('old clients see it', () => (endpoints(on)?.subsets?.[0]?.notReadyAddresses?.length ?? 0) === 4 - there());
  });

  it('are few writes, however often a pod comes and goes', async () => {
    const on = await start();
    await on.client.resource<Service>('', 'services').create('default', service('web'));
    await on.client.resource('apps', 'deployments').create('default', deployment('web', 1));
    await on.until('it is ready', () => ready(on) === 1);
    await on.clock.advance(5000);
    const generation = slices(on)[0]?.metadata?.generation ?? 0;
    const name = on.pods()[0]?.metadata?.name ?? '';
    for (let turn = 0; turn < 40; turn++) {
      const status = turn % 2 === 0 ? 'False' : 'True';
      await on.client.resource<Pod>('', 'pods').updateStatus('default', name, (current) => ({
        ...current,
        status: { ...current.status, conditions: [{ type: 'Ready', status }] },
      }));
    }
    await on.clock.advance(5000);
    expect((slices(on)[0]?.metadata?.generation ?? 0) - generation).toBeLessThanOrEqual(2);
    expect(ready(on)).toBe(1);
  });

  it('follow labels and selectors, in whatever order they change', async () => {
    const on = await start();
    const services = on.client.resource<Service>('', 'services');
    const behind = (name: string): number =>
      slices(on)
        .filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === name)
        .flatMap((slice) => slice.endpoints ?? []).length;
    const relabel = async (index: number, app: string): Promise<void> => {
      const pods = on.client.resource<Pod>('', 'pods');
      await pods.update('default', `p${index}`, (now) => ({ ...now, metadata: { ...now.metadata, labels: { app } } }));
    };
    await services.create('default', service('web'));
    for (const index of [0, 1, 2]) {
      const made = {
        ...pod(`p${index}`),
        metadata: { name: `p${index}`, namespace: 'default', labels: { app: index < 2 ? 'web' : 'db' } },
      };
      await on.client.resource<Pod>('', 'pods').create('default', made);
    }
    await services.create('default', service('also'));
    await services.create('default', service('db', { selector: { app: 'db' } }));
    await on.until('each has its own', () => behind('web') === 2 && behind('also') === 2 && behind('db') === 1);
    await relabel(0, 'db');
    await on.until('one moved', () => behind('web') === 1 && behind('also') === 1 && behind('db') === 2);
    await services.update('default', 'web', (now) => ({ ...now, spec: { ...now.spec, selector: { app: 'db' } } }));
    await on.until('the selector moved', () => behind('web') === 2 && behind('also') === 1);
    await services.delete('default', 'also');
    await services.create('default', service('also', { selector: { app: 'db' } }));
    await on.client.resource<Pod>('', 'pods').delete('default', 'p2', { gracePeriodSeconds: 0 });
    await relabel(1, 'db');
    await on.until('all are where they belong', () => behind('web') === 2 && behind('also') === 2 && behind('db') === 2);
  });

  it('are left to others where there is no selector, and put right where somebody spoils them', async () => {
    const on = await start();
    const services = on.client.resource<Service>('', 'services');
    await services.create('default', service('mine', { selector: {} }));
    await services.create('default', service('name', { type: 'ExternalName', externalName: 'example.com' }));
    await services.create('default', service('web'));
    await on.until('only one has a slice', () => slices(on).length === 1);
    await on.clock.advance(2000);
    expect(slices(on).map(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'])).toEqual(['web']);
    const of = slices(on)[0]?.metadata?.name ?? '';
    await on.client.resource('discovery.k8s.io', 'endpointslices').delete('default', of);
    await on.until('another is made', () => slices(on).length === 1 && slices(on)[0]?.metadata?.name !== of);
  });
});
