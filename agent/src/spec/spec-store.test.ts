import { silentLogger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { canonicalJson } from '@flotilla/shared/protocol/canonical-json.js';
import { contentDigest, isDigest, textDigest } from '@flotilla/shared/protocol/content.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { ManifestUpdate } from '@flotilla/shared/protocol/manifest-messages.js';
import { describe, expect, it } from 'vitest';
import { type Content, makeUpdate } from './make-update.ts';
import { SpecStore } from './spec-store.ts';

const pod = (uid: string): KubeObject =>
  ({ metadata: { uid, name: uid, namespace: 'default' }, spec: { containers: [{ name: 'c' }] } }) as object;
const config = (name: string, data: string): KubeObject => ({ metadata: { namespace: 'default', name }, data: { data } }) as object;

const content = (...uids: string[]): Content => ({
  'nodes/n': { metadata: { name: 'n' }, spec: { podCIDR: '10.0.0.0/26' } } as object,
  ...Object.fromEntries(uids.map((uid, index) => [`pods/default/p${index}`, pod(uid)])),
  'configmaps/default/c': config('c', 'one'),
  'secrets/default/s': config('s', 'two'),
});
const manifest = (epoch: number, revision: number, ...uids: string[]): ManifestUpdate => makeUpdate(epoch, revision, content(...uids));
const without = (update: ManifestUpdate): ManifestUpdate => ({ ...update, objects: new Map() });
const uidsOf = (store: SpecStore): string[] => [...store.pods()].map(({ metadata }) => metadata?.uid ?? '').sort();

const objectsOf = async (files: FakeFiles): Promise<string[]> => (await files.list('/data/spec')).filter(isDigest);

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
    const update = manifest(1, 5, 'a');
    expect(await store.offer(update)).toEqual({ applied: true, wants: [] });
    files.restore();
    const again = await open(files);
    expect(again.generation).toEqual(update.generation);
    expect(again.pod('a')?.metadata?.name).toBe('a');
    expect(again.podCIDR).toBe('10.0.0.0/26');
    expect(again.configMap('default', 'c') && again.secret('default', 's')).toBeDefined();
    expect(again.secret('other', 's')).toBeUndefined();
    expect([...again.objects('pods/')]).toHaveLength(1);
    expect(await files.stat('/data/spec')).toMatchObject({ mode: 0o700 });
    expect(await files.stat('/data/spec/index.0')).toMatchObject({ mode: 0o600 });
    for (const name of await files.list('/data/spec')) expect(await files.stat(`/data/spec/${name}`)).toMatchObject({ mode: 0o600 });
  });

  it('refuses an older generation, the epoch counting first, and does nothing for the same', async () => {
    const files = new FakeFiles();
    const store = await open(files);
    await store.offer(manifest(2, 5, 'a'));
    const steps = files.steps;
    for (const old of [manifest(2, 4, 'b'), manifest(1, 9, 'b'), manifest(2, 5, 'a')]) {
      expect(await store.offer(old)).toEqual({ applied: false, wants: [] });
    }
    expect(files.steps).toBe(steps);
    expect((await store.offer(manifest(3, 1, 'b'))).applied).toBe(true);
    expect(uidsOf(store)).toEqual(['b']);
  });

  it('follows a difference, writes no more than that, and asks for the whole when it cannot', async () => {
    const files = new FakeFiles();
    const store = await open(files);
    await store.offer(manifest(1, 1, 'a', 'b', 'c'));
    const [before, after] = [content('a', 'b', 'c'), content('a', 'd')];
    const steps = files.steps;
    expect((await store.offer(makeUpdate(1, 2, after, before))).applied).toBe(true);
    // One object, and the index with the directory.
    expect(files.steps - steps).toBe(2 + 4);
    expect(uidsOf(store)).toEqual(['a', 'd']);
    const gap = expect.objectContaining({ reason: 'Gap' });
    await expect(store.offer(makeUpdate(1, 3, content('e'), before))).rejects.toEqual(gap);
    const wrong = makeUpdate(1, 3, content('e'), after);
    await expect(store.offer({ ...wrong, generation: { ...wrong.generation, digest: 'x'.repeat(43) } })).rejects.toEqual(gap);
    await expect((await open(new FakeFiles())).offer(makeUpdate(1, 3, content('e'), after))).rejects.toEqual(gap);
    expect(uidsOf(store)).toEqual(['a', 'd']);
    expect((await store.offer(makeUpdate(1, 3, content('e')))).applied).toBe(true);
  });

  it('asks for what is missing, takes it in pieces, and keeps what came over a power cut', async () => {
    const files = new FakeFiles();
    let store = await open(files);
    await store.offer(manifest(1, 1, 'a'));
    const big = {
      ...content('a'),
      'configmaps/default/big': config('big', 'ä'.repeat(1000)),
      'configmaps/default/small': config('small', ''),
    };
    const update = without(makeUpdate(1, 2, big));
    const texts = new Map(Object.values(big).map((object) => [textDigest(canonicalJson(object)), Buffer.from(canonicalJson(object))]));
    const part = (digest: string, offset: number, end?: number) => {
      const bytes = texts.get(digest) ?? Buffer.of();
      return { digest, offset, size: bytes.length, text: bytes.toString('utf8', offset, end) };
    };
    const { wants } = await store.offer(update);
    expect(wants.map(({ offset }) => offset)).toEqual([0, 0]);
    const digest = textDigest(canonicalJson(big['configmaps/default/big']));
    const other = textDigest(canonicalJson(big['configmaps/default/small']));
    expect((await store.receive([part(digest, 0, 501)])).wants[0]).toEqual({ digest, offset: 501 });
    // A copy, and one that does not follow.
    expect((await store.receive([part(digest, 0, 501), part(digest, 601)])).wants[0]).toEqual({ digest, offset: 501 });
    expect((await store.receive([part(other, 0)])).wants).toEqual([{ digest, offset: 501 }]);
    expect((await store.receive([])).wants).toEqual([{ digest, offset: 501 }]);
    files.restore();
    store = await open(files);
    expect(uidsOf(store)).toEqual(['a']);
    expect((await store.offer(update)).wants).toEqual([{ digest, offset: 0 }]);
    await expect(store.receive([{ ...part(digest, 0), text: 'x'.repeat(part(digest, 0).size) }])).rejects.toMatchObject({
      reason: 'Malformed',
    });
    expect((await store.receive([part('y'.repeat(43), 0), part(digest, 0)])).applied).toBe(true);
    expect(store.configMap('default', 'big')?.data).toEqual({ data: 'ä'.repeat(1000) });
    // Asked again when nothing waits.
    expect(await store.receive([part(digest, 0)])).toEqual({ applied: false, wants: [] });
  });

  it('gives up one that waits for a newer one, and keeps the objects of both that are still wanted', async () => {
    const store = await open(new FakeFiles());
    const first = manifest(1, 1, 'a', 'b');
    const [digest = '', text = ''] = [...first.objects][0] ?? [];
    expect((await store.offer({ ...first, objects: new Map([[digest, text]]) })).wants).toHaveLength(4);
    expect((await store.offer(without(manifest(1, 2, 'a', 'c')))).wants.map((want) => want.digest)).not.toContain(digest);
    // The older one comes again.
    expect((await store.offer(first)).applied).toBe(false);
    expect((await store.offer(manifest(1, 2, 'a', 'c'))).applied).toBe(true);
    expect(uidsOf(store)).toEqual(['a', 'c']);
  });

  it('asks for no more at once than a message may', async () => {
    const store = await open(new FakeFiles());
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`configmaps/default/c${index}`, config(`c${index}`, '')]));
    expect((await store.offer(without(makeUpdate(1, 1, many)))).wants).toHaveLength(linkLimits.wants);
  });

  it('goes on with the one before when the newest is damaged, in its index or in an object', async () => {
    for (const damage of ['/data/spec/index.1', `/data/spec/${textDigest(canonicalJson(pod('b')))}`]) {
      const files = new FakeFiles();
      const store = await open(files);
      await store.offer(manifest(1, 1, 'a'));
      await store.offer(manifest(1, 2, 'b'));
      files.corrupt(damage);
      const again = await open(files);
      expect(again.generation).toMatchObject({ epoch: 1, revision: 1 });
      expect((await again.offer(manifest(1, 2, 'b'))).applied).toBe(true);
      expect(uidsOf(await open(files))).toEqual(['b']);
    }
  });

  it('runs what is left when an object of both is damaged, takes nothing away for that, and asks for no more than the rest', async () => {
    const files = new FakeFiles();
    const store = await open(files);
    await store.offer(manifest(1, 1, 'a', 'b'));
    await store.offer(manifest(1, 2, 'a', 'b', 'c'));
    files.corrupt(`/data/spec/${textDigest(canonicalJson(pod('b')))}`);
    const again = await open(files);
    expect(again.generation).toBeUndefined();
    expect(uidsOf(again)).toEqual(['a', 'c']);
    expect(await again.signedContent()).toBeUndefined();
    expect((await again.offer(without(manifest(1, 2, 'a', 'b', 'c')))).wants).toHaveLength(1);
    expect((await again.offer(manifest(1, 2, 'a', 'b', 'c'))).applied).toBe(true);
    expect(uidsOf(await open(files))).toEqual(['a', 'b', 'c']);
  });

  it('keeps the one in hand when the disk is full, and leaves nothing of the other there', async () => {
    const files = new FakeFiles();
    const store = await open(files);
    await store.offer(manifest(1, 1, 'a'));
    const before = await objectsOf(files);
    files.capacityBytes = 2_000;
    const large = makeUpdate(1, 2, { 'configmaps/default/d': config('d', ''), 'configmaps/default/e': config('e', 'x'.repeat(2_000)) });
    await expect(store.offer(large)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await objectsOf(files)).toEqual(before);
    expect(store.generation).toMatchObject({ epoch: 1, revision: 1 });
    expect((await open(files)).pod('a')).toBeDefined();
    files.capacityBytes = Number.POSITIVE_INFINITY;
    expect((await store.offer(large)).applied).toBe(true);
  });

  it('has one whole content after a power cut at any write, never an older one than it acknowledged, and can go on', async () => {
    const contents = [content('a', 'b'), content('b', 'c'), { ...content('c'), 'configmaps/default/c': config('c', 'other') }, content()];
    let cuts = 0;
    for (let step = 0; ; step++) {
      const files = new FakeFiles();
      const store = await open(files);
      await store.offer(makeUpdate(1, 1, content('a')));
      files.cutAfter(step);
      let acknowledged = 1;
      for (const [index, next] of contents.entries()) {
        const update = makeUpdate(1, index + 2, next, index === 0 ? content('a') : contents[index - 1]);
        // Some come with their objects, some have to fetch them.
        const fetched = [...update.objects].map(([digest, text]) => ({ digest, text, offset: 0, size: Buffer.byteLength(text) }));
        const fetch = async ({ applied }: { applied: boolean }): Promise<unknown> => {
          if (!applied) for (const part of fetched) await store.receive([part]);
          return expect(store.generation).toEqual(update.generation);
        };
        const result = store.offer(index % 2 === 0 ? update : without(update)).then(fetch);
        await result.then(
          () => {
            acknowledged = index + 2;
          },
          () => {},
        );
      }
      if (!files.off) {
        expect(acknowledged).toBe(contents.length + 1);
        break;
      }
      cuts++;
      files.restore();
      const again = await open(files);
      const revision = again.generation?.revision ?? 0;
      expect(revision).toBeGreaterThanOrEqual(acknowledged);
      const signed = await again.signedContent();
      const texts = Object.entries(signed?.objects ?? {});
      expect(contentDigest(new Map(texts.map(([key, text]) => [key, textDigest(text)])))).toBe(again.generation?.digest);
      expect(signed?.envelope.signature).toBe(`of 1.${revision}`);
      expect((await again.offer(makeUpdate(1, 9, content('z')))).applied).toBe(true);
      expect(uidsOf(await open(files))).toEqual(['z']);
    }
    expect(cuts).toBeGreaterThan(20);
  });

  it('leaves only the objects of the last two on disk', async () => {
    const files = new FakeFiles();
    const store = await open(files);
    for (let revision = 1; revision <= 10; revision++) await store.offer(manifest(1, revision, `u${revision}`));
    expect(await objectsOf(files)).toHaveLength(5);
  });

  it('leaves out pods whose uid could lead astray', async () => {
    const store = await open(new FakeFiles());
    await store.offer(manifest(1, 1, 'a', '../b', ''));
    expect(uidsOf(store)).toEqual(['a']);
  });
});
