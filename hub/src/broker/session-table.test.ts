import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { beforeEach, expect, test } from 'vitest';
import { SessionTable } from './session-table.ts';
import { brokerLimits, type Incident } from './types.ts';

const identity = { node: 'board-1', keyId: 'key-1' };
const boot = (bootId: string, serial = '') => ({ bootId, serial, keepAliveMs: 20_000 });
let clock: FakeClock;
let table: SessionTable;
let incidents: Incident[];

beforeEach(() => {
  clock = new FakeClock();
  table = new SessionTable({ clock, boards: { get: (node) => (node === 'board-1' ? { ...identity, serial: 'S1' } : undefined) } });
  incidents = [];
});

const connect = (bootId: string, serial = '') => {
  table.admit(identity, boot(bootId, serial), (incident) => incidents.push(incident));
  return table.open(identity, boot(bootId, serial), 'simulated');
};

test('the timeout of an old session does not remove the new one', () => {
  const first = connect('a').session;
  const second = connect('a');
  expect(second.previous).toEqual(first);
  expect(second.session.epoch).toBeGreaterThan(first.epoch);
  expect(table.close(first)).toBe(false);
  expect(table.get('board-1')).toEqual(second.session);
  expect(table.close(second.session)).toBe(true);
  expect(table.get('board-1')).toBeUndefined();
});

test('a reboot takes over at once', () => {
  connect('a');
  expect(connect('b').session.bootId).toBe('b');
  expect(incidents).toEqual([]);
});

test('two boot ids alternating are a clone: the one in place keeps its session', () => {
  connect('a');
  const { session } = connect('b');
  expect(() => connect('a')).toThrow(expect.objectContaining({ refusal: 'quarantined' }));
  expect(table.get('board-1')).toEqual(session);
  expect(incidents.map((incident) => incident.type)).toEqual(['Cloned']);
});

test('a boot id that was superseded may come back long after its successor went', async () => {
  connect('a');
  const { session } = connect('b');
  table.close(session);
  expect(() => connect('a')).toThrow();
  await clock.advance(10 * 60_000);
  expect(connect('a').session.bootId).toBe('a');
});

test('another machine with a copy of the key stays out from the first connect', () => {
  connect('a', 'S1');
  expect(() => connect('x', 'S2')).toThrow(expect.objectContaining({ refusal: 'quarantined' }));
  expect(connect('a', 'S1').session.bootId).toBe('a');
});

test('another machine while the registered one is away may be its card: told with its serial number, and kept out all the same', async () => {
  expect(() => connect('x', 'S2')).toThrow(expect.objectContaining({ refusal: 'quarantined' }));
  expect(incidents).toMatchObject([{ type: 'Cloned', movedTo: 'S2' }]);
  connect('a', 'S1');
  await clock.advance(10_000);
  expect(() => connect('x', 'S2')).toThrow();
  expect(incidents[1]).not.toHaveProperty('movedTo');
});

test('who is not enrolled, or with another key, is refused', () => {
  expect(() => table.admit(undefined, boot('a'), () => {})).toThrow(expect.objectContaining({ refusal: 'unauthorized' }));
  expect(() => table.admit({ node: 'board-2', keyId: 'key-1' }, boot('a'), () => {})).toThrow('not enrolled');
  expect(() => table.admit({ node: 'board-1', keyId: 'key-2' }, boot('a'), () => {})).toThrow('another key');
  expect(() => table.admit(identity, boot(''), () => {})).toThrow('boot id');
});

test('a board that connects all the time is slowed down, and let in again later', async () => {
  for (let count = 0; count < brokerLimits.connectBurst; count++) connect('a');
  for (let count = 0; count < 5; count++) expect(() => connect('a')).toThrow(expect.objectContaining({ refusal: 'busy' }));
  expect(incidents.map(({ type }) => type)).toEqual(['ConnectsTooOften']);
  await clock.advance(1000 / brokerLimits.connectsPerSecond);
  connect('a');
});

test('a vehicle that changes its address all day is no crowd', async () => {
  for (let change = 0; change < 1000; change++) {
    connect('a');
    await clock.advance(10_000);
  }
  expect(incidents).toEqual([]);
});

test('a clone that goes on knocking is told of every 10 s, and takes nothing from what the honest board may connect', async () => {
  connect('a', 'S1');
  for (let second = 0; second < 60; second++) {
    for (let count = 0; count < 10; count++) expect(() => connect('x', 'S2')).toThrow(expect.objectContaining({ refusal: 'quarantined' }));
    await clock.advance(1000);
  }
  expect(incidents).toHaveLength(6);
  for (let count = 1; count < brokerLimits.connectBurst; count++) connect('a', 'S1');
});

test('rate limits are per board: a fleet behind one address is no crowd', () => {
  const fleet = new SessionTable({ clock, boards: { get: (node) => ({ node, keyId: 'key', serial: '' }) } });
  for (let board = 0; board < 1000; board++) {
    const own = { node: `board-${board}`, keyId: 'key' };
    for (let count = 0; count < brokerLimits.connectBurst; count++) fleet.admit(own, boot('a'), () => {});
    expect(() => fleet.admit(own, boot('a'), () => {})).toThrow(expect.objectContaining({ refusal: 'busy' }));
  }
});

test('session numbers grow over restarts of the hub, and no clock has a say in them', async () => {
  const epochs: number[] = [];
  for (const [incarnation, jumpMs] of [
    [100, 0],
    [101, -20 * 365 * 86_400_000],
    [105, 70 * 365 * 86_400_000],
    [106, -50 * 365 * 86_400_000],
  ] as const) {
    const hub = new SessionTable({ clock, boards: { get: () => ({ ...identity, serial: '' }) } });
    hub.begin(incarnation);
    for (let count = 0; count < 3; count++) {
      epochs.push(hub.open(identity, boot('a'), 'simulated').session.epoch);
      clock.jumpWall(jumpMs / 3);
    }
  }
  expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
  expect(new Set(epochs).size).toBe(epochs.length);
  expect(Number.isSafeInteger(epochs.at(-1))).toBe(true);
});

test('the wall clock takes nobody out of quarantine and puts nobody in', async () => {
  connect('a');
  connect('b');
  clock.jumpWall(10 * 365 * 86_400_000);
  expect(() => connect('a')).toThrow(expect.objectContaining({ refusal: 'quarantined' }));
  clock.jumpWall(-30 * 365 * 86_400_000);
  for (let count = 0; count < 10; count++) connect('b');
});
