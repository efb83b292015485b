import type { ConfigMap } from '@flotilla/shared/api/generated/types.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { expect, test } from 'vitest';
import { definitions } from '#registry/definitions.ts';
import { MemoryStore } from '#store/memory/memory-store.ts';
import { registryFixture } from './registry-fixture.ts';

test('when too many writes wait for a slow disk the next is told to come again, and nothing of it is written', async () => {
  const clock = new FakeClock();
  const commits: (() => void)[] = [];
  let slow = false;
  const disk = (commit: () => void): void => {
    if (slow) commits.push(commit);
    else queueMicrotask(commit);
  };
  const store = new MemoryStore({ clock, maxWaiting: 3, disk });
  const { registry, ctx, close } = await registryFixture(definitions, { clock, store });
  const maps = registry.resource<ConfigMap>('', 'configmaps');
  slow = true;
  const writes = ['a', 'b', 'c', 'd'].map((name) => maps.create(ctx, 'default', { metadata: { name } }));
  await expect(writes[3]).rejects.toMatchObject({ code: 429, details: { retryAfterSeconds: 1 } });
  slow = false;
  for (const commit of commits) commit();
  await Promise.all(writes.slice(0, 3));
  await maps.create(ctx, 'default', { metadata: { name: 'd' } });
  for (const name of ['a', 'b', 'c', 'd']) expect(maps.get(ctx, 'default', name).object.metadata?.name).toBe(name);
  await close();
});
