import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { beforeEach, expect, test } from 'vitest';
import { Admission } from './admission.ts';
import { brokerLimits } from './types.ts';

let clock: FakeClock;
/** How far the clock is ahead of its timers: a loop that was busy. */
let lagMs: number;
let admission: Admission;
let started: number[];
let dropped: number[];

beforeEach(() => {
  clock = new FakeClock();
  lagMs = 0;
  admission = new Admission({
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.monotonicMs() + lagMs,
    bootMs: () => clock.bootMs(),
    after: (name, delayMs, fire) => clock.after(name, delayMs, fire),
    sleep: (name, delayMs, signal) => clock.sleep(name, delayMs, signal),
  });
  started = [];
  dropped = [];
});

function arrive(count: number, from = 0, gone = false): void {
  for (let number = from; number < from + count; number++)
    admission.enter({ start: () => started.push(number), drop: () => dropped.push(number), gone });
}

test('a few begin at once; a crowd begins in order, at the pace of the loop', async () => {
  arrive(brokerLimits.handshakeBurst);
  expect(started).toHaveLength(brokerLimits.handshakeBurst);
  arrive(300, 1000);
  expect(started).toHaveLength(brokerLimits.handshakeBurst);
  await clock.advance(500);
  expect(started.length).toBeGreaterThan(brokerLimits.handshakeBurst + 90);
  expect(started.length).toBeLessThan(brokerLimits.handshakeBurst + 200);
  await clock.advance(2_000);
  expect(started.slice(-300)).toEqual(Array.from({ length: 300 }, (_, index) => 1000 + index));
  expect(dropped).toEqual([]);
});

test('nothing runs while nobody waits', async () => {
  arrive(200);
  await clock.advance(5_000);
  expect([started.length, admission.waiting, clock.pending()]).toEqual([200, 0, []]);
});

test('a loop that lags takes on fewer, down to a bound; one that keeps up takes on more, up to a bound', async () => {
  const { first, least, most } = brokerLimits.handshakesPerSecond;
  arrive(3_000);
  await clock.advance(1_000);
  expect(admission.perSecond).toBeGreaterThan(first);
  for (let turn = 0; turn < 100; turn++) {
    arrive(100, 10_000);
    lagMs += 200;
    await clock.advance(10);
  }
  expect(admission.perSecond).toBeLessThan(first);
  expect(admission.perSecond).toBeGreaterThanOrEqual(least);
  for (let turn = 0; turn < 2_000; turn++) {
    arrive(30, 20_000);
    await clock.advance(10);
  }
  expect(admission.perSecond).toBe(most);
});

test('who waited until its board gave up is dropped, and so is who finds the queue full', async () => {
  const patience = Math.ceil((brokerLimits.handshakeWaitMs / 1000) * brokerLimits.handshakesPerSecond.first);
  arrive(brokerLimits.handshakeBurst + brokerLimits.waitingHandshakes);
  expect(dropped).toEqual([]);
  arrive(1, 50_000);
  expect(dropped).toEqual([50_000]);
  await clock.advance(60_000);
  expect(started.length).toBeGreaterThan(patience);
  expect(started.length + dropped.length).toBe(brokerLimits.handshakeBurst + brokerLimits.waitingHandshakes + 1);
  expect(admission.dropped).toBe(dropped.length);
});

test('who has gone meanwhile costs nothing', async () => {
  arrive(brokerLimits.handshakeBurst);
  arrive(1_000, 1_000, true);
  arrive(10, 5_000);
  await clock.advance(100);
  expect(started.slice(-10)).toEqual(Array.from({ length: 10 }, (_, index) => 5_000 + index));
});

test('whoever connects and says nothing gives way', () => {
  const gaveWay: number[] = [];
  for (let number = 0; number < brokerLimits.handshakesUnderWay; number++) admission.began(String(number), () => gaveWay.push(number));
  admission.ended('1');
  admission.began('new', () => gaveWay.push(-1));
  expect(gaveWay).toEqual([]);
  admission.began('newer', () => gaveWay.push(-2));
  admission.began('newest', () => gaveWay.push(-3));
  expect(gaveWay).toEqual([0, 2]);
});

test('boards that are sent away get times of their own, at the pace of the loop, and none further away than the bound', async () => {
  const times = Array.from({ length: 1_000 }, () => admission.nextSlotMs(1_000));
  expect(times[0]).toBe(1_000);
  expect(times.at(-1)).toBeGreaterThan(5_000);
  expect(new Set(times).size).toBe(times.length);
  for (let count = 0; count < 100_000; count++) admission.nextSlotMs(1_000);
  expect(admission.nextSlotMs(1_000)).toBe(brokerLimits.longestRetryMs);
  await clock.advance(10 * 60_000);
  expect(admission.nextSlotMs(1_000)).toBe(1_000);
});

test('a stop leaves nobody waiting', () => {
  arrive(200);
  admission.began('a', () => dropped.push(-1));
  admission.stop();
  expect([dropped.length, clock.pending()]).toEqual([200 - brokerLimits.handshakeBurst + 1, []]);
});
