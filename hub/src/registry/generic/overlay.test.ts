import type { Lease } from '@flotilla/shared/api/generated/types.js';
import { expect, it } from 'vitest';
import { leases } from '#registry/coordination/lease.ts';
import { registryFixture } from './registry-fixture.ts';

it('shows what memory knows on get and list, and stores nothing of it', async () => {
  const renewed = '2026-01-01T00:00:07.000000Z';
  const { registry, ctx, store, close } = await registryFixture([leases], {
    overlays: {
      'coordination.k8s.io/leases': (lease) =>
        lease.metadata?.name === 'there' ? { ...lease, spec: { ...(lease as Lease).spec, renewTime: renewed } } : lease,
    },
  });
  const resource = registry.resource<Lease>('coordination.k8s.io', 'leases');
  for (const name of ['away', 'there']) {
    await resource.create(ctx, 'default', {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name },
      spec: { holderIdentity: name },
    });
  }
  const revision = await store.currentRevision();
  const got = resource.get(ctx, 'default', 'there');
  expect(got.object.spec).toEqual({ holderIdentity: 'there', renewTime: renewed });
  expect(JSON.parse(got.json())).toMatchObject({ metadata: { resourceVersion: String(got.revision) }, spec: { renewTime: renewed } });
  expect(Object.isFrozen(got.object.spec)).toBe(true);
  const { items } = await resource.list(ctx, 'default');
  expect(items.map(({ object }) => object.spec?.renewTime)).toEqual([undefined, renewed]);
  expect(await store.currentRevision()).toBe(revision);
  await close();
});
