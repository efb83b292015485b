import { expect, test } from 'vitest';
import { Allowance } from './allowance.ts';
import { brokerLimits } from './types.ts';

const message = { bytes: 500, messages: 1 };

test('a board that reports and comes back with everything at once is not held up', () => {
  const allowance = new Allowance();
  // A full report in chunks, kept logs, pings every second for an hour.
  for (let count = 0; count < 60; count++) expect(allowance.read(0, { bytes: 96 * 1024, messages: 1 }).pauseMs).toBe(0);
  for (let second = 1; second < 3_600; second++) expect(allowance.read(second * 1000, message).pauseMs).toBe(0);
});

test('the burst passes; one more waits until it is paid back', () => {
  const allowance = new Allowance();
  expect(allowance.read(0, { bytes: 0, messages: brokerLimits.messageBurst }).pauseMs).toBe(0);
  expect(allowance.read(0, message).pauseMs).toBe(1000 / brokerLimits.messagesPerSecond);
  const bytes = new Allowance();
  expect(bytes.read(0, { bytes: brokerLimits.byteBurst, messages: 1 }).pauseMs).toBe(0);
  expect(bytes.read(0, { bytes: brokerLimits.bytesPerSecond, messages: 1 }).pauseMs).toBe(1000);
});

test('who goes on is reported once, and then hung up on; who stops is forgiven', () => {
  const allowance = new Allowance();
  const verdicts: { atMs: number; report: boolean; over: boolean }[] = [];
  let atMs = 0;
  const flood = (untilMs: number): void => {
    while (atMs < untilMs) {
      const { pauseMs, report, over } = allowance.read(atMs, { bytes: 10, messages: 50 });
      if (report || over) verdicts.push({ atMs, report, over });
      atMs += Math.max(pauseMs, 100);
    }
  };
  flood(brokerLimits.excessReportedMs);
  expect(verdicts).toEqual([]);
  flood(brokerLimits.excessEndedMs - 1);
  expect(verdicts.map(({ report, over }) => [report, over])).toEqual([[true, false]]);
  atMs += 2 * brokerLimits.excessEndsMs;
  flood(atMs + brokerLimits.excessReportedMs);
  expect(verdicts).toHaveLength(1);
  flood(atMs + brokerLimits.excessEndedMs + 5_000);
  expect(verdicts.filter(({ report }) => report)).toHaveLength(2);
  expect(verdicts.at(-1)?.over).toBe(true);
});

test('what is refused costs more, and a pause is never so long that a ping does not come through', () => {
  const allowance = new Allowance();
  const sentMs: number[] = [];
  for (let atMs = 0; atMs < 60_000; ) {
    const { pauseMs } = allowance.read(atMs, message);
    allowance.charge(atMs);
    sentMs.push(atMs);
    expect(pauseMs).toBeLessThanOrEqual(brokerLimits.longestPauseMs);
    atMs += Math.max(1, pauseMs);
  }
  // Fifteen at once, then one a second.
  expect(sentMs.filter((atMs) => atMs < 100).length).toBeLessThan(20);
  expect(sentMs.length).toBeLessThan(80);
  const deep = new Allowance();
  for (let count = 0; count < 1_000; count++) deep.charge(0);
  expect(deep.read(0, message).pauseMs).toBe(brokerLimits.longestPauseMs);
});

test('what the hub asked for does not count', () => {
  const allowance = new Allowance();
  const window = 256 * 1024;
  for (let count = 0; count < 1000; count++) {
    allowance.expect(window);
    expect(allowance.read(0, { bytes: window, messages: window / 1024 }).pauseMs).toBe(0);
  }
  expect(allowance.read(0, { bytes: brokerLimits.byteBurst + 1, messages: 1 }).pauseMs).toBeGreaterThan(0);
});
