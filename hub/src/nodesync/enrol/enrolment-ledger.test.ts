import type { Namespace, Secret } from '@flotilla/shared/api/generated/types.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { afterEach, expect, test } from 'vitest';
import { createAdmission } from '#admission/create-admission.ts';
import { Ledger } from '#auth/pki/ledger.ts';
import { createClient } from '#client/client.ts';
import { Informers } from '#client/informers.ts';
import { namespaces } from '#registry/core/namespace.ts';
import { secrets } from '#registry/core/secret.ts';
import { type RegistryFixture, registryFixture } from '#registry/generic/registry-fixture.ts';
import { MemoryStore } from '#store/memory/memory-store.ts';
import { BoardDirectory, boardSecret } from './board-directory.ts';
import { agree, recordEnrolment } from './enrolment-ledger.ts';

const files = new FakeFiles();
const close: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of close.splice(0)) await end();
});

/** The half of a hub that knows its boards, on a store and a ledger. */
async function hub(ledger: Ledger, store?: MemoryStore) {
  const clock = new FakeClock();
  const made: RegistryFixture = await registryFixture([secrets, namespaces], {
    clock,
    ...(store ? { store } : {}),
    admission: (registry) =>
      createAdmission({
        registry,
        clock,
        random: new SeededRandom(1),
        allowed: (attributes) => recordEnrolment(ledger, attributes),
      }),
  });
  const { registry, ctx } = made;
  const spaces = registry.resource<Namespace>('', 'namespaces');
  await spaces.create(ctx, '', { metadata: { name: 'kube-system' } }).catch(() => {});
  const informers = new Informers({ registry, clock, random: new SeededRandom(2), logger: silentLogger });
  const client = createClient({ registry, informers, user: { name: 'admin', groups: ['system:masters'] }, logger: silentLogger });
  const directory = new BoardDirectory(client);
  const recovery = store && { base: await store.currentRevision() };
  await agree({ ledger, client, logger: silentLogger, shared: false, recovery });
  close.push(() => informers.stop(), made.close);
  return { ...made, client, directory, secrets: registry.resource<Secret>('', 'secrets') };
}

const openLedger = (dir = '/ledger'): Promise<Ledger> => Ledger.open({ files, dir });
const board = (node: string, keyId = `key-of-${node}`) => ({ node, keyId, serial: '' });

test('joining and revoking stand in the ledger, and on disk', async () => {
  const { ctx, directory, secrets: resource } = await hub(await openLedger('/one'));
  await directory.enter(board('a'));
  await directory.enter(board('b'));
  await resource.delete(ctx, 'kube-system', 'flotilla-board-a', { dryRun: true });
  expect((await openLedger('/one')).board('a')).toEqual(board('a'));
  await resource.delete(ctx, 'kube-system', 'flotilla-board-a');
  const ledger = await openLedger('/one');
  expect([ledger.board('a'), ledger.isRevoked('a', 'key-of-a'), ledger.board('b')]).toEqual([undefined, true, board('b')]);
});

test('a hub that lost its store, or got an older one, knows the boards of the ledger and none that were revoked', async () => {
  const ledger = await openLedger('/two');
  const before = await hub(ledger);
  await before.directory.enter(board('stays'));
  await before.directory.enter(board('revoked-later'));
  const backup = before.store.backup();
  await before.directory.enter(board('joined-later'));
  await before.secrets.delete(before.ctx, 'kube-system', 'flotilla-board-revoked-later');

  const { clock } = before;
  const restored = await hub(await openLedger('/two'), new MemoryStore({ clock, restored: backup }));
  const empty = await hub(await openLedger('/two'), new MemoryStore({ clock }));
  for (const { directory } of [restored, empty]) {
    expect(directory.get('stays')).toEqual(board('stays'));
    expect(directory.get('joined-later')).toEqual(board('joined-later'));
    expect(directory.get('revoked-later')).toBeUndefined();
  }
  // With a token it may join again, and then that counts.
  await restored.directory.enter(board('revoked-later'));
  const again = await hub(await openLedger('/two'), new MemoryStore({ clock, restored: backup }));
  expect(again.directory.get('revoked-later')).toEqual(board('revoked-later'));
});

test('join tokens of the backup are good no more: some may have been taken back or used up since', async () => {
  const ledger = await openLedger('/eight');
  const before = await hub(ledger);
  const token = (name: string): Secret => ({ metadata: { name: `flotilla-join-${name}` }, type: 'fleet.flotilla.dev/join-token' });
  await before.secrets.create(before.ctx, 'kube-system', token('old'));
  const store = new MemoryStore({ clock: before.clock, restored: before.store.backup() });
  const { ctx, client, secrets: resource } = await hub(ledger, store);
  const names = (): (string | undefined)[] =>
    client
      .informer('', 'secrets')
      .list()
      .map(({ metadata }) => metadata?.name);
  expect(names()).toEqual([]);
  await resource.create(ctx, 'kube-system', token('new'));
  // The hub crashes and goes on with the same recovery.
  await agree({ ledger, client, logger: silentLogger, shared: false, recovery: { base: store.restoredFrom?.revision ?? 0 } });
  expect(names()).toEqual(['flotilla-join-new']);
});

test('a key that was replaced does not come back', async () => {
  const ledger = await openLedger('/three');
  const before = await hub(ledger);
  await before.directory.enter(board('a', 'old'));
  const backup = before.store.backup();
  await before.secrets.delete(before.ctx, 'kube-system', 'flotilla-board-a');
  await before.directory.enter(board('a', 'new'));
  const restored = await hub(ledger, new MemoryStore({ clock: before.clock, restored: backup }));
  expect(restored.directory.get('a')).toEqual(board('a', 'new'));
  expect([ledger.isRevoked('a', 'old'), ledger.isRevoked('a', 'new')]).toEqual([true, false]);
});

test('boards from a time before the ledger are entered', async () => {
  const before = await hub(await openLedger('/four'));
  await before.directory.enter(board('a'));
  const ledger = await openLedger('/five');
  await hub(ledger, new MemoryStore({ clock: before.clock, restored: before.store.backup() }));
  expect(ledger.board('a')).toEqual(board('a'));
});

test('of two that join under one name at once the ledger has the one that got it', async () => {
  const ledger = await openLedger('/six');
  const { directory } = await hub(ledger);
  const results = await Promise.allSettled([directory.enter(board('a', 'one')), directory.enter(board('a', 'two'))]);
  const got = directory.get('a');
  expect(got?.keyId).toBe('one');
  expect(ledger.board('a')).toEqual(got);
  expect(results[1]).not.toMatchObject({ value: { keyId: 'two' } });
});

test('a crash between the ledger and the Secret is finished at the next start', async () => {
  const ledger = await openLedger('/seven');
  const { ctx, clock, directory, secrets: resource, store } = await hub(ledger);
  await directory.enter(board('b'));
  await ledger.enter(board('a'));
  await ledger.revoke('b', 'key-of-b');
  const next = await hub(ledger, new MemoryStore({ clock, restored: store.backup() }));
  expect([next.directory.get('a'), next.directory.get('b')]).toEqual([board('a'), undefined]);
  // What merely looks like a board is none.
  const { metadata, ...other } = boardSecret(board('c'));
  await resource.create(ctx, 'kube-system', { ...other, metadata: { ...metadata, name: 'other' } });
  expect(ledger.board('c')).toBeUndefined();
});
