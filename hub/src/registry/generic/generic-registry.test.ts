import type { ConfigMap, Namespace } from '@flotilla/shared/api/generated/types.js';
import type { StatusError } from '@flotilla/shared/errors/status.js';
import { afterEach, expect, it } from 'vitest';
import { configMaps } from '#registry/core/config-map.ts';
import { namespaces } from '#registry/core/namespace.ts';
import type { FixtureOptions, RegistryFixture } from './registry-fixture.ts';
import { registryFixture } from './registry-fixture.ts';
import type { WatchEvent, WatchOptions } from './types.ts';

let open: RegistryFixture[] = [];
afterEach(async () => {
  for (const fixture of open) await fixture.close();
  open = [];
});

async function fixture(options?: FixtureOptions) {
  const made = await registryFixture([configMaps, namespaces], options);
  open.push(made);
  const maps = made.registry.resource<ConfigMap>('', 'configmaps');
  const spaces = made.registry.resource<Namespace>('', 'namespaces');
  return { ...made, maps, spaces };
}

const map = (name: string, data: Record<string, string> = {}, metadata: ConfigMap['metadata'] = {}): ConfigMap => ({
  metadata: { name, ...metadata },
  data,
});

async function refusal(promise: Promise<unknown>): Promise<StatusError> {
  return promise.then(
    () => expect.fail('it should have been refused'),
    (error: StatusError) => error,
  );
}

it('creates with everything the server fills in, frozen and readable at once', async () => {
  const { maps, ctx } = await fixture();
  const { object, revision } = await maps.create(ctx, 'default', map('a', { k: 'v' }));
  expect(object).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1', data: { k: 'v' } });
  expect(object.metadata).toMatchObject({
    name: 'a',
    namespace: 'default',
    creationTimestamp: '2026-01-01T00:00:00Z',
    resourceVersion: String(revision),
  });
  expect(object.metadata?.uid).toMatch(/^[0-9a-f-]{36}$/);
  expect(Object.isFrozen(object.data)).toBe(true);
  expect(maps.get(ctx, 'default', 'a').object).toBe(object);
});

it('never changes what the caller handed in', async () => {
  const { maps, ctx } = await fixture();
  const input = Object.freeze(map('a'));
  await maps.create(ctx, 'default', input);
  expect(input).toEqual({ metadata: { name: 'a' }, data: {} });
});

it('refuses what is there already, what is not, and another namespace, in Kubernetes words', async () => {
  const { maps, ctx } = await fixture();
  await maps.create(ctx, 'default', map('a'));
  expect(await refusal(maps.create(ctx, 'default', map('a')))).toMatchObject({ code: 409, message: 'configmaps "a" already exists' });
  expect(await refusal(maps.create(ctx, 'default', map('b', {}, { namespace: 'other' })))).toMatchObject({
    code: 400,
    message: 'the namespace of the provided object does not match the namespace sent on the request',
  });
  expect(await refusal(maps.update(ctx, 'default', 'zz', (old) => old))).toMatchObject({ code: 404, message: 'configmaps "zz" not found' });
  expect(() => maps.get(ctx, 'default', 'zz')).toThrow('configmaps "zz" not found');
  expect(await refusal(maps.create(ctx, 'default', map('c', {}, { resourceVersion: '1' })))).toMatchObject({
    code: 500,
    message: 'resourceVersion should not be set on objects to be created',
  });
});

it('generates names, again when one is taken, and gives up with what the API says', async () => {
  const { maps, ctx } = await fixture();
  const { object } = await maps.create(ctx, 'default', { metadata: { generateName: 'x-' } });
  expect(object.metadata?.name).toMatch(/^x-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  const stuck = await fixture({ random: { next: () => 0, uuid: () => '0', bytes: (n) => Buffer.alloc(n) } });
  await stuck.maps.create(stuck.ctx, 'default', { metadata: { generateName: 'x-' } });
  expect(await refusal(stuck.maps.create(stuck.ctx, 'default', { metadata: { generateName: 'x-' } }))).toMatchObject({
    reason: 'AlreadyExists',
    message: 'configmaps "x-bbbbb" already exists, the server was not able to generate a unique name for the object',
  });
});

it('updates on the newest state and writes nothing when nothing changed', async () => {
  const { maps, ctx, store } = await fixture();
  const first = await maps.create(ctx, 'default', map('a', { k: '1' }));
  const { object: second } = await maps.update(ctx, 'default', 'a', (old) => ({ ...old, data: { k: '2' } }));
  expect(second.revision).toBeGreaterThan(first.revision);
  const before = await store.currentRevision();
  const { object: third } = await maps.update(ctx, 'default', 'a', (old) => ({ ...old, data: { k: '2' } }));
  expect(third).toBe(second);
  expect(await store.currentRevision()).toBe(before);
});

it('retries an update that lost a race, and answers a conflict when it carries an old version', async () => {
  const { maps, ctx } = await fixture();
  const { object } = await maps.create(ctx, 'default', map('a', { n: '0' }));
  const add = () => maps.update(ctx, 'default', 'a', (old) => ({ ...old, data: { n: String(Number(old.data?.['n']) + 1) } }));
  await Promise.all(Array.from({ length: 20 }, add));
  expect(maps.get(ctx, 'default', 'a').object.data).toEqual({ n: '20' });
  expect(await refusal(maps.update(ctx, 'default', 'a', () => object))).toMatchObject({
    code: 409,
    message:
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
  });
  const { object: taken } = await maps.update(ctx, 'default', 'a', () => map('a', { n: 'unconditional' }));
  expect(taken.object.data).toEqual({ n: 'unconditional' });
});

it('keeps the metadata that nobody may change', async () => {
  const { maps, ctx } = await fixture();
  const { object } = await maps.create(ctx, 'default', map('a'));
  const { object: after } = await maps.update(ctx, 'default', 'a', () =>
    map('a', { k: 'v' }, { creationTimestamp: '1999-01-01T00:00:00Z' }),
  );
  expect(after.object.metadata).toMatchObject({ uid: object.metadata?.uid, creationTimestamp: object.metadata?.creationTimestamp });
  const uid = await refusal(maps.update(ctx, 'default', 'a', () => map('a', {}, { uid: 'other' })));
  expect(uid.message).toBe('ConfigMap "a" is invalid: metadata.uid: Invalid value: "other": field is immutable');
  const renamed = await refusal(maps.update(ctx, 'default', 'a', () => map('b')));
  expect(renamed.message).toBe('the name of the object (b) does not match the name on the URL (a)');
});

it('holds preconditions of updates and deletes', async () => {
  const { maps, ctx } = await fixture();
  const { object } = await maps.create(ctx, 'default', map('a'));
  const uid = object.metadata?.uid ?? '';
  const update = await refusal(maps.update(ctx, 'default', 'a', (old) => old, { preconditions: { uid: 'x' } }));
  expect(update.message).toContain(`Precondition failed: UID in precondition: x, UID in object meta: ${uid}`);
  const byUid = await refusal(maps.delete(ctx, 'default', 'a', { preconditions: { uid: 'x' } }));
  expect(byUid).toMatchObject({
    code: 409,
    message: `Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (x) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
  });
  const byVersion = await refusal(maps.delete(ctx, 'default', 'a', { preconditions: { uid, resourceVersion: '999' } }));
  expect(byVersion.message).toContain('the ResourceVersion in the precondition (999) does not match the ResourceVersion in record');
  expect(await maps.delete(ctx, 'default', 'a', { preconditions: { uid } })).toMatchObject({ deleted: true });
});

it('changes nothing in a dry run', async () => {
  const { maps, ctx, store } = await fixture();
  const dry = await maps.create(ctx, 'default', map('a', { k: '1' }), { dryRun: true });
  expect(dry.object.metadata?.uid).toBeDefined();
  expect(() => maps.get(ctx, 'default', 'a')).toThrow('not found');
  await maps.create(ctx, 'default', map('a', { k: '1' }));
  expect(await refusal(maps.create(ctx, 'default', map('a'), { dryRun: true }))).toMatchObject({ reason: 'AlreadyExists' });
  const before = await store.currentRevision();
  const changed = await maps.update(ctx, 'default', 'a', (old) => ({ ...old, data: { k: '2' } }), { dryRun: true });
  expect(changed.object.object.data).toEqual({ k: '2' });
  expect(await maps.delete(ctx, 'default', 'a', { dryRun: true })).toMatchObject({ deleted: true });
  expect(await store.currentRevision()).toBe(before);
});

it('creates on update only where it is told to', async () => {
  const { maps, ctx } = await fixture();
  const made = await maps.update(ctx, 'default', 'a', (old) => old, { createIfMissing: () => map('a', { k: 'new' }) });
  expect(made).toMatchObject({ created: true, object: { object: { data: { k: 'new' } } } });
  const again = await maps.update(ctx, 'default', 'a', (old) => ({ ...old, data: {} }), { createIfMissing: () => map('a') });
  expect(again.created).toBe(false);
});

it('waits for finalizers, and lets the object go with the last one', async () => {
  const { maps, ctx } = await fixture();
  await maps.create(ctx, 'default', map('a', {}, { finalizers: ['example.com/one'] }));
  const { object, deleted } = await maps.delete(ctx, 'default', 'a');
  expect(deleted).toBe(false);
  expect(object.object.metadata).toMatchObject({ deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 });
  const added = await refusal(
    maps.update(ctx, 'default', 'a', (old) => ({
      ...old,
      metadata: { ...old.metadata, finalizers: ['example.com/one', 'example.com/two'] },
    })),
  );
  expect(added.message).toContain(
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/two"}',
  );
  await maps.update(ctx, 'default', 'a', (old) => ({ ...old, metadata: { ...old.metadata, finalizers: [] } }));
  expect(() => maps.get(ctx, 'default', 'a')).toThrow('not found');
});

it('sets the finalizer that the propagation policy asks for', async () => {
  const { maps, ctx } = await fixture();
  await maps.create(ctx, 'default', map('a'));
  await maps.create(ctx, 'default', map('b'));
  const { object: orphaned } = await maps.delete(ctx, 'default', 'a', { propagationPolicy: 'Orphan' });
  expect(orphaned.object.metadata?.finalizers).toEqual(['orphan']);
  const { object: foreground } = await maps.delete(ctx, 'default', 'b', { propagationPolicy: 'Foreground' });
  expect(foreground.object.metadata?.finalizers).toEqual(['foregroundDeletion']);
});

it('deletes a collection by selector', async () => {
  const { maps, ctx } = await fixture();
  for (const name of ['a', 'b', 'c']) await maps.create(ctx, 'default', map(name, {}, { labels: { keep: String(name === 'b') } }));
  const gone = await maps.deleteCollection(ctx, 'default', { labelSelector: 'keep!=true' });
  expect(gone.map(({ object }) => object.metadata?.name)).toEqual(['a', 'c']);
  expect((await maps.list(ctx, 'default')).items.map(({ object }) => object.metadata?.name)).toEqual(['b']);
});

it('pages a list that stays the same while the objects change', async () => {
  const { maps, ctx, store } = await fixture();
  for (const name of ['a', 'b', 'c', 'd', 'e']) await maps.create(ctx, 'default', map(name));
  const names = (list: Awaited<ReturnType<typeof maps.list>>) => list.items.map(({ object }) => object.metadata?.name);
  const first = await maps.list(ctx, 'default', { limit: 2 });
  expect([names(first), first.remainingItemCount]).toEqual([['a', 'b'], 3]);
  await maps.delete(ctx, 'default', 'c');
  await maps.create(ctx, 'default', map('f'));
  const second = await maps.list(ctx, 'default', { limit: 2, continue: first.continue ?? '' });
  expect([names(second), second.resourceVersion]).toEqual([['c', 'd'], first.resourceVersion]);
  const third = await maps.list(ctx, 'default', { limit: 2, continue: second.continue ?? '' });
  expect([names(third), third.continue]).toEqual([['e'], undefined]);
  await store.compact(await store.currentRevision());
  const late = await refusal(maps.list(ctx, 'default', { limit: 2, continue: first.continue ?? '' }));
  expect(late).toMatchObject({ code: 410, reason: 'Expired' });
  expect(late.message).toMatch(/^The provided continue parameter is too old to display a consistent list result\./);
  const fresh = String(late.toStatus().metadata['continue']);
  expect(names(await maps.list(ctx, 'default', { continue: fresh }))).toEqual(['d', 'e', 'f']);
});

it('follows the rules of resourceVersion and resourceVersionMatch', async () => {
  const { maps, ctx, clock } = await fixture();
  const { revision } = await maps.create(ctx, 'default', map('a'));
  await maps.create(ctx, 'default', map('b'));
  const exact = await maps.list(ctx, 'default', { resourceVersion: String(revision), resourceVersionMatch: 'Exact' });
  expect([exact.items.length, exact.resourceVersion]).toEqual([1, String(revision)]);
  const newer = await maps.list(ctx, 'default', { resourceVersion: String(revision), resourceVersionMatch: 'NotOlderThan' });
  expect(newer.items.length).toBe(2);
  const future = refusal(maps.list(ctx, 'default', { resourceVersion: '9999', resourceVersionMatch: 'NotOlderThan' }));
  await clock.advance(3000);
  expect(await future).toMatchObject({ code: 504, reason: 'Timeout', details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } });
  expect((await future).message).toMatch(/^Timeout: Too large resource version: 9999, current: /);
  const refused = async (options: object) => (await refusal(maps.list(ctx, 'default', options))).message;
  expect(await refused({ resourceVersionMatch: 'Exact' })).toBe(
    'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
  );
  expect(await refused({ resourceVersion: '0', resourceVersionMatch: 'Exact' })).toContain('"exact" is forbidden for resourceVersion "0"');
  expect(await refused({ resourceVersion: 'abc' })).toContain('invalid resource version: ');
  expect(await refused({ continue: 'nonsense' })).toMatch(/^invalid continue token: continue key is not valid/);
  expect(await refused({ fieldSelector: 'spec.x=1' })).toBe(
    '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
  );
  expect(await refused({ labelSelector: 'a b' })).toBe("unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt");
});

class Seen {
  readonly events: WatchEvent<ConfigMap>[] = [];
  end: { error?: Error | undefined } | undefined;

  event(event: WatchEvent<ConfigMap>): void {
    this.events.push(event);
  }

  ended(error?: Error): void {
    this.end = { error };
  }

  get short(): string[] {
    return this.events.map(({ type, object }) => `${type} ${object.object.metadata?.name ?? ''}`.trim());
  }
}

async function watching(options: WatchOptions) {
  const made = await fixture();
  const seen = new Seen();
  return { ...made, seen, start: (more: WatchOptions = {}) => made.maps.watch(made.ctx, 'default', { ...options, ...more }, seen) };
}

it('watches what there is and what comes, and nothing after the stop', async () => {
  const { maps, ctx, seen, start } = await watching({});
  await maps.create(ctx, 'default', map('a'));
  await maps.create(ctx, 'other', map('z'));
  const watch = await start();
  await maps.update(ctx, 'default', 'a', (old) => ({ ...old, data: { k: 'v' } }));
  await maps.delete(ctx, 'default', 'a');
  await maps.create(ctx, 'other', map('y'));
  watch.stop();
  await maps.create(ctx, 'default', map('b'));
  expect(seen.short).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
  const revisions = seen.events.map(({ object }) => Number(object.object.metadata?.resourceVersion));
  expect(revisions).toEqual([...revisions].sort((left, right) => left - right));
});

it('shows entering a selection as ADDED and leaving it as DELETED at the revision of the change', async () => {
  const { maps, ctx, seen, start } = await watching({ labelSelector: 'on=yes' });
  await maps.create(ctx, 'default', map('a'));
  await start();
  const labelled = (on: string) => maps.update(ctx, 'default', 'a', (old) => ({ ...old, metadata: { ...old.metadata, labels: { on } } }));
  await labelled('yes');
  const { object } = await labelled('no');
  await maps.delete(ctx, 'default', 'a');
  expect(seen.short).toEqual(['ADDED a', 'DELETED a']);
  expect(seen.events[1]?.object.object.metadata).toMatchObject({ labels: { on: 'yes' }, resourceVersion: String(object.revision) });
});

it('goes on from a revision', async () => {
  const { maps, ctx, seen, start } = await watching({});
  const { revision } = await maps.create(ctx, 'default', map('a'));
  await maps.create(ctx, 'default', map('b'));
  await start({ resourceVersion: String(revision) });
  expect(seen.short).toEqual(['ADDED b']);
  expect(seen.end).toBeUndefined();
});

it('begins with what comes when no initial events are wanted', async () => {
  const { maps, ctx, seen, start } = await watching({ sendInitialEvents: false, resourceVersionMatch: 'NotOlderThan' });
  await maps.create(ctx, 'default', map('a'));
  await start();
  await maps.create(ctx, 'default', map('b'));
  expect(seen.short).toEqual(['ADDED b']);
});

it('ends a watch from a revision that is forgotten with 410', async () => {
  const { maps, ctx, store, clock, seen } = await watching({});
  for (const name of ['a', 'b', 'c']) await maps.create(ctx, 'default', map(name));
  await store.compact(await store.currentRevision());
  const restarted = await registryFixture([configMaps], { store, clock });
  open.push(restarted);
  await restarted.registry.resource<ConfigMap>('', 'configmaps').watch(ctx, 'default', { resourceVersion: '1' }, seen);
  expect(seen.end?.error).toMatchObject({ code: 410, reason: 'Expired' });
  expect(seen.end?.error?.message).toMatch(/^too old resource version: 1 \([0-9]+\)$/);
});

it('streams the list first when asked, closed by an annotated bookmark', async () => {
  const { maps, ctx, seen, start } = await watching({
    sendInitialEvents: true,
    resourceVersionMatch: 'NotOlderThan',
    allowWatchBookmarks: true,
  });
  await maps.create(ctx, 'default', map('a'));
  await start();
  expect(seen.short).toEqual(['ADDED a', 'BOOKMARK']);
  expect(seen.events[1]?.object.object).toMatchObject({
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } },
  });
  const { maps: others, ctx: other } = await fixture();
  const refused = await refusal(others.watch(other, 'default', { sendInitialEvents: true }, new Seen()));
  expect(refused.message).toContain('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
});

it('sends bookmarks and ends at its timeout', async () => {
  const { clock, seen, start } = await watching({ allowWatchBookmarks: true, timeoutSeconds: 90 });
  await start();
  await clock.advance(61_000);
  expect(seen.short).toEqual(['BOOKMARK']);
  await clock.advance(30_000);
  expect(seen.short).toEqual(['BOOKMARK', 'BOOKMARK']);
  expect(seen.end).toEqual({ error: undefined });
  expect(clock.pending().filter((name) => name.startsWith('watch'))).toEqual([]);
});

it('bounds the watches that are open at once', async () => {
  const { maps, ctx } = await fixture({ maxWatches: 1 });
  const first = await maps.watch(ctx, 'default', {}, new Seen());
  expect(await refusal(maps.watch(ctx, 'default', {}, new Seen()))).toMatchObject({ code: 429 });
  first.stop();
  first.stop();
  await maps.watch(ctx, 'default', {}, new Seen());
});

it('terminates a namespace and removes it with its last finalizer', async () => {
  const { spaces, ctx } = await fixture();
  const { object } = await spaces.create(ctx, '', { metadata: { name: 'a' } });
  expect(object).toMatchObject({
    metadata: { labels: { 'kubernetes.io/metadata.name': 'a' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
  const { object: terminating, deleted } = await spaces.delete(ctx, '', 'a');
  expect(deleted).toBe(false);
  expect((await spaces.delete(ctx, '', 'a')).object).toBe(terminating);
  expect(terminating.object).toMatchObject({ status: { phase: 'Terminating' }, metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
  await spaces.update(ctx, '', 'a', (old) => ({ ...old, spec: { finalizers: [] } }));
  expect(spaces.get(ctx, '', 'a').object.spec).toEqual({ finalizers: ['kubernetes'] });
  await spaces.update(ctx, '', 'a', (old) => ({ ...old, spec: { finalizers: [] } }), { subresource: 'finalize' });
  expect(() => spaces.get(ctx, '', 'a')).toThrow('namespaces "a" not found');
});

it('lets the status subresource change the status only', async () => {
  const { spaces, ctx } = await fixture();
  await spaces.create(ctx, '', { metadata: { name: 'a' } });
  const condition = { type: 'NamespaceContentRemaining', status: 'False' };
  const change = (old: Namespace): Namespace => ({ ...old, spec: { finalizers: [] }, status: { ...old.status, conditions: [condition] } });
  const { object } = await spaces.update(ctx, '', 'a', change, { subresource: 'status' });
  expect(object.object).toMatchObject({ spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active', conditions: [condition] } });
  const wrong = await refusal(
    spaces.update(ctx, '', 'a', (old) => ({ ...old, status: { phase: 'Terminating' } }), { subresource: 'status' }),
  );
  expect(wrong.message).toContain('status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty');
});
