import type { Namespace } from '@flotilla/shared/api/generated/types.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient } from '#client/client.ts';
import { Informers } from '#client/informers.ts';
import type { Client } from '#client/types.ts';
import { namespaces } from '#registry/core/namespace.ts';
import { secrets } from '#registry/core/secret.ts';
import { registryFixture } from '#registry/generic/registry-fixture.ts';
import { type WaitingBoard, WaitingRoom, waitingLimits } from './waiting-room.ts';

const close: (() => unknown)[] = [];
let clock: FakeClock;
let client: Client;
let told: string[];
let room: WaitingRoom;

beforeEach(async () => {
  clock = new FakeClock();
  told = [];
  const fixture = await registryFixture([secrets, namespaces], { clock });
  await fixture.registry.resource<Namespace>('', 'namespaces').create(fixture.ctx, '', { metadata: { name: 'kube-system' } });
  const informers = new Informers({ registry: fixture.registry, clock, random: new SeededRandom(2), logger: silentLogger });
  const user = { name: 'admin', groups: ['system:masters'] };
  client = createClient({ registry: fixture.registry, informers, user, logger: silentLogger });
  close.push(() => informers.stop(), fixture.close);
  room = openRoom();
  await client.synced();
});
afterEach(async () => {
  for (const end of close.splice(0)) await end();
});

const openRoom = (): WaitingRoom =>
  new WaitingRoom({ client, clock, events: { event: (_about, _type, reason, message) => told.push(`${reason}: ${message}`) } });
const board = (name: string, more: Partial<WaitingBoard> = {}): WaitingBoard => ({
  ...{ node: name, keyId: `key-of-${name}`, serial: '', address: '10.0.0.1', reason: 'its token expired', kind: 'join' },
  ...more,
});

test('a board that asks again is the same one, told of once, and still there after a restart of the hub', async () => {
  const first = await room.enter(board('a', { serial: 'S1' }));
  await clock.advance(60_000);
  expect(await room.enter(board('a', { serial: 'S1' }))).toEqual(first);
  expect(told).toEqual([
    'BoardWaits: A board (SHA256:key-of-a, serial S1, from 10.0.0.1) waits to be approved as node a: its token expired',
  ]);
  expect(openRoom().list()).toEqual([first]);
  await room.leave(first);
  await room.leave(first);
  expect(room.list()).toEqual([]);
});

test('two at once with the same key are one', async () => {
  await Promise.all([room.enter(board('a')), room.enter(board('a'))]);
  expect(room.list()).toHaveLength(1);
});

test('one address, and all together, have so many places; what was forgotten gives its place back', async () => {
  for (let count = 0; count < waitingLimits.perAddress; count++) await room.enter(board(`a-${count}`));
  const full = expect.objectContaining({ code: 429, details: { retryAfterSeconds: waitingLimits.askSeconds } });
  await expect(room.enter(board('one-more'))).rejects.toEqual(full);
  await room.enter(board('elsewhere', { address: '10.0.0.2' }));
  // Who stands there already needs no other place.
  await room.enter(board('a-0'));
  await clock.advance(waitingLimits.keptMs);
  expect(room.list()).toEqual([]);
  await room.enter(board('one-more'));
  expect(
    openRoom()
      .list()
      .map(({ node }) => node),
  ).toEqual(['one-more']);
  for (let count = 1; count < waitingLimits.boards; count++) await room.enter(board(`b-${count}`, { address: `10.1.0.${count}` }));
  await expect(room.enter(board('late', { address: '10.2.0.1' }))).rejects.toEqual(full);
});

test('a denied board stays denied until it is forgotten, whatever its machine says', async () => {
  await room.deny(await room.enter(board('a')), 'eve');
  expect(await room.enter(board('a', { serial: 'other' }))).toMatchObject({ deniedBy: 'eve', serial: '' });
  await clock.advance(waitingLimits.keptMs);
  expect(await room.enter(board('a'))).toMatchObject({ deniedBy: '' });
});

test('boards of one name are told apart by their keys', async () => {
  await room.enter(board('a', { keyId: 'first-key' }));
  await room.enter(board('a', { keyId: 'second-key' }));
  expect(() => room.find('a')).toThrow('2 boards wait under this name');
  expect(room.find('a', 'SHA256:second-k').keyId).toBe('second-key');
  expect(room.find('a', 'first-key').keyId).toBe('first-key');
  expect(() => room.find('a', 'second')).toThrow('8 characters');
  expect(() => room.find('a', 'third-key')).toThrow('not found');
  expect(() => room.find('b')).toThrow('not found');
});
