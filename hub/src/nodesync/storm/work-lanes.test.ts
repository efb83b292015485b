import type { Clock } from '@flotilla/shared/clock/clock.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import type { UpKind } from '@flotilla/shared/protocol/topics.js';
import { beforeEach, expect, test } from 'vitest';
import { type Lane, laneLimits, laneOf, WorkLanes } from './work-lanes.ts';

let clock: FakeClock;
/** Time that work took: it passes while nothing else runs. */
let spentMs: number;
let lanes: WorkLanes;
let done: string[];

beforeEach(() => {
  clock = new FakeClock();
  spentMs = 0;
  const working: Clock = {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.monotonicMs() + spentMs,
    bootMs: () => clock.bootMs(),
    after: (name, delayMs, fire) => clock.after(name, delayMs, fire),
    sleep: (name, delayMs, signal) => clock.sleep(name, delayMs, signal),
  };
  lanes = new WorkLanes(working);
  done = [];
});

const offer = (lane: Lane, board: string, text = '', costMs = 1, bytes = 10): boolean =>
  lanes.offer(lane, board, bytes, () => {
    spentMs += costMs;
    done.push(`${board}${text}`);
  });

test('while there is time everything is done at once', () => {
  for (let count = 0; count < 1000; count++) offer('status', 'a', '', 0);
  expect([done.length, clock.pending()]).toEqual([1000, []]);
});

test('a crowd is served in lanes, and within a lane each board in turn', async () => {
  offer('status', 'first', '', 50);
  for (let count = 1; count <= 3; count++) offer('streams', 'greedy', ` stream ${count}`);
  for (let count = 1; count <= 3; count++) offer('status', 'greedy', ` ${count}`);
  offer('status', 'modest', ' 1');
  offer('sync', 'modest', ' sync');
  offer('heartbeat', 'late', ' hello');
  expect(done).toEqual(['first']);
  await clock.advance(1_000);
  expect(done.slice(1)).toEqual([
    'late hello',
    'greedy 1',
    'modest 1',
    'greedy 2',
    'greedy 3',
    'modest sync',
    'greedy stream 1',
    'greedy stream 2',
    'greedy stream 3',
  ]);
});

test('others get their share of the loop while boards wait', async () => {
  for (let board = 0; board < 500; board++) offer('status', `b${board}`, '', 1);
  let turns = 0;
  while (done.length < 500) {
    const before = spentMs;
    await clock.advance(1);
    expect(spentMs - before).toBeLessThanOrEqual(13);
    turns++;
  }
  expect(turns).toBeGreaterThan(500 / 13);
  expect(lanes.load.items).toBe(0);
});

test('a hello is heard while ten thousand reports wait', async () => {
  offer('status', 'first', '', 50);
  for (let board = 0; board < 10_000; board++) offer('status', `b${board}`, '', 5);
  await clock.advance(100);
  offer('heartbeat', 'new', '', 1);
  await clock.advance(20);
  expect(done).toContain('new');
  expect(lanes.backlogMs).toBeGreaterThan(5_000);
});

test('one board has bounds of its own; beyond them it is told, and the others are not', () => {
  offer('status', 'first', '', 50);
  for (let count = 0; count < laneLimits.itemsOfOne; count++) expect(offer('status', 'greedy')).toBe(true);
  expect(offer('status', 'greedy')).toBe(false);
  expect(offer('status', 'modest')).toBe(true);
  expect(offer('streams', 'large', '', 1, laneLimits.bytesOfOne)).toBe(true);
  expect(offer('streams', 'large', '', 1, 1)).toBe(false);
  expect(lanes.load.refused).toBe(2);
});

test('what is said again before its turn came is done once; other words of the same kind, and of other kinds, each time', async () => {
  offer('status', 'first', '', 50);
  const say = (kind: UpKind, text: string): boolean =>
    lanes.offer(laneOf(kind), 'a', text.length, () => done.push(`${kind} ${text}`), { kind, payload: Buffer.from(text) });
  for (let again = 0; again < 30; again++) expect(say('report', 'one')).toBe(true);
  expect(lanes.load.items).toBe(1);
  for (const text of ['x', 'y', 'x']) say('applied', text);
  say('report', 'two');
  say('token', 'one');
  await clock.advance(1_000);
  expect(done).toEqual(['first', 'report one', 'applied x', 'applied y', 'applied x', 'report two', 'token one']);
  say('report', 'one');
  await clock.advance(1_000);
  expect(done.at(-1)).toBe('report one');
});

test('all together have a bound', () => {
  offer('status', 'first', '', 50);
  const most = laneLimits.bytesInAll / laneLimits.bytesOfOne;
  for (let board = 0; board < most; board++) expect(offer('streams', `b${board}`, '', 1, laneLimits.bytesOfOne)).toBe(true);
  expect(offer('status', 'one more')).toBe(false);
});

test('what an item leads to at once is counted once', () => {
  lanes.offer('heartbeat', 'a', 1, () => {
    offer('sync', 'a', ' inner', 5);
    spentMs += 2;
  });
  // Seven of twelve are gone: four more are done at once, and one more would be, but not what comes after it.
  offer('status', 'a', ' next', 4);
  offer('status', 'a', ' last', 4);
  offer('status', 'a', ' waits', 1);
  expect(done).toEqual(['a inner', 'a next', 'a last']);
  lanes.stop();
});

test('what a board said before its session ended is not done any more', async () => {
  offer('status', 'first', '', 50);
  offer('status', 'gone');
  offer('streams', 'gone');
  offer('status', 'there');
  lanes.drop('gone');
  await clock.advance(1_000);
  expect(done).toEqual(['first', 'there']);
  expect(lanes.load).toEqual({ items: 0, bytes: 0, refused: 0 });
});

test('one that throws does not hold up the others', async () => {
  offer('status', 'first', '', 50);
  lanes.offer('status', 'bad', 1, () => {
    throw new Error('a fault of ours');
  });
  offer('status', 'next');
  await expect(clock.advance(1_000)).rejects.toThrow('a fault of ours');
  offer('status', 'more');
  await clock.advance(1_000);
  expect(done).toEqual(['first', 'next', 'more']);
});

test('whatever says that a board is there goes before everything else', () => {
  expect(laneOf('hello')).toBe('heartbeat');
  expect(laneOf('report')).toBe('status');
  expect(laneOf('want')).toBe('sync');
  expect(laneOf('stream')).toBe('streams');
});
