import type { ConfigMap, Event, Pod } from '@flotilla/shared/api/generated/types.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { beforeEach, describe, expect, it } from 'vitest';
import { definitions } from '#registry/definitions.ts';
import { createRegistry } from '#registry/generic/create-registry.ts';
import type { Registry, WatchSink } from '#registry/generic/types.ts';
import { MemoryStore } from '#store/memory/memory-store.ts';
import { WatchCache } from '#store/watch-cache.ts';
import { pod } from '../../../test/harness/workloads.ts';
import { controllerUser, createClient } from './client.ts';
import { createEventRecorder } from './event-recorder.ts';
import { Informers } from './informers.ts';
import type { Client } from './types.ts';

let clock: FakeClock;
let registry: Registry;
let informers: Informers;
let client: Client;
/** Ends the watches that were opened last. */
let sinks: WatchSink[];

beforeEach(async () => {
  clock = new FakeClock();
  const random = new SeededRandom(1);
  const cache = new WatchCache({ store: new MemoryStore({ clock }), logger: silentLogger });
  await cache.start();
  const real = createRegistry({ cache, clock, random, admission: { mutate: () => {}, validate: () => {} }, definitions });
  sinks = [];
  registry = {
    resources: () => real.resources(),
    resource: (group, resource) => {
      const of = real.resource(group, resource);
      return new Proxy(of, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name, target);
          if (name === 'watch') {
            return (...[ctx, namespace, options, sink]: Parameters<typeof of.watch>) => {
              sinks.push(sink);
              return target.watch(ctx, namespace, options, sink);
            };
          }
          return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
        },
      }) as never;
    },
  };
  informers = new Informers({ registry, clock, random, logger: silentLogger });
  client = createClient({ registry, informers, user: controllerUser('test-controller'), logger: silentLogger });
});

const map = (name: string, value = ''): ConfigMap => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } });

describe('informer', () => {
  it('holds the very objects of the registry, and what was written when the write resolves', async () => {
    const maps = client.informer<ConfigMap>('', 'configmaps');
    await client.synced();
    const made = await client.resource<ConfigMap>('', 'configmaps').create('default', map('a'));
    expect(maps.get('default/a')).toBe(made);
    expect(Object.isFrozen(made.data)).toBe(true);
    const changed = await client
      .resource<ConfigMap>('', 'configmaps')
      .update('default', 'a', (current) => ({ ...current, data: { value: '2' } }));
    expect(maps.get('default/a')).toBe(changed);
    expect(maps.list('default')).toEqual([changed]);
    await client.resource('', 'configmaps').delete('default', 'a');
    expect(maps.get('default/a')).toBeUndefined();
    expect(maps.list('default')).toEqual([]);
  });

  it('keeps indexes up to date, those asked for late too', async () => {
    const pods = client.informer<Pod>('', 'pods');
    await client.synced();
    const writer = client.resource<Pod>('', 'pods');
    await writer.create('default', pod('a', { nodeName: 'n1' }));
    pods.index('node', ({ spec }) => (spec?.nodeName ? [spec.nodeName] : []));
    await writer.create('default', pod('b'));
    await client.bind('default', 'b', pods.get('default/b')?.metadata?.uid ?? '', 'n1');
    expect(pods.byIndex('node', 'n1').map(({ metadata }) => metadata?.name)).toEqual(['a', 'b']);
    await writer.delete('default', 'a', { gracePeriodSeconds: 0 });
    expect(pods.byIndex('node', 'n1').map(({ metadata }) => metadata?.name)).toEqual(['b']);
    expect(() => pods.byIndex('nonsense', '')).toThrow('there is no index');
  });

  it('lists again when its watch ends, and tells exactly the difference', async () => {
    const maps = client.informer<ConfigMap>('', 'configmaps');
    await client.synced();
    const writer = client.resource<ConfigMap>('', 'configmaps');
    for (const name of ['kept', 'changed', 'gone']) await writer.create('default', map(name));
    const told: string[] = [];
    const name = (it: ConfigMap): string => it.metadata?.name ?? '';
    maps.on({
      added: (it) => told.push(`+${name(it)}`),
      updated: (it) => told.push(`~${name(it)}`),
      deleted: (it) => told.push(`-${name(it)}`),
    });
    told.length = 0;
    for (const sink of sinks) sink.ended(new Error('compacted'));
    sinks = [];
    await clock.advance(0);
    await writer.update('default', 'changed', (current) => ({ ...current, data: { value: 'new' } }));
    await writer.delete('default', 'gone');
    await writer.create('default', map('new'));
    await clock.advance(20_000);
    expect(new Set(told)).toEqual(new Set(['-gone', '~changed', '+new']));
    expect(told).toHaveLength(3);
  });

  it('keeps going when a handler throws', async () => {
    const maps = client.informer<ConfigMap>('', 'configmaps');
    await client.synced();
    const seen: string[] = [];
    maps.on({
      added: () => {
        throw new Error('broken handler');
      },
    });
    maps.on({ added: (it) => seen.push(it.metadata?.name ?? '') });
    await client.resource<ConfigMap>('', 'configmaps').create('default', map('a'));
    expect(seen).toEqual(['a']);
  });
});

describe('binding', () => {
  it('is refused for a pod of another uid', async () => {
    await client.resource<Pod>('', 'pods').create('default', pod('a'));
    await expect(client.bind('default', 'a', 'other', 'n1')).rejects.toMatchObject({ reason: 'Conflict' });
  });
});

describe('event recorder', () => {
  const events = () => client.informer<Event>('', 'events').list();
  const recorder = () => createEventRecorder({ client, clock, logger: silentLogger, component: 'test-controller' });

  it('writes an event as Kubernetes does and counts repeats up', async () => {
    events();
    await client.synced();
    const about = await client.resource<Pod>('', 'pods').create('default', pod('p'));
    const to = recorder();
    to.event(about, 'Normal', 'Pulled', 'it is here');
    await clock.advance(60_000);
    to.event(about, 'Normal', 'Pulled', 'it is here');
    to.event(about, 'Normal', 'Pulled', 'it is here');
    await clock.advance(10);
    expect(events()).toHaveLength(1);
    expect(events()[0]).toMatchObject({
      count: 3,
      type: 'Normal',
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:01:00Z',
      source: { component: 'test-controller' },
      reportingComponent: 'test-controller',
      involvedObject: { kind: 'Pod', namespace: 'default', name: 'p', uid: about.metadata?.uid, apiVersion: 'v1' },
    });
    expect(events()[0]?.metadata?.name).toMatch(/^p\.[0-9a-f]{16}$/);
  });

  it('combines what is similar and stops what floods', async () => {
    events();
    await client.synced();
    const about = await client.resource<Pod>('', 'pods').create('default', pod('p'));
    const to = recorder();
    for (let index = 0; index < 100; index++) to.event(about, 'Warning', 'Failed', `attempt ${index}`);
    await clock.advance(10);
    expect(events()).toHaveLength(11);
    const combined = events().find(({ message }) => message?.startsWith('(combined from similar events): '));
    expect(combined?.count).toBe(15);
    // One more in five minutes.
    await clock.advance(300_000);
    to.event(about, 'Warning', 'Failed', 'attempt 100');
    to.event(about, 'Warning', 'Failed', 'attempt 101');
    await clock.advance(10);
    expect(events().find(({ metadata }) => metadata?.name === combined?.metadata?.name)?.count).toBe(16);
  });

  it('writes anew when its event has expired', async () => {
    events();
    await client.synced();
    const about = await client.resource<Pod>('', 'pods').create('default', pod('p'));
    const to = recorder();
    to.event(about, 'Normal', 'Pulled', 'it is here');
    await clock.advance(10);
    await client.resource('', 'events').delete('default', events()[0]?.metadata?.name ?? '');
    to.event(about, 'Normal', 'Pulled', 'it is here');
    await clock.advance(10);
    expect(events()).toHaveLength(1);
  });
});
