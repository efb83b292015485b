import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import type { NodeManifest } from '@flotilla/shared/protocol/messages.js';
import { describe, expect, it } from 'vitest';
import { SpecStore } from './spec-store.ts';

const manifest = (epoch: number, revision: number, ...uids: string[]): NodeManifest => ({
  node: 'n',
  generation: { epoch, revision },
  podCIDR: '10.0.0.0/26',
  pods: uids.map((uid) => ({ metadata: { uid, name: uid, namespace: 'default' }, spec: { containers: [{ name: 'c' }] } }) as object),
  configMaps: [{ metadata: { namespace: 'default', name: 'c' } }],
  secrets: [{ metadata: { namespace: 'default', name: 's' } }],
  serviceAccounts: {},
});

async function open(files: FakeFiles): Promise<SpecStore> {
  const store = new SpecStore({ files, dir: '/data/spec', logger: silentLogger });
  await store.load();
  return store;
}

describe('SpecStore', () => {
  it('has nothing at first, keeps what it was given, and finds it again', async () => {
    const files = new FakeFiles();
    const store = await open(files);
    expect(store.generation).toBeUndefined();
    expect(await store.apply(manifest(1, 5, 'a'))).toBe(true);
    files.restore();
    const again = await open(files);
    expect(again.generation).toEqual({ epoch: 1, revision: 5 });
    expect(again.pod('a')?.metadata?.name).toBe('a');
    expect(again.configMap('default', 'c') && again.secret('default', 's')).toBeDefined();
    expect(again.secret('other', 's')).toBeUndefined();
    expect(await files.stat('/data/spec')).toMatchObject({ mode: 0o700 });
    expect(await files.stat('/data/spec/manifest.0')).toMatchObject({ mode: 0o600 });
  });

  it('refuses an older generation, the epoch counting first, and does nothing for the same', async () => {
    const files = new FakeFiles();
    const store = await open(files);
    await store.apply(manifest(2, 5, 'a'));
    const steps = files.steps;
    expect(await store.apply(manifest(2, 4, 'b'))).toBe(false);
    expect(await store.apply(manifest(1, 9, 'b'))).toBe(false);
    expect(await store.apply(manifest(2, 5, 'a'))).toBe(false);
    expect(files.steps).toBe(steps);
    expect(await store.apply(manifest(3, 1, 'b'))).toBe(true);
    expect(store.pod('a')).toBeUndefined();
    expect(store.pod('b')).toBeDefined();
  });

  it('goes on with the one before when the newest is damaged', async () => {
    const files = new FakeFiles();
    const store = await open(files);
    await store.apply(manifest(1, 1, 'a'));
    await store.apply(manifest(1, 2, 'b'));
    files.corrupt('/data/spec/manifest.1');
    expect((await open(files)).generation).toEqual({ epoch: 1, revision: 1 });
  });

  it('keeps the one in hand when the disk is full', async () => {
    const files = new FakeFiles();
    const store = await open(files);
    await store.apply(manifest(1, 1, 'a'));
    files.capacityBytes = 10;
    await expect(store.apply(manifest(1, 2, 'b'))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(store.generation).toEqual({ epoch: 1, revision: 1 });
    expect((await open(files)).pod('a')).toBeDefined();
  });

  it('leaves out pods whose uid could lead astray', async () => {
    const store = await open(new FakeFiles());
    await store.apply(manifest(1, 1, 'a', '../b', ''));
    expect([...store.pods()].map((pod) => pod.metadata?.uid)).toEqual(['a']);
  });
});
