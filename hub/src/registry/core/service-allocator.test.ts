import type { Service } from '@flotilla/shared/api/generated/types.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { afterEach, describe, expect, it } from 'vitest';
import { createRegistry } from '#registry/generic/create-registry.ts';
import { type RegistryFixture, registryFixture } from '#registry/generic/registry-fixture.ts';
import type { RequestContext, ResourceRegistry } from '#registry/generic/types.ts';
import type { Store } from '#store/contract.ts';
import { MemoryStore } from '#store/memory/memory-store.ts';
import { WatchCache } from '#store/watch-cache.ts';
import { services } from './service.ts';
import { ServiceAllocator } from './service-allocator.ts';
import { addressRange, pick, portRange } from './service-ranges.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function fixture(): Promise<RegistryFixture & { table: ResourceRegistry<Service> }> {
  const made = await registryFixture([services]);
  open.push(made);
  return { ...made, table: made.registry.resource<Service>('', 'services') };
}
const service = (name: string, spec: object = {}): Service => ({ metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
const addressOf = ({ object }: { object: Service }): string => object.spec?.clusterIP ?? '';
const portOf = ({ object }: { object: Service }): number => object.spec?.ports?.[0]?.nodePort ?? 0;
const names = (count: number): string[] => Array.from({ length: count }, (_none, index) => `s${index}`);

describe('what Services are given', () => {
  it('is given once, to a hundred that ask at the same time', async () => {
    const { table, ctx } = await fixture();
    const made = await Promise.all(names(100).map((name) => table.create(ctx, 'default', service(name, { type: 'NodePort' }))));
    expect(new Set(made.map(addressOf)).size).toBe(100);
    expect(new Set(made.map(portOf)).size).toBe(100);
    for (const one of made) expect(portOf(one)).toSatisfy((port: number) => port >= 30_000 && port <= 30_099);
    const more = table.create(ctx, 'default', service('more', { type: 'NodePort' }));
    await expect(more).rejects.toThrow('Internal error occurred: failed to allocate a nodePort: range is full');
  });

  it('goes to one of those who want the same', async () => {
    const { table, ctx } = await fixture();
    const asked = names(20).map((name) => table.create(ctx, 'default', service(name, { clusterIP: '10.96.0.7' })));
    const settled = await Promise.allSettled(asked);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const why = settled.flatMap((one) => (one.status === 'rejected' ? [String(one.reason.message)] : []));
    expect(new Set(why.map((text) => text.replace(/"s\d+"/, '"s"')))).toEqual(
      new Set([
        'Service "s" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.7"]: failed to allocate IP 10.96.0.7: provided IP is already allocated',
      ]),
    );
  });

  it('is free again after a delete, a change of type and a write that failed', async () => {
    const { table, ctx } = await fixture();
    const port = { ports: [{ port: 80, nodePort: 30_001 }] };
    await table.create(ctx, 'default', service('a', { type: 'NodePort', clusterIP: '10.96.0.7', ...port }));
    await table.update(ctx, 'default', 'a', (now) => ({ ...now, spec: { ...now.spec, type: 'ClusterIP' } }));
    await table.create(ctx, 'default', service('b', { type: 'NodePort', ...port }));
    await table.delete(ctx, 'default', 'a');
    await table.delete(ctx, 'default', 'b');
    const bad = { type: 'NodePort', clusterIP: '10.96.0.7', ports: [{ port: 0, nodePort: 30_001 }] };
    await expect(table.create(ctx, 'default', service('c', bad))).rejects.toThrow('must be between 1 and 65535');
    const last = await table.create(ctx, 'default', service('d', { type: 'NodePort', clusterIP: '10.96.0.7', ...port }));
    expect([addressOf(last), portOf(last)]).toEqual(['10.96.0.7', 30_001]);
    await table.update(ctx, 'default', 'd', (now) => ({
      ...now,
      spec: { type: 'ExternalName', externalName: 'a.b', ports: now.spec?.ports ?? [] },
    }));
    expect(addressOf(await table.create(ctx, 'default', service('e', { clusterIP: '10.96.0.7' })))).toBe('10.96.0.7');
  });

  it('is nothing in a dry run', async () => {
    const { table, ctx } = await fixture();
    const spec = { type: 'NodePort', clusterIP: '10.96.0.7', ports: [{ port: 80, nodePort: 30_001 }] };
    for (const name of ['a', 'b']) await table.create(ctx, 'default', service(name, spec), { dryRun: true });
    expect(portOf(await table.create(ctx, 'default', service('a', spec)))).toBe(30_001);
  });

  it('leaves the lower part of a range to those who ask, while there is anything else', async () => {
    const { table, ctx } = await fixture();
    const made = await Promise.all(names(60).map((name) => table.create(ctx, 'default', service(name))));
    for (const one of made) expect(Number(addressOf(one).split('.')[3])).toBeGreaterThan(16);
  });

  it('is known from the store alone by whoever comes after a crash', async () => {
    const { table, ctx, cache } = await fixture();
    await table.create(ctx, 'default', service('a', { clusterIP: '10.96.0.7' }));
    const ranges = { clusterIpRange: '10.96.0.0/24', nodePortRange: '30000-30099' };
    const next = new ServiceAllocator({ cache, random: new SeededRandom(3), ...ranges });
    await expect(next.begin(service('b', { clusterIP: '10.96.0.7' }), undefined, false)).rejects.toThrow('already allocated');
    expect(next.firstAddress).toBe('10.96.0.1');
  });
});

describe('hubs that share a store', () => {
  /** Hubs of their own on one store, which each of them sees a little later than the others. */
  async function hubs(count: number): Promise<{ table: ResourceRegistry<Service>; ctx: RequestContext }[]> {
    const clock = new FakeClock();
    const memory = new MemoryStore({ clock });
    const store: Store = new Proxy(memory, {
      get(target, key) {
        if (key === 'shared') return true;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    open.push({ close: () => memory.close() });
    const random = new SeededRandom(7);
    const made = names(count).map(async () => {
      const cache = new WatchCache({ store, logger: silentLogger });
      await cache.start();
      const ranges = { clusterIpRange: '10.96.0.0/25', nodePortRange: '30000-30119' };
      const allocators = { '/services': new ServiceAllocator({ cache, random, ...ranges }) };
      const admission = { mutate: () => {}, validate: () => {} };
      const registry = createRegistry({ cache, clock, random, admission, definitions: [services], allocators });
      const ctx: RequestContext = { user: { name: 'a', groups: ['system:masters'] }, warn: () => {} };
      return { table: registry.resource<Service>('', 'services'), ctx };
    });
    return Promise.all(made);
  }

  it('never give one number to two Services', async () => {
    const all = await hubs(3);
    const made = await Promise.all(
      names(99).map((name, index) => {
        const { table, ctx } = all[index % 3] as (typeof all)[number];
        return table.create(ctx, 'default', service(name, { type: 'NodePort' }));
      }),
    );
    expect(new Set(made.map(addressOf)).size).toBe(99);
    expect(new Set(made.map(portOf)).size).toBe(99);
  });

  it('give an address that several ask for to one', async () => {
    const all = await hubs(3);
    const asked = names(12).map((name, index) => {
      const { table, ctx } = all[index % 3] as (typeof all)[number];
      return table.create(ctx, 'default', service(name, { clusterIP: '10.96.0.7' }));
    });
    const settled = await Promise.allSettled(asked);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('ranges', () => {
  it('are read, or refused in words', () => {
    expect(addressRange('10.96.0.0/12')).toMatchObject({ text: '10.96.0.0/12', network: '10.96.0.0' });
    expect(addressRange('10.96.3.1/24')).toMatchObject({ text: '10.96.3.0/24' });
    for (const bad of ['10.96.0.0', '10.96.0/24', 'fd00::/112', '10.96.0.0/31', '10.096.0.0/24']) {
      expect(() => addressRange(bad), bad).toThrow('is no range of IPv4 addresses');
    }
    expect(portRange('30000-32767')).toMatchObject({ first: 30_000, last: 32_767, dynamic: 30_086 });
    for (const bad of ['30000', '2-1', '0-9', '1-70000']) expect(() => portRange(bad), bad).toThrow('is no range of ports');
  });

  it('are used from above, and to the last number', () => {
    const range = { first: 1, last: 20, dynamic: 17 };
    const taken = new Set<number>();
    for (let count = 0; count < 20; count++) {
      const value = pick(range, (one) => taken.has(one), 0.99);
      expect(value).toSatisfy((one: number) => (count < 4 ? one >= 17 : one < 17));
      taken.add(value ?? 0);
    }
    expect(pick(range, (one) => taken.has(one), 0)).toBeUndefined();
  });
});
