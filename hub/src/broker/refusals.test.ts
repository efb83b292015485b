import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { expect, test } from 'vitest';
import { Refusals } from './refusals.ts';
import { brokerLimits } from './types.ts';

function setUp() {
  const clock = new FakeClock();
  const refusals = new Refusals(clock);
  const said: string[] = [];
  return { clock, said, refuse: (node: string | undefined) => refusals.answer(node, () => said.push(node ?? 'nobody')) };
}

test('who is refused again and again hears it late; others, and the same one later, at once', async () => {
  const { clock, said, refuse } = setUp();
  expect([0, 1, 2, 3, 4, 5, 6].map(() => refuse('a'))).toEqual([false, false, false, false, false, true, true]);
  expect(said).toHaveLength(5);
  refuse('b');
  refuse(undefined);
  expect(said.slice(5)).toEqual(['b', 'nobody']);
  await clock.advance(brokerLimits.refusalHeldMs - 1);
  expect(said).toHaveLength(7);
  await clock.advance(1);
  expect(said.slice(7)).toEqual(['a']);
  // One by one: they come back one by one.
  await clock.advance(100);
  expect(said.slice(7)).toEqual(['a', 'a']);
  await clock.advance(60_000);
  expect(refuse('a')).toBe(false);
});

test('holds no more answers back than so many', async () => {
  const { said, refuse, clock } = setUp();
  for (let count = 0; count < 5 + brokerLimits.heldRefusals; count++) refuse('a');
  expect(said).toHaveLength(5);
  expect(refuse('a')).toBe(true);
  expect(said).toHaveLength(6);
  // Before a board gives up.
  await clock.advance(14_000);
  expect(said).toHaveLength(6 + brokerLimits.heldRefusals);
});

test('remembers no more devices than so many', () => {
  const { refuse } = setUp();
  for (let count = 0; count < 6; count++) refuse('a');
  for (let other = 0; other < 9_999; other++) refuse(`other-${other}`);
  expect(refuse('a')).toBe(true);
  for (let other = 0; other < 10_000; other++) refuse(`next-${other}`);
  expect(refuse('a')).toBe(false);
});
