import type { ConfigMap, Pod } from '@flotilla/shared/api/generated/types.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { afterEach, expect, it } from 'vitest';
import { definitions } from '#registry/definitions.ts';
import { type PutOptions, StoreUnavailableError, type WriteResult } from '#store/contract.ts';
import { MemoryStore } from '#store/memory/memory-store.ts';
import { type RegistryFixture, registryFixture } from './registry-fixture.ts';

/** As SQLite is on a full disk: nothing but deleting goes. */
class FullStore extends MemoryStore {
  full = false;

  override put(key: string, value: string, options: PutOptions = {}): Promise<WriteResult> {
    if (this.full && !options.deleting)
      return Promise.reject(new StoreUnavailableError('the disk of the hub is full: only deleting is possible'));
    return super.put(key, value, options);
  }
}

let fixture: RegistryFixture;
afterEach(() => fixture.close());

it('on a full disk reads go on, writes are refused before they are acknowledged, and everything can be deleted (R13)', async () => {
  const clock = new FakeClock();
  const store = new FullStore({ clock });
  fixture = await registryFixture(definitions, { clock, store });
  const { registry, ctx } = fixture;
  const pods = registry.resource<Pod>('', 'pods');
  const maps = registry.resource<ConfigMap>('', 'configmaps');
  const spec = { nodeName: 'board', containers: [{ name: 'main', image: 'i' }] };
  await pods.create(ctx, 'default', { metadata: { name: 'p' }, spec });
  await maps.create(ctx, 'default', { metadata: { name: 'held', finalizers: ['example.com/hold'] } });
  await maps.create(ctx, 'default', { metadata: { name: 'plain' }, data: { a: '1' } });
  store.full = true;

  expect(maps.get(ctx, 'default', 'plain').object.data).toEqual({ a: '1' });
  const refused = { code: 503, message: expect.stringContaining('the disk of the hub is full') };
  await expect(maps.create(ctx, 'default', { metadata: { name: 'new' } })).rejects.toMatchObject(refused);
  await expect(maps.update(ctx, 'default', 'plain', (now) => ({ ...now, data: { a: '2' } }))).rejects.toMatchObject(refused);
  expect(maps.get(ctx, 'default', 'plain').object.data).toEqual({ a: '1' });

  expect((await maps.delete(ctx, 'default', 'plain')).deleted).toBe(true);
  // What is marked first, and goes when its board has stopped it.
  expect(await pods.delete(ctx, 'default', 'p')).toMatchObject({ deleted: false });
  expect((await pods.delete(ctx, 'default', 'p', { gracePeriodSeconds: 0 })).deleted).toBe(true);
  expect(await maps.delete(ctx, 'default', 'held')).toMatchObject({ deleted: false });
  await expect(maps.update(ctx, 'default', 'held', (now) => ({ ...now, data: { a: '2' } }))).rejects.toMatchObject(refused);
  await maps.update(ctx, 'default', 'held', (now) => ({ ...now, metadata: { ...now.metadata, finalizers: [] } }));
  expect((await maps.list(ctx, 'default')).items).toEqual([]);
});
