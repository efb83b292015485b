import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { describe, expect, it } from 'vitest';
import { type KeptLog, KeptLogDisk } from './kept-log-disk.ts';
import { keptLogText } from './kept-log-text.ts';

const all = (): boolean => true;
let seconds = 0;
const kept = (node: string, uid: string, id: string, text = 'x'.repeat(600)): KeptLog => ({
  ...{ node, uid, container: 'main', containerId: `podman://${id}`, sentMs: ++seconds * 1000 },
  log: Buffer.from(text).toString('base64'),
});

async function disk(bounds: { totalBytes?: number; boardBytes?: number } = {}) {
  const files = new FakeFiles();
  await files.mkdir('/hub');
  const open = async (lives: (uid: string) => boolean = all): Promise<KeptLogDisk> => {
    const found = new KeptLogDisk({ files, dir: '/hub/kept-logs', ...bounds });
    await found.load(lives);
    return found;
  };
  const count = async (): Promise<number> => {
    let sum = 0;
    for (const node of await files.list('/hub/kept-logs')) sum += (await files.list(`/hub/kept-logs/${node}`)).length;
    return sum;
  };
  return { files, open, count };
}

describe('logs that boards sent', () => {
  it('are there after a restart, once for each container, until their pod is deleted', async () => {
    const { files, open, count } = await disk();
    const first = await open();
    await first.save(kept('a', 'u1', 'c1', 'before'));
    await first.save(kept('a', 'u1', 'c1', 'again'));
    await first.save(kept('a', 'u2', 'c2', 'other'));
    files.restore();
    const next = await open();
    expect(Buffer.from((await next.read('a', 'podman://c1'))?.log ?? '', 'base64').toString()).toBe('again');
    expect(await next.read('b', 'podman://c1')).toBeUndefined();
    expect(await count()).toBe(2);
    await next.forgetPod('a', 'u1');
    expect(await next.read('a', 'podman://c1')).toBeUndefined();
    // A pod that went while the hub was down.
    await open((uid) => uid !== 'u2');
    expect(await count()).toBe(0);
  });

  it('are bounded for a board and in all, the oldest going first, also of what was there before', async () => {
    const { files, open } = await disk({ boardBytes: 3500, totalBytes: 5500 });
    const first = await open();
    for (let log = 0; log < 6; log++) await first.save(kept('a', 'u', `a${log}`));
    expect((await files.list('/hub/kept-logs/a')).length).toBe(3);
    expect(await first.read('a', 'podman://a2')).toBeUndefined();
    expect(await first.read('a', 'podman://a3')).toBeDefined();
    const next = await open();
    for (let log = 0; log < 3; log++) await next.save(kept('b', 'u', `b${log}`));
    expect(await next.read('a', 'podman://a3')).toBeUndefined();
    expect(await next.read('a', 'podman://a5')).toBeDefined();
    expect(await next.read('b', 'podman://b0')).toBeDefined();
  });

  it('that are damaged, or half written in a power cut, are not there', async () => {
    const { files, open } = await disk();
    const first = await open();
    await first.save(kept('a', 'u', 'c'));
    const [name] = await files.list('/hub/kept-logs/a');
    files.corrupt(`/hub/kept-logs/a/${name}`);
    expect(await (await open()).read('a', 'podman://c')).toBeUndefined();
    for (let step = 0; step < 5; step++) {
      const cut = await disk();
      const cutDisk = await cut.open();
      cut.files.cutAfter(step);
      const saved = await cutDisk.save(kept('a', 'u', 'c', 'whole')).then(
        () => true,
        () => false,
      );
      cut.files.restore();
      const found = await (await cut.open()).read('a', 'podman://c');
      if (saved) expect(found).toBeDefined();
      if (found) expect(Buffer.from(found.log, 'base64').toString()).toBe('whole');
    }
  });

  it('are refused by a full disk, and taken again when there is room (R13)', async () => {
    const { files, open } = await disk();
    const first = await open();
    files.capacityBytes = 100;
    await expect(first.save(kept('a', 'u', 'c'))).rejects.toMatchObject({ code: 'ENOSPC' });
    files.capacityBytes = Number.POSITIVE_INFINITY;
    await first.save(kept('a', 'u', 'c'));
    expect(await first.read('a', 'podman://c')).toBeDefined();
  });
});

describe('the options of kubectl logs on what is kept', () => {
  const time = (second: number): string => `2026-01-01T00:00:0${second}.000000000Z`;
  const log = Buffer.from(`cut off\n${time(1)} one\n${time(2)} two\n${time(3)} three`);
  const now = Date.UTC(2026, 0, 1, 0, 0, 4);
  it.each([
    [{}, 'cut off\none\ntwo\nthree'],
    [{ timestamps: true, tailLines: 1 }, `${time(3)} three`],
    [{ tailLines: 2 }, 'two\nthree'],
    [{ tailLines: 0 }, ''],
    [{ sinceTime: '2026-01-01T00:00:02Z' }, 'two\nthree'],
    [{ sinceSeconds: 1 }, 'three'],
    [{ tailLines: 3, limitBytes: 5 }, 'one\nt'],
  ])('%j', (options, expected) => {
    expect(keptLogText(log, options, now).toString()).toBe(expected);
  });
});
