import type { ConfigMap, Pod, Secret, Volume } from '@flotilla/shared/api/generated/types.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { FakeMounts } from '@flotilla/shared/platform/fake-mounts.js';
import { describe, expect, it } from 'vitest';
import { writePayload } from './atomic-writer.ts';
import { TokenCache } from './token-cache.ts';
import { VolumeManager } from './volume-manager.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

class Bench {
  readonly files = new FakeFiles();
  readonly clock = new FakeClock();
  readonly configMaps = new Map<string, ConfigMap>([['c', { data: { a: 'A', b: 'B' }, binaryData: { bin: base64('\xff') } }]]);
  readonly secrets = new Map<string, Secret>([['s', { data: { key: base64('hidden') } }]]);
  readonly mounts = new FakeMounts();
  online = true;
  issued = 0;
  /** How far the hub's clock is ahead of the board's. */
  hubAheadMs = 0;
  readonly volumes = this.#make();

  #make(): VolumeManager {
    const { files, clock } = this;
    const requestToken = async (): Promise<{ token: string; expirationWallMs: number }> => {
      if (!this.online) throw new Error('the hub is away');
      return { token: `t${++this.issued}`, expirationWallMs: clock.wallMs() + this.hubAheadMs + 3_600_000 };
    };
    const objects = {
      configMap: (_: string, name: string) => this.configMaps.get(name),
      secret: (_: string, name: string) => this.secrets.get(name),
    };
    const tokens = new TokenCache({ files, clock, logger: silentLogger, requestToken });
    return new VolumeManager({ files, clock, dataDir: '/data', volatileDir: '/run/f', objects, tokens, mounts: this.mounts });
  }

  again(): VolumeManager {
    return this.#make();
  }

  mount(volume: Omit<Volume, 'name'>, spec: object = {}, volumes = this.volumes): ReturnType<VolumeManager['mount']> {
    const pod: Pod = {
      metadata: { name: 'p', namespace: 'n', uid: 'u', labels: { app: 'x' } },
      spec: { containers: [], volumes: [{ name: 'v', ...volume }], ...spec },
    };
    return volumes.mount({ pod, nodeName: 'board', hostIPs: [], podIPs: [], allocatable: {} });
  }
}

const dir = '/data/pods/u/volumes/v';
const volatile = '/run/f/pods/u/volumes/v';

describe('volumes', () => {
  it('of a ConfigMap have its keys, and follow it', async () => {
    const bench = new Bench();
    await bench.mount({ configMap: { name: 'c', defaultMode: 0o640 } });
    expect(await bench.files.list(dir)).toEqual(expect.arrayContaining(['..data', 'a', 'b', 'bin']));
    expect(await bench.files.readText(`${dir}/a`)).toBe('A');
    expect(await bench.files.stat(`${dir}/a`)).toMatchObject({ mode: 0o640 });
    const steps = bench.files.steps;
    await bench.mount({ configMap: { name: 'c', defaultMode: 0o640 } });
    expect(bench.files.steps).toBe(steps);
    bench.configMaps.set('c', { data: { a: 'A2' } });
    await bench.mount({ configMap: { name: 'c', defaultMode: 0o640 } });
    expect((await bench.files.list(dir)).filter((name) => !name.startsWith('..'))).toEqual(['a']);
    expect(await bench.files.readText(`${dir}/a`)).toBe('A2');
    expect((await bench.files.list(dir)).length).toBe(3);
  });

  it('of a Secret lie where they never reach flash, with the items asked for', async () => {
    const bench = new Bench();
    const { paths } = await bench.mount({ secret: { secretName: 's', items: [{ key: 'key', path: 'deep/er', mode: 0o400 }] } });
    expect(paths.get('v')).toBe(volatile);
    expect(await bench.files.readText(`${volatile}/deep/er`)).toBe('hidden');
    expect(await bench.files.stat(`${volatile}/deep/er`)).toMatchObject({ mode: 0o400 });
  });

  it('give their files to the fsGroup', async () => {
    const bench = new Bench();
    await bench.mount({ secret: { secretName: 's', defaultMode: 0o400 } }, { securityContext: { fsGroup: 33 } });
    expect(await bench.files.stat(`${volatile}/key`)).toMatchObject({ gid: 33, mode: 0o440 });
    const other = new Bench();
    await other.mount({ emptyDir: {} }, { securityContext: { fsGroup: 33 } });
    expect(await other.files.stat(dir)).toMatchObject({ gid: 33, mode: 0o2777 });
  });

  it('of memory are file systems of their own, with their limit, until the pod goes', async () => {
    const bench = new Bench();
    const memory = { emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } };
    await bench.mount(memory);
    await bench.mount(memory, {}, bench.again());
    expect([...bench.mounts.mounted]).toEqual([[volatile, 67_108_864]]);
    await bench.volumes.unmount('u');
    expect(bench.mounts.mounted.size).toBe(0);
    await bench.mount({ emptyDir: { medium: 'Memory' } });
    expect([...bench.mounts.mounted]).toEqual([[volatile, undefined]]);
  });

  it.each<[Omit<Volume, 'name'>, string]>([
    [{ configMap: { name: 'y' } }, 'configmap "y" not found'],
    [{ secret: { secretName: 'y' } }, 'secret "y" not found'],
    [{ configMap: { name: 'c', items: [{ key: 'k', path: 'k' }] } }, 'references non-existent config key: k'],
    [{ secret: { secretName: 's', items: [{ key: 'k', path: 'k' }] } }, 'references non-existent secret key: k'],
    [{ hostPath: { path: '/none', type: 'Directory' } }, 'hostPath type check failed: /none is not a directory'],
    [{ hostPath: { path: '/', type: 'File' } }, 'hostPath type check failed: / is not a file'],
    [{ hostPath: { path: '/', type: 'Socket' } }, 'hostPath type check failed: / is not a socket file'],
    [{ nfs: { server: 's', path: '/' } }, 'no volume plugin matched'],
  ])('say why they cannot be: %j', async (volume, why) => {
    await expect(new Bench().mount(volume)).rejects.toThrow(`MountVolume.SetUp failed for volume "v" : ${why}`);
  });

  it('may lack what is optional', async () => {
    const bench = new Bench();
    await bench.mount({ configMap: { name: 'y', optional: true } });
    expect(await bench.files.stat(dir)).toMatchObject({ kind: 'directory' });
  });

  it('make host paths where the type says so', async () => {
    const bench = new Bench();
    expect((await bench.mount({ hostPath: { path: '/srv/x', type: 'DirectoryOrCreate' } })).paths.get('v')).toBe('/srv/x');
    expect(await bench.files.stat('/srv/x')).toMatchObject({ kind: 'directory' });
  });

  it('project tokens, config and the pod itself, and go with the pod', async () => {
    const bench = new Bench();
    const projected = {
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
        { configMap: { name: 'c', items: [{ key: 'a', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
      ],
    };
    await bench.mount({ projected });
    const read = async (name: string): Promise<string | undefined> => bench.files.readText(`${volatile}/${name}`);
    expect([await read('token'), await read('ca.crt'), await read('namespace')]).toEqual(['t1', 'A', 'n']);
    await bench.volumes.unmount('u');
    expect([await bench.files.list('/data/pods'), await bench.files.list('/run/f/pods')]).toEqual([[], []]);
  });
});

describe('what volumes are made of', () => {
  const complete = (volume: Omit<Volume, 'name'>): boolean =>
    new Bench().volumes.complete({ metadata: { namespace: 'n' }, spec: { containers: [], volumes: [{ name: 'v', ...volume }] } });
  const items = (key: string) => [{ key, path: 'p' }];

  it.each<readonly [string, Omit<Volume, 'name'>]>([
    ['nothing', { emptyDir: {} }],
    ['a ConfigMap', { configMap: { name: 'c', items: items('bin') } }],
    ['an optional one that is not there', { configMap: { name: 'x', optional: true } }],
    ['a Secret', { secret: { secretName: 's' } }],
    ['a token and a ConfigMap', { projected: { sources: [{ serviceAccountToken: { path: 't' } }, { configMap: { name: 'c' } }] } }],
  ])('is here: %s', (_, volume) => {
    expect(complete(volume)).toBe(true);
  });

  it.each<readonly [string, Omit<Volume, 'name'>]>([
    ['a ConfigMap', { configMap: { name: 'x' } }],
    ['a key of it', { configMap: { name: 'c', items: items('x') } }],
    ['a Secret', { secret: { secretName: 'x' } }],
    ['a Secret among others', { projected: { sources: [{ serviceAccountToken: { path: 't' } }, { secret: { name: 'x' } }] } }],
    ['what only the host knows', { hostPath: { path: '/srv' } }],
    ['a kind of volume that is not served', { nfs: { server: 'a', path: '/b' } }],
  ])('is not here: %s', (_, volume) => {
    expect(complete(volume)).toBe(false);
  });
});

describe('tokens', () => {
  const projected = { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }] };

  it.each([50 * 365, -50 * 365, 0])('are renewed in time on a board whose clock is %s days behind the hub', async (days) => {
    const bench = new Bench();
    bench.hubAheadMs = days * 86_400_000;
    await bench.mount({ projected });
    await bench.clock.advance(0.7 * 3_600_000);
    await bench.mount({ projected });
    expect(bench.issued).toBe(1);
    await bench.clock.advance(0.2 * 3_600_000);
    await bench.mount({ projected });
    expect(bench.issued).toBe(2);
  });

  it('are renewed at 80 % of their life, without another write to flash', async () => {
    const bench = new Bench();
    expect((await bench.mount({ projected })).refreshAtMs).toBe(2_880_000);
    await bench.clock.advance(2_879_000);
    await bench.mount({ projected });
    expect(bench.issued).toBe(1);
    const flash = async (): Promise<string[]> =>
      Promise.all(
        (await bench.files.list('/data/pods/u/tokens')).map(
          async (name) => (await bench.files.readText(`/data/pods/u/tokens/${name}`)) ?? '',
        ),
      );
    const before = await flash();
    await bench.clock.advance(2000);
    await bench.mount({ projected });
    expect(await bench.files.readText(`${volatile}/token`)).toBe('t2');
    expect(await flash()).toEqual(before);
    expect(before).toHaveLength(1);
  });

  it('stay in use offline, after a reboot and long after they expired', async () => {
    const bench = new Bench();
    await bench.mount({ projected });
    bench.online = false;
    bench.clock.jumpWall(30 * 86_400_000);
    await bench.files.remove('/run/f');
    const { refreshAtMs = 0 } = await bench.mount({ projected }, {}, bench.again());
    expect(await bench.files.readText(`${volatile}/token`)).toBe('t1');
    expect(refreshAtMs - bench.clock.monotonicMs()).toBe(300_000);
  });

  it('are waited for when there never was one', async () => {
    const bench = new Bench();
    bench.online = false;
    await expect(bench.mount({ projected })).rejects.toThrow(
      'MountVolume.SetUp failed for volume "v" : failed to fetch token: the hub is away',
    );
  });
});

describe('the atomic writer', () => {
  it('refuses paths that lead out', async () => {
    for (const path of ['../x', '/x', 'a/../b', '..data', '']) {
      await expect(writePayload(new FakeFiles(), '/v', new Map([[path, { data: Buffer.alloc(0), mode: 0o644 }]]), '1')).rejects.toThrow(
        'invalid path',
      );
    }
  });

  it('shows the old or the new content after a crash at any step', async () => {
    const payload = (text: string): Map<string, { data: Buffer; mode: number }> =>
      new Map(['a', 'b'].map((name) => [name, { data: Buffer.from(text), mode: 0o644 }]));
    for (let step = 0; step < 20; step++) {
      const files = new FakeFiles();
      await files.mkdir('/v');
      await writePayload(files, '/v', payload('old'), '1');
      files.cutAfter(step);
      await writePayload(files, '/v', payload('new'), '2').catch(() => {});
      files.restore({ keepUnsynced: true });
      const seen = await Promise.all(['a', 'b'].map((name) => files.readText(`/v/${name}`)));
      expect(['old,old', 'new,new']).toContain(seen.join());
      await writePayload(files, '/v', payload('new'), '3');
      expect(await files.readText('/v/a')).toBe('new');
      expect((await files.list('/v')).length).toBe(4);
    }
  });
});
